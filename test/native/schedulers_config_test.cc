// What make_scheduler accepts and refuses,
// and how the samplers behave at the edges where diffusers has no usable answer.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/json.h"
#include "harness.h"
#include "schedulers/scheduler_table.h"
#include "schedulers/torch_noise.h"

namespace {

ipa::Result<std::unique_ptr<ipa::Scheduler>> make(const std::string& name, const std::string& config,
                                                  int steps = 20, const char* sigmas = "", float eta = 0) {
  auto json = ipa::Json::parse(config);
  CHECK_OK(json.status());
  if (!json.ok()) return json.status();
  ipa::SchedulerOptions options;
  options.name = name;
  options.steps = steps;
  options.sigmas.spacing = ipa::sigma_spacing(sigmas).value();
  options.eta = eta;
  return ipa::make_scheduler(json.value(), options);
}

// By value: a status inside a temporary result would be gone before CHECK_OK reads it.
ipa::Status status_of(const std::string& name, const std::string& config) {
  const auto made = make(name, config);
  return made.status();
}

struct Refusal {
  const char* scheduler;
  const char* config;
  int steps;
  const char* sigmas;
  ipa::Code code;
  const char* message_part;
};

constexpr ipa::Code kInvalid = ipa::Code::invalid_option;
constexpr ipa::Code kUnsupported = ipa::Code::unsupported;

const Refusal kRefusals[] = {
    {"dpm3", "{}", 20, "", kInvalid, "\"dpm++2m\""},
    {"", "{}", 20, "", kInvalid, "_class_name"},
    {"", R"({"_class_name": "DDPMScheduler"})", 20, "", kUnsupported, "DDPMScheduler"},
    {"ddim", "{}", 0, "", kInvalid, "steps: expected 1 or more but received 0"},
    {"ddim", "{}", -3, "", kInvalid, "steps: expected 1 or more but received -3"},
    {"ddim", "{}", 1001, "", kInvalid, "1000"},
    {"ddim", R"({"steps_offset": 1})", 1000, "", kInvalid, "steps_offset"},
    {"euler", R"({"num_train_timesteps": 30})", 31, "", kInvalid, "30"},
    {"lcm", "{}", 51, "", kInvalid, "steps: expected 1 to 50 (original_inference_steps"},
    {"lcm", R"({"num_train_timesteps": 40})", 4, "", kInvalid, "original_inference_steps"},
    {"lcm", R"({"original_inference_steps": 2000})", 4, "", kInvalid, "2000"},
    {"dpm++2m", R"({"timestep_spacing": "leading"})", 1000, "", kInvalid, "leading"},
    {"ddim", "{}", 20, "karras", kInvalid, "karras"},
    {"pndm", "{}", 20, "karras", kInvalid, "karras"},
    {"euler_a", "{}", 20, "karras", kInvalid, "karras"},
    {"lcm", "{}", 4, "karras", kInvalid, "karras"},
    {"deis", "{}", 20, "ays", kInvalid, "\"dpm++2m_sde\""},
    {"euler_a", "{}", 20, "beta", kInvalid, "\"deis\""},
    {"tcd", "{}", 4, "sgm_uniform", kInvalid, "\"euler_a\""},
    {"ddim", "{}", 20, "exponential", kInvalid, "\"lms\""},
    {"tcd", "{}", 51, "", kInvalid, "original_inference_steps"},
    {"heun", R"({"use_karras_sigmas": true, "use_beta_sigmas": true})", 20, "", kInvalid, "use_beta_sigmas"},
    {"dpm2", R"({"prediction_type": "sample"})", 20, "", kInvalid, "\"sample\""},
    {"dpm++_sde", R"({"prediction_type": "sample"})", 20, "", kInvalid, "\"sample\""},
    {"dpm2_a", R"({"prediction_type": "sample"})", 20, "", kInvalid, "\"sample\""},
    {"deis", R"({"algorithm_type": "sde-dpmsolver++"})", 20, "", kInvalid, "sde-dpmsolver++"},
    {"deis", R"({"use_flow_sigmas": true})", 20, "", kUnsupported, "use_flow_sigmas"},
    {"deis", R"({"timestep_spacing": "leading"})", 1000, "", kInvalid, "leading"},
    {"unipc", R"({"use_exponential_sigmas": true, "use_beta_sigmas": true})", 20, "", kInvalid,
     "use_beta_sigmas"},
    {"ddim", R"({"prediction_type": "velocity"})", 20, "", kInvalid, "\"velocity\""},
    {"pndm", R"({"prediction_type": "sample"})", 20, "", kInvalid, "\"sample\""},
    {"euler_a", R"({"prediction_type": "sample"})", 20, "", kInvalid, "\"sample\""},
    {"dpm++2m", R"({"prediction_type": "flow_prediction"})", 20, "", kUnsupported, "flow_prediction"},
    {"unipc", R"({"use_flow_sigmas": true})", 20, "", kUnsupported, "use_flow_sigmas"},
    {"dpm++2m", R"({"use_dynamic_shifting": true})", 20, "", kUnsupported, "use_dynamic_shifting"},
    {"dpm++2m", R"({"variance_type": "learned_range"})", 20, "", kUnsupported, "variance_type"},
    {"dpm++2m", R"({"algorithm_type": "dpmsolver"})", 20, "", kInvalid, "final_sigmas_type"},
    {"dpm++2m", R"({"algorithm_type": "dpm3"})", 20, "", kInvalid, "dpm3"},
    {"dpm++2m", R"({"solver_type": "rk4"})", 20, "", kInvalid, "rk4"},
    {"dpm++2m", R"({"solver_order": 0})", 20, "", kInvalid, "solver_order"},
    {"dpm++2m", R"({"solver_order": 2.5})", 20, "", kInvalid, "2.5"},
    {"dpm++2m", R"({"lambda_min_clipped": 50})", 20, "", kInvalid, "lambda_min_clipped"},
    {"unipc", R"({"solver_order": 9})", 20, "", kUnsupported, "solver_order"},
    {"unipc", R"({"predict_x0": false})", 20, "", kUnsupported, "predict_x0"},
    {"unipc", R"({"lower_order_final": false})", 20, "", kUnsupported, "lower_order_final"},
    {"unipc", R"({"solver_p": {"_class_name": "DDIMScheduler"}})", 20, "", kUnsupported, "solver_p"},
    {"unipc", R"({"disable_corrector": ["a"]})", 20, "", kInvalid, "disable_corrector"},
    {"pndm", "{}", 3, "", kInvalid, "steps: expected 4 or more"},
    {"ddim", R"({"beta_schedule": "sigmoid"})", 20, "", kInvalid, "sigmoid"},
    {"ddim", R"({"beta_start": -0.1})", 20, "", kInvalid, "beta_start"},
    {"ddim", R"({"beta_end": "0.02"})", 20, "", kInvalid, "beta_end"},
    {"ddim", R"({"beta_end": 1.5})", 20, "", kInvalid, "beta_end"},
    {"ddim", R"({"trained_betas": [0.1, 0.2]})", 20, "", kInvalid, "trained_betas"},
    {"ddim", R"({"num_train_timesteps": 2, "trained_betas": [0.1, 1.2]})", 2, "", kInvalid, "1.2"},
    {"ddim", R"({"num_train_timesteps": 0})", 1, "", kInvalid, "num_train_timesteps"},
    {"ddim", R"({"num_train_timesteps": 1e300})", 1, "", kInvalid, "num_train_timesteps"},
    {"ddim", R"({"timestep_spacing": "sqrt"})", 20, "", kInvalid, "sqrt"},
    {"ddim", R"({"clip_sample": "yes"})", 20, "", kInvalid, "clip_sample"},
    {"ddim", R"({"steps_offset": 5000})", 20, "", kInvalid, "steps_offset"},
    {"ddim", R"({"steps_offset": -1})", 20, "", kInvalid, "steps_offset"},
    {"ddim", R"({"thresholding": true, "dynamic_thresholding_ratio": 1.5})", 20, "", kInvalid, "1.5"},
    {"euler", R"({"final_sigmas_type": "last"})", 20, "", kInvalid, "last"},
    {"euler", R"({"interpolation_type": "cubic"})", 20, "", kInvalid, "cubic"},
    {"euler", R"({"timestep_type": "fuzzy"})", 20, "", kInvalid, "fuzzy"},
    {"euler", R"({"use_karras_sigmas": true, "sigma_min": 0})", 20, "", kInvalid, "sigma_min"},
};

// Runs with outputs of one value and gives the last latents.
std::vector<float> run(ipa::Scheduler& scheduler, float output_value) {
  constexpr size_t kCount = 40;
  std::vector<float> sample(kCount), input(kCount), output(kCount, output_value);
  ipa::TorchNoise noise(3);
  noise.fill(sample.data(), kCount);
  for (float& value : sample) value *= scheduler.init_noise_sigma();
  for (size_t i = 0; i < scheduler.timesteps().size(); ++i) {
    const int index = static_cast<int>(i);
    scheduler.scale_model_input(index, sample.data(), input.data(), kCount);
    scheduler.step(index, output.data(), sample.data(), kCount, noise);
  }
  return sample;
}

bool all_finite(const std::vector<float>& values) {
  for (float value : values) {
    if (!std::isfinite(value)) return false;
  }
  return true;
}

}  // namespace

TEST_ONCE(schedulers_config_refusals_name_the_field) {
  for (const Refusal& refusal : kRefusals) {
    const auto made = make(refusal.scheduler, refusal.config, refusal.steps, refusal.sigmas);
    const std::string what = std::string(refusal.scheduler) + " " + refusal.config;
    if (made.ok()) {
      ipa_test::fail(__FILE__, __LINE__, what + " was accepted");
    } else if (made.status().code() != refusal.code ||
               made.status().text().find(refusal.message_part) == std::string::npos) {
      ipa_test::fail(__FILE__, __LINE__,
                     what + ": " + ipa::error_name(made.status().code()) + " " + made.status().message());
    }
  }
  CHECK_EQ(make("ddim", "{}", 20, "", std::numeric_limits<float>::quiet_NaN()).ok(), false);
  CHECK_EQ(make("ddim", "{}", 20, "", -0.5f).ok(), false);
}

TEST_ONCE(schedulers_config_class_name_picks_the_scheduler) {
  const char* named[][2] = {{"DDIMScheduler", "ddim"},
                            {"PNDMScheduler", "pndm"},
                            {"EulerDiscreteScheduler", "euler"},
                            {"EulerAncestralDiscreteScheduler", "euler_a"},
                            {"HeunDiscreteScheduler", "heun"},
                            {"KDPM2DiscreteScheduler", "dpm2"},
                            {"KDPM2AncestralDiscreteScheduler", "dpm2_a"},
                            {"LMSDiscreteScheduler", "lms"},
                            {"DEISMultistepScheduler", "deis"},
                            {"DPMSolverMultistepScheduler", "dpm++2m"},
                            {"DPMSolverSDEScheduler", "dpm++_sde"},
                            {"UniPCMultistepScheduler", "unipc"},
                            {"LCMScheduler", "lcm"},
                            {"TCDScheduler", "tcd"}};
  for (const auto& [class_name, name] : named) {
    const std::string config = std::string("{\"_class_name\": \"") + class_name + "\"}";
    auto json = ipa::Json::parse(config);
    CHECK_OK(json.status());
    CHECK_EQ(ipa::scheduler_name(json.value()), name);
    CHECK_OK(status_of("", config));
  }
}

TEST_ONCE(schedulers_config_a_callers_sigmas_replace_those_of_the_config) {
  for (const char* name : {"euler", "heun", "dpm2", "dpm2_a", "lms", "deis", "dpm++2m", "dpm++_sde", "unipc"}) {
    const auto asked = make(name, R"({"use_exponential_sigmas": true})", 12, "karras");
    const auto configured = make(name, R"({"use_karras_sigmas": true})", 12);
    const auto plain = make(name, "{}", 12);
    CHECK_OK(asked.status());
    CHECK(asked.ok() && asked.value()->timesteps() == configured.value()->timesteps());
    CHECK(asked.ok() && asked.value()->timesteps() != plain.value()->timesteps());
  }
}

TEST_ONCE(schedulers_config_normal_sigmas_are_those_of_no_family) {
  for (const char* name : {"euler", "dpm++2m", "heun", "unipc", "deis", "ddim"}) {
    const auto asked = make(name, R"({"use_karras_sigmas": true})", 12, "normal");
    const auto plain = make(name, "{}", 12);
    CHECK_OK(asked.status());
    if (asked.ok() && plain.ok()) CHECK(asked.value()->timesteps() == plain.value()->timesteps());
  }
}

TEST_ONCE(schedulers_config_given_sigmas_are_checked) {
  const auto refusal = [](std::vector<float> values, int steps) {
    ipa::SchedulerOptions options;
    options.name = "heun";
    options.steps = steps;
    options.sigmas = {ipa::SigmaSpacing::given, std::move(values)};
    const auto json = ipa::Json::parse("{}");
    const auto made = ipa::make_scheduler(json.value(), options);
    return made.ok() ? std::string() : made.status().text();
  };
  CHECK_EQ(refusal({9, 3, 0.5f}, 3), "");
  CHECK_EQ(refusal({9, 3, 0.5f}, 4), "sigmas: 3 noise levels for 4 steps: give one per step");
  CHECK(refusal({9, 3, 0}, 3).find("sigmas[2]: expected a number above 0") == 0);
  CHECK(refusal({std::numeric_limits<float>::infinity(), 3}, 2).find("sigmas[0]: expected") == 0);
  CHECK(refusal({std::numeric_limits<float>::quiet_NaN(), 3}, 2).find("sigmas[0]: expected") == 0);
  CHECK(refusal({9, 3, 3}, 3).find("sigmas[2]: expected less than the one before, 3, but received 3") == 0);
}

TEST_ONCE(schedulers_given_sigmas_far_apart_stay_finite) {
  for (const std::string& name : ipa::scheduler_names()) {
    ipa::SchedulerOptions options;
    options.name = name;
    options.steps = 4;
    options.sigmas = {ipa::SigmaSpacing::given, {10000, 9999.5f, 1, 1e-6f}};
    const auto json = ipa::Json::parse("{}");
    const auto made = ipa::make_scheduler(json.value(), options);
    if (made.ok() && !all_finite(run(*made.value(), 0.1f)))
      ipa_test::fail(__FILE__, __LINE__, name + " is not finite");
  }
}

TEST_ONCE(schedulers_config_null_and_infinity) {
  // null is false for a switch, absent for the rest; JSON has no -Infinity, so text stands for it.
  CHECK_OK(status_of("euler", R"({"sigma_min": null, "use_karras_sigmas": null, "trained_betas": null})"));
  CHECK_OK(status_of("dpm++2m", R"({"lambda_min_clipped": "-Infinity", "variance_type": null})"));
  CHECK_OK(status_of("dpm++2m", R"({"lambda_min_clipped": null})"));
}

TEST_ONCE(schedulers_trailing_makes_as_many_calls_as_steps) {
  // For these counts a floating-point range from 1000 down has one element too many.
  for (const char* name : {"ddim", "pndm", "euler", "euler_a", "lms", "deis", "dpm++2m", "unipc"}) {
    for (int steps : {61, 103, 121, 999, 1000}) {
      const auto made = make(name, R"({"timestep_spacing": "trailing", "skip_prk_steps": true})", steps);
      CHECK_OK(made.status());
      if (!made.ok()) continue;
      const size_t extra = std::string(name) == "pndm" ? 1 : 0;
      CHECK_EQ(made.value()->timesteps().size(), static_cast<size_t>(steps) + extra);
      CHECK(made.value()->timesteps().back() >= 0);
    }
  }
}

TEST_ONCE(schedulers_every_step_count_stays_finite) {
  // With so many steps some neighbouring noise levels are equal.
  for (const std::string& name : ipa::scheduler_names()) {
    for (const char* fields : {"", R"(, "solver_order": 3)", R"(, "use_beta_sigmas": true)",
                               R"(, "use_karras_sigmas": true, "final_sigmas_type": "sigma_min")"}) {
      for (int steps : {1, 2, 3, 50, 999, 1000}) {
        if ((name == "lcm" || name == "tcd") && steps > 50) continue;
        const std::string config =
            std::string(
                R"({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "skip_prk_steps": true)") +
            fields + "}";
        const auto made = make(name, config, steps);
        CHECK_OK(made.status());
        if (made.ok() && !all_finite(run(*made.value(), 0.1f))) {
          ipa_test::fail(__FILE__, __LINE__, name + " " + std::to_string(steps) + fields + " is not finite");
        }
      }
    }
  }
}

TEST_ONCE(schedulers_unipc_bh1_ends_finite_at_sigma_zero) {
  const auto made = make("unipc", R"({"solver_type": "bh1"})", 12);
  CHECK_OK(made.status());
  if (made.ok()) CHECK(all_finite(run(*made.value(), 0.1f)));
}

TEST_ONCE(schedulers_nan_outputs_stay_nan) {
  for (const std::string& name : ipa::scheduler_names()) {
    const auto made = make(name, R"({"thresholding": true, "clip_sample": true, "skip_prk_steps": true})", 6);
    CHECK_OK(made.status());
    if (!made.ok()) continue;
    for (float value : run(*made.value(), std::numeric_limits<float>::quiet_NaN())) CHECK(std::isnan(value));
  }
}

TEST_ONCE(schedulers_input_scaling_works_in_place) {
  for (const std::string& name : ipa::scheduler_names()) {
    const auto made = make(name, "{}", 6);
    CHECK_OK(made.status());
    if (!made.ok()) continue;
    float sample[3] = {1.0f, -2.5f, 0.0f}, scaled[3];
    made.value()->scale_model_input(1, sample, scaled, 3);
    made.value()->scale_model_input(1, sample, sample, 3);
    for (int i = 0; i < 3; ++i) CHECK_EQ(sample[i], scaled[i]);
  }
}
