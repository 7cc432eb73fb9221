// Noise over a picture's latents, and runs that begin with it, against diffusers; see tools/goldens/add_noise.py.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "harness.h"
#include "schedulers/scheduler_table.h"
#include "schedulers/torch_noise.h"

namespace {

using ipa::Json;

std::vector<float> numbers(const Json& json) {
  std::vector<float> values;
  for (const Json& value : json.array()) values.push_back(static_cast<float>(value.number()));
  return values;
}

double relative_difference(const std::vector<float>& values, const std::vector<float>& reference) {
  double difference = 0, scale = 1e-30;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return 1e30;
    difference = std::max(difference, static_cast<double>(std::fabs(values[i] - reference[i])));
    scale = std::max(scale, static_cast<double>(std::fabs(reference[i])));
  }
  return difference / scale;
}

class Runner {
 public:
  explicit Runner(const Json& document)
      : latents_(numbers(*document.find("latents"))),
        noise_(numbers(*document.find("noise"))),
        outputs_(numbers(*document.find("outputs"))),
        seed_(static_cast<uint64_t>(document.find("noise_seed")->number())) {}

  // The worst relative difference of a weight or of a run's last latents.
  double run(const Json& entry) const {
    ipa::SchedulerOptions options;
    options.name = entry.find("scheduler")->string();
    options.steps = static_cast<int>(entry.find("steps")->number());
    options.eta = static_cast<float>(entry.find("eta")->number());
    options.sigmas.spacing = ipa::sigma_spacing(entry.find("sigmas")->string()).value();
    double worst = mixes(entry, options);
    for (const Json& late : entry.find("runs")->array())
      worst = std::max(worst, late_run(late, *entry.find("config"), options));
    return worst;
  }

 private:
  static double mixes(const Json& entry, const ipa::SchedulerOptions& options) {
    auto made = ipa::make_scheduler(*entry.find("config"), options);
    CHECK_OK(made.status());
    const std::vector<Json>& expected = entry.find("mixes")->array();
    if (!made.ok() || made.value()->timesteps().size() != expected.size()) return 1e30;
    double worst = 0;
    const float picture[] = {1, 0}, noise[] = {0, 1};
    for (size_t i = 0; i < expected.size(); ++i) {
      std::vector<float> found(2);
      made.value()->add_noise(static_cast<int>(i), picture, noise, found.data(), 2);
      worst = std::max(worst, relative_difference(found, numbers(expected[i])));
    }
    return worst;
  }

  double late_run(const Json& late, const Json& config, const ipa::SchedulerOptions& options) const {
    auto made = ipa::make_scheduler(config, options);
    CHECK_OK(made.status());
    if (!made.ok()) return 1e30;
    ipa::Scheduler& scheduler = *made.value();
    const int first = static_cast<int>(late.find("first")->number());
    CHECK_OK(scheduler.begin_at(first));
    const size_t count = latents_.size();
    std::vector<float> sample(count), input(count), output(count);
    scheduler.add_noise(first, latents_.data(), noise_.data(), sample.data(), count);
    ipa::TorchNoise fresh(seed_);
    const int calls = static_cast<int>(scheduler.timesteps().size()) - first;
    for (int call = 0; call < calls; ++call) {
      scheduler.scale_model_input(first + call, sample.data(), input.data(), count);
      for (size_t i = 0; i < count; ++i)
        output[i] = 0.5f * outputs_[static_cast<size_t>(call) * count + i] + 0.5f * input[i];
      scheduler.step(first + call, output.data(), sample.data(), count, fresh);
    }
    return relative_difference(sample, numbers(*late.find("latents")));
  }

  std::vector<float> latents_, noise_, outputs_;
  uint64_t seed_;
};

}  // namespace

TEST_ONCE(schedulers_begin_late_as_those_of_diffusers) {
  auto text = ipa::read_file(ipa_test::golden_folder() + "/add-noise.json", 1 << 22);
  CHECK_OK(text.status());
  if (!text.ok()) return;
  auto document = ipa::Json::parse(text.value());
  CHECK_OK(document.status());
  if (!document.ok()) return;
  const Runner runner(document.value());
  std::map<std::string, double> worst;
  for (const Json& entry : document.value().find("cases")->array()) {
    const double difference = runner.run(entry);
    const std::string& name = entry.find("scheduler")->string();
    if (!(difference <= 1e-5))
      ipa_test::fail(__FILE__, __LINE__, name + ": relative difference " + std::to_string(difference));
    worst[name] = std::max(worst[name], difference);
  }
  CHECK(worst.size() == ipa::scheduler_names().size());
  for (const auto& [name, difference] : worst) std::printf("  %s: %.2g\n", name.c_str(), difference);
}
