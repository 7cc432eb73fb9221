#include "doctor/kernel_names.h"

#include <algorithm>

#include "base/aligned_buffer.h"
#include "cpu/launch/launch.h"

namespace ipa {
namespace {

template <class Function>
KernelAddress address_of(Function* function) {
  return reinterpret_cast<KernelAddress>(function);
}

class KernelList {
 public:
  template <class Function>
  void add(const std::string& name, Function* function) {
    if (!function || has(address_of(function))) return;
    kernels.push_back({name, address_of(function)});
  }
  // Names every member: one that is new does not compile before it has a name here.
  void add(const std::string& type, const ComputeKernels& of) {
    const auto& [round_weights, round_rows, gemm, winograd_input, winograd_product, pack_kv, attention,
                 attention_map] = of;
    add(type + ".round_weights", round_weights);
    add(type + ".round_rows", round_rows);
    add(type + ".gemm", gemm);
    add(type + ".winograd_input", winograd_input);
    add(type + ".winograd_product", winograd_product);
    add(type + ".pack_kv", pack_kv);
    add(type + ".attention", attention);
    add(type + ".attention_map", attention_map);
  }
  std::vector<NamedKernel> kernels;

 private:
  bool has(KernelAddress address) const {
    return std::any_of(kernels.begin(), kernels.end(),
                       [&](const NamedKernel& kernel) { return kernel.address == address; });
  }
};

// In the order of Compute.
constexpr const char* type_names[] = {"f32", "bf16", "int16", "int8_weights", "int8"};
static_assert(sizeof type_names / sizeof type_names[0] == cpu_compute_types, "a name a type");

}  // namespace

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<NamedKernel> kernels_of(const Kernels& table) {
  // As above.
  const auto& [isa, panels, tile_rows, fast_bytes, fast_bf16, kv_layout, widen, by_compute, group_norm_sums,
               group_norm_apply, layer_norm, activate, add] = table;
  KernelList list;
  list.add("kv_layout", kv_layout);
  list.add("widen", widen);
  for (size_t i = 0; i < cpu_compute_types; ++i) list.add(type_names[i], *by_compute[i]);
  list.add("group_norm_sums", group_norm_sums);
  list.add("group_norm_apply", group_norm_apply);
  list.add("layer_norm", layer_norm);
  list.add("activate", activate);
  list.add("add", add);
  return list.kernels;
}

Result<PlannedKernels> planned_kernels(const Plan& plan, const Kernels& table,
                                       const std::vector<NamedKernel>& names) {
  PlannedKernels planned;
  const auto use = [&](KernelAddress address) {
    for (const NamedKernel& kernel : names)
      if (kernel.address == address && !contains(planned.names, kernel.name))
        planned.names.push_back(kernel.name);
  };
  for (const auto& param : plan.graph().params()->all())
    if (param->is_matrix()) use(address_of(table.of(param->compute).round_weights));
  // Addresses alone: nothing is run there.
  const AlignedBuffer arena(plan.arena_bytes());
  if (!arena) return Status(Code::no_memory, "out of memory");
  const std::vector<void*> bindings(plan.bound_values().size(), arena.data());
  LaunchMemory memory;
  std::vector<Launch> launches;
  LaunchBuilder builder(table, 1, arena.data(), bindings, memory, launches);
  for (const Step& step : plan.steps()) builder.add(step);
  for (const Launch& launch : launches) {
    std::visit([&](const auto& call) { use(address_of(call.kernel)); }, launch.call);
    planned.winograd = planned.winograd || std::holds_alternative<Launch::Call<WinogradArgs>>(launch.call);
  }
  return planned;
}

}  // namespace ipa
