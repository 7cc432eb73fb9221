#include "schedulers/scheduler_table.h"

#include "schedulers/align_your_steps.h"
#include "schedulers/ddim.h"
#include "schedulers/deis.h"
#include "schedulers/dpm2.h"
#include "schedulers/dpm_multistep.h"
#include "schedulers/dpm_sde.h"
#include "schedulers/euler.h"
#include "schedulers/euler_ancestral.h"
#include "schedulers/heun.h"
#include "schedulers/lcm.h"
#include "schedulers/lms.h"
#include "schedulers/pndm.h"
#include "schedulers/tcd.h"
#include "schedulers/unipc.h"

namespace ipa {
namespace {

using Make = Result<std::unique_ptr<Scheduler>> (*)(ConfigReader& config, const SchedulerOptions& options);

// What of SigmaSpacing a class can have.
constexpr unsigned kTrailing = 1;    // sgm_uniform
constexpr unsigned kFamilies = 2;    // karras, exponential, beta
constexpr unsigned kLevels = 4;      // ays, given
constexpr unsigned kTimesteps = 32;  // training timesteps of the caller's own
constexpr unsigned kAll = kTrailing | kFamilies | kLevels;

// What of predictions a class can have, beside noise and velocities.
constexpr unsigned kZeroSnr = 8;
constexpr unsigned kSample = 16;
constexpr unsigned kBoth = kZeroSnr | kSample;

constexpr double no_eta = -1;

struct Entry {
  const char* name;
  const char* class_name;
  unsigned can;
  Make make;
  double eta = no_eta;  // its default
};

// Of several names of one class, the first is the one its config names.
constexpr Entry kEntries[] = {
    {"ddim", "DDIMScheduler", kTrailing | kBoth, make_ddim, 0},
    {"pndm", "PNDMScheduler", kTrailing, make_pndm},
    {"euler", "EulerDiscreteScheduler", kAll | kBoth | kTimesteps, make_euler},
    {"euler_a", "EulerAncestralDiscreteScheduler", kTrailing | kZeroSnr, make_euler_ancestral},
    {"heun", "HeunDiscreteScheduler", kAll | kSample | kTimesteps, make_heun},
    {"dpm2", "KDPM2DiscreteScheduler", kAll, make_dpm2},
    {"dpm2_a", "KDPM2AncestralDiscreteScheduler", kAll, make_dpm2_ancestral},
    {"lms", "LMSDiscreteScheduler", kAll | kSample, make_lms},
    {"deis", "DEISMultistepScheduler", kTrailing | kFamilies | kSample, make_deis},
    {"dpm++2m", "DPMSolverMultistepScheduler", kAll | kBoth | kTimesteps, make_dpm_multistep},
    {"dpm++2m_sde", "DPMSolverMultistepScheduler", kAll | kBoth | kTimesteps, make_dpm_2m_sde},
    {"dpm++3m_sde", "DPMSolverMultistepScheduler", kAll | kBoth | kTimesteps, make_dpm_3m_sde},
    {"dpm++_sde", "DPMSolverSDEScheduler", kAll, make_dpm_sde},
    {"unipc", "UniPCMultistepScheduler", kAll | kBoth, make_unipc},
    {"lcm", "LCMScheduler", kBoth | kTimesteps, make_lcm},
    {"tcd", "TCDScheduler", kBoth | kTimesteps, make_tcd, 0.3},
};

// Names of the entries that can have all of `needed`.
std::string name_list(unsigned needed = 0) {
  std::string list;
  for (const Entry& entry : kEntries) {
    if ((entry.can & needed) == needed) list += (list.empty() ? "\"" : ", \"") + std::string(entry.name) + "\"";
  }
  return list;
}

unsigned needed(SigmaSpacing spacing) {
  switch (spacing) {
    case SigmaSpacing::own:
    case SigmaSpacing::normal: return 0;
    case SigmaSpacing::sgm_uniform: return kTrailing;
    case SigmaSpacing::karras:
    case SigmaSpacing::exponential:
    case SigmaSpacing::beta: return kFamilies;
    case SigmaSpacing::ays:
    case SigmaSpacing::given: break;
  }
  return kLevels;
}

Status check_sigmas(const Entry& entry, const SchedulerOptions& options) {
  const SigmaSpacing spacing = options.sigmas.spacing;
  const unsigned need = needed(spacing);
  if ((entry.can & need) != need) {
    const std::string what = spacing == SigmaSpacing::given
                                 ? "noise levels of your own do"
                                 : "\"" + std::string(sigma_spacing_name(spacing)) + "\" does";
    return Status::option(
        "sigmas", what + " not go with scheduler \"" + entry.name + "\": use one of " + name_list(need));
  }
  return spacing == SigmaSpacing::given ? check_values(options.sigmas, options.steps) : Status::ok_status();
}

Status check_own_timesteps(const Entry& entry, const SchedulerOptions& options) {
  const std::vector<int>& timesteps = options.timesteps;
  if (timesteps.empty()) return {};
  if (!(entry.can & kTimesteps))
    return Status::option("timesteps", std::string("they do not go with scheduler \"") + entry.name +
                                           "\": use one of " + name_list(kTimesteps));
  if (options.sigmas.spacing != SigmaSpacing::own)
    return Status::option("timesteps",
                          "they place the noise levels, and so does sigmas: leave one of them out");
  if (timesteps.size() != static_cast<size_t>(options.steps))
    return Status::option("timesteps", std::to_string(timesteps.size()) + " timesteps for " +
                                           std::to_string(options.steps) +
                                           " steps: give one per step, or leave steps out");
  for (size_t i = 1; i < timesteps.size(); ++i)
    if (timesteps[i] >= timesteps[i - 1])
      return Status::option("timesteps[" + std::to_string(i) + "]",
                            "expected less than the one before, " + std::to_string(timesteps[i - 1]) +
                                ", but received " + std::to_string(timesteps[i]) +
                                ": order them from the noisiest down");
  return {};
}

// Fields of another noise process would be read as if they were of this one.
Status check_process(const Json& config) {
  const Json* class_name = config.find("_class_name");
  if (!class_name || !class_name->is_string()) return {};
  const std::string& name = class_name->string();
  for (const char* other : {"EDM", "FlowMatch"})
    if (name.compare(0, std::char_traits<char>::length(other), other) == 0)
      return Status(Code::unsupported,
                    "the model's scheduler is \"" + name +
                        "\", of a noise process that no sampler here has: use a model of Stable Diffusion's");
  return {};
}

Status check_prediction(const Entry& entry, const Json& config, const SchedulerOptions& options) {
  const SchedulerPrediction stated = scheduler_prediction(config);
  const auto cannot = [&](const char* option, const std::string& what, unsigned need) {
    return Status::option("scheduler", std::string("\"") + entry.name + "\" cannot sample " + what + " (" +
                                           option + "): use one of " + name_list(need));
  };
  if (stated.prediction == "sample" && !(entry.can & kSample))
    return cannot("prediction_type \"sample\"", "a model that predicts the clean picture", kSample);
  if (options.needs_zero_snr && stated.zero_snr && !(entry.can & kZeroSnr))
    return cannot("zeroSnr", "from a signal of zero", kZeroSnr);
  return {};
}

}  // namespace

SchedulerPrediction scheduler_prediction(const Json& config) {
  ConfigReader reader(config, "scheduler");
  SchedulerPrediction stated;
  stated.prediction = reader.text("prediction_type", stated.prediction);
  if (stated.prediction == "original_sample") stated.prediction = "sample";  // an old synonym
  stated.zero_snr = reader.boolean("rescale_betas_zero_snr", false);
  return stated;
}

bool scheduler_takes(const std::string& name, const SchedulerPrediction& prediction) {
  const unsigned need =
      (prediction.zero_snr ? kZeroSnr : 0) | (prediction.prediction == "sample" ? kSample : 0);
  for (const Entry& entry : kEntries)
    if (name == entry.name) return (entry.can & need) == need;
  return false;
}

const std::vector<std::string>& scheduler_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Entry& entry : kEntries) all.push_back(entry.name);
    return all;
  }();
  return names;
}

std::vector<SamplerEta> sampler_etas() {
  std::vector<SamplerEta> etas;
  for (const Entry& entry : kEntries)
    if (entry.eta != no_eta) etas.push_back({entry.name, entry.eta});
  return etas;
}

std::string scheduler_name(const Json& config) {
  const Json* class_name = config.find("_class_name");
  if (class_name == nullptr || !class_name->is_string()) return "";
  for (const Entry& entry : kEntries) {
    if (class_name->string() == entry.class_name) return entry.name;
  }
  return "";
}

Result<std::unique_ptr<Scheduler>> make_scheduler(const Json& config, const SchedulerOptions& options) {
  std::string name = options.name;
  if (name.empty()) {
    name = scheduler_name(config);
    if (name.empty()) {
      const Json* class_name = config.find("_class_name");
      const bool named = class_name != nullptr && class_name->is_string();
      return Status(
          named ? Code::unsupported : Code::invalid_option,
          named ? "the model's scheduler is \"" + class_name->string() +
                      "\", which is not built in: pass scheduler, one of " + name_list()
                : "the model's scheduler_config names no _class_name: pass scheduler, one of " + name_list());
    }
  }
  for (const Entry& entry : kEntries) {
    if (name != entry.name) continue;
    if (options.steps < 1) {
      return Status::option("steps", "expected 1 or more but received " + std::to_string(options.steps));
    }
    if (!(options.eta >= 0 && options.eta <= 1)) {
      return Status::option("eta", "expected a number from 0 to 1 but received " + std::to_string(options.eta));
    }
    IPA_TRY(check_process(config));
    IPA_TRY(check_own_timesteps(entry, options));
    IPA_TRY(check_sigmas(entry, options));
    IPA_TRY(check_prediction(entry, config, options));
    ConfigReader reader(config, entry.class_name);
    SchedulerOptions resolved = options;
    if (options.sigmas.spacing == SigmaSpacing::ays)
      resolved.sigmas.values = align_your_steps(options.xl, options.steps);
    // Levels re-spaced by the config would not be those of the caller's timesteps.
    if (!options.timesteps.empty()) resolved.sigmas.spacing = SigmaSpacing::normal;
    return entry.make(reader, resolved);
  }
  return Status::option("scheduler", "there is no \"" + name + "\": use one of " + name_list());
}

}  // namespace ipa
