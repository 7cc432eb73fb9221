// torch.randn's values for several seeds and sizes; see tools/goldens/schedulers.py.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "harness.h"
#include "schedulers/torch_noise.h"
#include "weights/formats/safetensors/safetensors.h"

namespace {

double worst_difference(const ipa::TensorSource& source, const std::string& name, const float* values) {
  const ipa::TensorInfo* info = source.find(name);
  CHECK(info != nullptr);
  if (info == nullptr) return 1e30;
  std::vector<float> reference(static_cast<size_t>(info->elements()));
  CHECK_OK(source.read_f32(*info, reference.data()));
  double worst = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(values[i]) - reference[i]);
    worst = difference <= worst ? worst : difference;
  }
  return worst;
}

}  // namespace

TEST_ONCE(schedulers_noise_matches_torch_randn) {
  auto opened = ipa::open_safetensors(ipa_test::golden_folder() + "/noise.safetensors");
  CHECK_OK(opened.status());
  if (!opened.ok()) return;
  const ipa::TensorSource& source = *opened.value();
  double worst = 0;
  int draws = 0;
  for (uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{42}, uint64_t{123456789}, uint64_t{4294967301},
                        uint64_t{18446744073709551615u}, uint64_t{4294967295}}) {
    ipa::TorchNoise noise(seed);
    // One generator for all draws of a seed: its state goes on, across short and long ones.
    for (int index = 0;; ++index, ++draws) {
      const std::string name = std::to_string(seed) + "." + std::to_string(index);
      const ipa::TensorInfo* info = source.find(name);
      if (info == nullptr) break;
      std::vector<float> values(static_cast<size_t>(info->elements()));
      noise.fill(values.data(), values.size());
      worst = std::max(worst, worst_difference(source, name, values.data()));
    }
  }
  ipa::TorchNoise noise(2026);
  std::vector<float> big(4 * 64 * 64 + 5);
  noise.fill(big.data(), big.size());
  worst = std::max(worst, worst_difference(source, "2026.head", big.data()));
  worst = std::max(worst, worst_difference(source, "2026.tail", big.data() + big.size() - 64));
  CHECK_EQ(draws, 29);
  CHECK_NEAR(worst, 0.0, 1e-6);
  std::printf("  %d draws, worst difference %.2g\n", draws, worst);
}

TEST_ONCE(schedulers_noise_uses_low_seed_bits_only) {
  // torch.manual_seed(2**32 + 5) and manual_seed(5) give the same numbers.
  float a[40], b[40];
  ipa::TorchNoise(5).fill(a, 40);
  ipa::TorchNoise((uint64_t{1} << 32) + 5).fill(b, 40);
  CHECK(std::equal(a, a + 40, b));
}

TEST_ONCE(schedulers_noise_empty_fill_changes_nothing) {
  float a[3], b[3];
  ipa::TorchNoise first(9), second(9);
  first.fill(a, 0);
  first.fill(a, 3);
  second.fill(b, 3);
  CHECK(std::equal(a, a + 3, b));
}
