#include "pipeline/load/load_fields.h"

namespace ipa {
namespace {

// In the order of Compute.
const std::vector<const char*> dtype_names = {"f32", "bf16", "int16", nullptr, "int8", "f16"};

}  // namespace

const char* dtype_name(Compute compute) {
  const char* name = dtype_names[static_cast<size_t>(compute)];
  return name ? name : "int8";
}

const std::vector<LoadField>& load_fields() {
  using R = LoadRequest;
  static const std::vector<LoadField> fields = {
      {"prediction", &R::prediction, 0, 2, {"epsilon", "v", "sample"}},
      {"zeroSnr", &R::zero_snr, 0, 1},
      {"offload", &R::offload, 0, 1},
      {"vaeScalingFactor", &R::vae_scaling_factor, 0.001, 1000},
      {"dtype", &R::compute, 0, 5, dtype_names},
      {"threads", &R::threads, 0, 1024},
      {"concurrency", &R::concurrency, 1, 1024},
      {"maxBatch", &R::max_batch, 0, 64},
  };
  return fields;
}

}  // namespace ipa
