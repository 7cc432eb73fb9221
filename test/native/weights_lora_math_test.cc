// What a LoRA's arithmetic takes while it runs, whatever ranks its file has: memory, and until it is cancelled.
// That its numbers are right is in test/lora.test.ts, against diffusers, peft and LyCORIS.
#include <array>
#include <atomic>
#include <cstdio>
#include <string>
#include <vector>

#include "allocation_counter.h"
#include "cpu/isa/cpu_features.h"
#include "cpu/kernels/plain_product.h"
#include "golden_case.h"
#include "harness.h"
#include "random.h"
#include "safetensors_build.h"
#include "weights/changes/merged_source.h"
#include "weights/formats/safetensors/safetensors.h"

namespace {

using ipa_test::NamedShapes;
using Shape = std::vector<int64_t>;

// A LoRA of one layer with its weight's shape.
struct Layer {
  const char* what;
  Shape weight;
  std::vector<std::pair<const char*, Shape>> tensors;
};

const std::vector<Layer>& layers() {
  static const std::vector<Layer> all = {
      {"a rank above both sides", {64, 48}, {{"lora_down.weight", {3000, 48}}, {"lora_up.weight", {64, 3000}}}},
      {"conv_out with rank 128",
       {4, 320, 3, 3},
       {{"lora_down.weight", {128, 320, 3, 3}}, {"lora_up.weight", {4, 128, 1, 1}}}},
      {"conv_out with a core of large ranks",
       {4, 320, 3, 3},
       {{"lora_down.weight", {500, 320, 1, 1}},
        {"lora_mid.weight", {600, 500, 3, 3}},
        {"lora_up.weight", {4, 600, 1, 1}}}},
      {"a core of a small layer",
       {320, 4, 3, 3},
       {{"lora_down.weight", {700, 4, 1, 1}},
        {"lora_mid.weight", {64, 700, 3, 3}},
        {"lora_up.weight", {320, 64, 1, 1}}}},
      {"LoHa's two cores",
       {32, 24, 3, 3},
       {{"hada_t1", {300, 200, 3, 3}},
        {"hada_w1_a", {300, 32}},
        {"hada_w1_b", {200, 24}},
        {"hada_t2", {100, 400, 3, 3}},
        {"hada_w2_a", {100, 32}},
        {"hada_w2_b", {400, 24}}}},
      {"LoKr's products",
       {64, 64},
       {{"lokr_w1_a", {8, 4000}},
        {"lokr_w1_b", {4000, 8}},
        {"lokr_w2_a", {8, 4000}},
        {"lokr_w2_b", {4000, 8}}}},
      {"a DoRA",
       {96, 80},
       {{"lora_down.weight", {2000, 80}}, {"lora_up.weight", {96, 2000}}, {"dora_scale", {96, 1}}}},
  };
  return all;
}

std::unique_ptr<ipa::TensorSource> source_of(const NamedShapes& tensors) {
  return ipa::open_safetensors_bytes(ipa_test::zeros_safetensors(tensors), "made").take();
}

std::unique_ptr<ipa::TensorSource> merged(const Layer& layer, std::vector<ipa::LoraUse>* uses,
                                          const ipa::LoraMath& math) {
  NamedShapes tensors;
  for (const auto& [ending, shape] : layer.tensors)
    tensors.emplace_back("unet.conv_in." + std::string(ending), shape);
  auto file = ipa::read_lora(source_of(tensors));
  CHECK_OK(file.status());
  uses->resize(1);
  (*uses)[0] = {file.take(), 1};
  auto result =
      ipa::with_loras(source_of({{"conv_in.weight", layer.weight}}), *uses, ipa::LoraPart::unet, nullptr, math);
  CHECK_OK(result.status());
  return result.take();
}

TEST(weights_lora_math_in_three_times_the_weight) {
  auto kernels = ipa::choose_kernels();
  CHECK_OK(kernels.status());
  const ipa::AddProduct fast = [&](const ipa::ProductTerms& terms) {
    return ipa::add_product(*kernels.value(), terms);
  };
  for (const ipa::AddProduct& add_product : {ipa::AddProduct(ipa::add_product_plainly), fast}) {
    for (const Layer& layer : layers()) {
      ipa::LoraMath math;
      math.add_product = add_product;
      std::vector<ipa::LoraUse> uses;
      const auto source = merged(layer, &uses, math);
      const ipa::TensorInfo& weight = source->tensors()[0];
      std::vector<float> out(static_cast<size_t>(weight.elements()));
      const ipa_test::PeakMemory peak;
      CHECK_OK(source->read_f32(weight, out.data()));
      // A chunk of the file and the kernels' own scratch do not grow with the weight.
      const int64_t most = 3 * weight.elements() * int64_t{sizeof(float)} + (int64_t{1} << 17);
      if (peak.bytes() > most)
        std::printf("%s: %lld bytes\n", layer.what, static_cast<long long>(peak.bytes()));
      CHECK(peak.bytes() <= most);
    }
  }
}

TEST_ONCE(weights_lora_math_is_cancelled_inside_a_layer) {
  for (const Layer& layer : layers()) {
    std::atomic<bool> cancel{false};
    int products = 0;
    ipa::LoraMath math;
    math.cancel = &cancel;
    math.add_product = [&](const ipa::ProductTerms&) -> ipa::Status {
      ++products;
      cancel = true;
      return {};
    };
    std::vector<ipa::LoraUse> uses;
    const auto source = merged(layer, &uses, math);
    std::vector<float> out(static_cast<size_t>(source->tensors()[0].elements()));
    const ipa::Status status = source->read_f32(source->tensors()[0], out.data());
    CHECK_EQ(status.code(), ipa::Code::cancelled);
    CHECK_EQ(products, 1);
  }
}

std::vector<float> random_floats(int64_t count, uint64_t seed) {
  ipa_test::Random random(seed);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = random.uniform(-1, 1);
  return values;
}

TEST(weights_lora_math_product_of_the_kernels) {
  auto kernels = ipa::choose_kernels();
  CHECK_OK(kernels.status());
  ipa_test::ErrorReport report("products as they lie in memory", 1e-6);
  for (const auto& [m, k, n] :
       std::vector<std::array<int64_t, 3>>{{1, 1, 1}, {7, 3, 5}, {100, 33, 130}, {3, 2000, 17}}) {
    const std::vector<float> a = random_floats(m * k, 1), b = random_floats(k * n, 2);
    std::vector<float> ours = random_floats(m * n, 3);
    auto plain = ours;
    CHECK_OK(ipa::add_product(*kernels.value(), {a.data(), b.data(), ours.data(), m, k, n}));
    CHECK_OK(ipa::add_product_plainly({a.data(), b.data(), plain.data(), m, k, n}));
    report.add(std::to_string(m) + " " + std::to_string(k) + " " + std::to_string(n),
               ipa_test::relative_error(ours, plain));
  }
}

}  // namespace
