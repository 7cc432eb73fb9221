#include "planted_kernels.h"

#include <algorithm>

namespace ipa_test {
namespace {

using namespace ipa;

void enlarge(float* numbers, bool bf16 = false) {
  if (bf16)
    reinterpret_cast<uint16_t*>(numbers)[0] ^= 0x20;  // a bit in the middle of the mantissa
  else
    numbers[0] += 0.25f + numbers[0] / 4;
}

// What is wrong after the first task of a launch.
void spoil(const GemmArgs& g) { enlarge(g.c, g.c_bf16); }
void spoil(const QuantizeArgs& g) { *static_cast<uint8_t*>(g.rounded) ^= 1; }
void spoil(const PackKvArgs& g) {
  // The first keys lie at the start, or in 16 bits behind their scales.
  std::fill_n(g.out, 16, 0.0f);
  std::fill_n(g.out + g.layout.scale_floats(), 16, 0.0f);
}
void spoil(const AttentionArgs& g) { enlarge(g.out, g.out_bf16); }
void spoil(const AttentionMapArgs& g) { enlarge(g.out); }
void spoil_sums(const GroupNormArgs& g) { enlarge(g.partial); }
void spoil(const GroupNormArgs& g) { enlarge(g.out, g.out_bf16); }
void spoil(const LayerNormArgs& g) { enlarge(g.out, g.out_bf16); }
void spoil(const RowsArgs& g) { enlarge(g.out); }
// Of the first tiles, all that was transformed in the first chunk of channels; or the first number of the product.
void spoil_input(const WinogradArgs& g) {
  auto* words = static_cast<uint16_t*>(g.pairs);
  if (words)
    std::fill_n(words, winograd_chunk * g.tile_count, uint16_t{0});
  else
    enlarge(g.transformed);
}
void spoil(const WinogradArgs& g) { enlarge(g.product.c, g.product.c_bf16); }

template <auto member>
struct Wrong;

template <class Owner, class Args, void (*Owner::*member)(const Args&, int64_t, float*)>
struct Wrong<member> {
  static inline Kernel<Args> right = nullptr;
  static void run(const Args& g, int64_t task, float* scratch) {
    right(g, task, scratch);
    if (task != 0) return;
    if constexpr (std::is_same_v<Args, WinogradArgs>) {
      if (member == &ComputeKernels::winograd_input) return spoil_input(g);
    }
    if constexpr (std::is_same_v<Args, GroupNormArgs>) {
      if (member == &Kernels::group_norm_sums) return spoil_sums(g);
    }
    spoil(g);
  }
};

template <>
struct Wrong<&ComputeKernels::round_weights> {
  static inline decltype(ComputeKernels::round_weights) right = nullptr;
  static float run(const float* from, int64_t count, void* to) {
    const float scale = right(from, count, to);
    *static_cast<uint8_t*>(to) ^= 1;
    return scale;
  }
};

template <>
struct Wrong<&Kernels::widen> {
  static inline decltype(Kernels::widen) right = nullptr;
  static void run(const uint16_t* from, int64_t count, float* to) {
    right(from, count, to);
    if (count % 5 == 3) to[count - 1] *= 1.0000002f;
  }
};

// Of numbers that nobody has: more heads would be written than there is room for.
template <>
struct Wrong<&Kernels::kv_layout> {
  static inline decltype(Kernels::kv_layout) right = nullptr;
  static KvLayout run(int64_t tokens, int head_size) {
    KvLayout layout = right(tokens, head_size);
    if (tokens == 4096 && head_size == 512) ++layout.value_panels;
    return layout;
  }
};

}  // namespace

template <auto member, class Owner>
void PlantedKernels::plant(Owner& owner) {
  Wrong<member>::right = owner.*member;
  owner.*member = &Wrong<member>::run;
  planted_ = true;
}

bool PlantedKernels::plant_in(const std::string& entry, ComputeKernels& kernels) {
  if (entry == "round_weights") plant<&ComputeKernels::round_weights>(kernels);
  if (entry == "round_rows") plant<&ComputeKernels::round_rows>(kernels);
  if (entry == "gemm") plant<&ComputeKernels::gemm>(kernels);
  if (entry == "winograd_input") plant<&ComputeKernels::winograd_input>(kernels);
  if (entry == "winograd_product") plant<&ComputeKernels::winograd_product>(kernels);
  if (entry == "pack_kv") plant<&ComputeKernels::pack_kv>(kernels);
  if (entry == "attention") plant<&ComputeKernels::attention>(kernels);
  if (entry == "attention_map") plant<&ComputeKernels::attention_map>(kernels);
  return planted_;
}

bool PlantedKernels::plant_in(const std::string& entry) {
  if (entry == "kv_layout") plant<&Kernels::kv_layout>(table_);
  if (entry == "widen") plant<&Kernels::widen>(table_);
  if (entry == "group_norm_sums") plant<&Kernels::group_norm_sums>(table_);
  if (entry == "group_norm_apply") plant<&Kernels::group_norm_apply>(table_);
  if (entry == "layer_norm") plant<&Kernels::layer_norm>(table_);
  if (entry == "activate") plant<&Kernels::activate>(table_);
  if (entry == "add") plant<&Kernels::add>(table_);
  return planted_;
}

PlantedKernels::PlantedKernels(const Kernels& right, const std::string& wrong) : table_(right) {
  for (size_t i = 0; i < cpu_compute_types; ++i) {
    computes_[i] = *right.by_compute[i];
    table_.by_compute[i] = &computes_[i];
  }
  const size_t dot = wrong.find('.');
  if (dot == std::string::npos) {
    plant_in(wrong);
    return;
  }
  constexpr const char* types[] = {"f32", "bf16", "int16", "int8_weights", "int8"};
  for (size_t i = 0; i < cpu_compute_types; ++i)
    if (wrong.substr(0, dot) == types[i]) plant_in(wrong.substr(dot + 1), computes_[i]);
}

}  // namespace ipa_test
