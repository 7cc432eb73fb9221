#include "schedulers/scheduler.h"

#include <algorithm>

#include "schedulers/ddim.h"
#include "schedulers/dpm_multistep.h"
#include "schedulers/euler.h"
#include "schedulers/euler_ancestral.h"
#include "schedulers/lcm.h"
#include "schedulers/pndm.h"
#include "schedulers/unipc.h"

namespace ipa {
namespace {

using Make = Result<std::unique_ptr<Scheduler>> (*)(ConfigReader& config, const SchedulerOptions& options);

struct Entry {
  const char* name;
  const char* class_name;
  bool has_karras;
  Make make;
};

constexpr Entry kEntries[] = {
    {"ddim", "DDIMScheduler", false, make_ddim},
    {"pndm", "PNDMScheduler", false, make_pndm},
    {"euler", "EulerDiscreteScheduler", true, make_euler},
    {"euler_a", "EulerAncestralDiscreteScheduler", false, make_euler_ancestral},
    {"dpm++2m", "DPMSolverMultistepScheduler", true, make_dpm_multistep},
    {"unipc", "UniPCMultistepScheduler", true, make_unipc},
    {"lcm", "LCMScheduler", false, make_lcm},
};

std::string name_list() {
  std::string list;
  for (const Entry& entry : kEntries) list += (list.empty() ? "\"" : ", \"") + std::string(entry.name) + "\"";
  return list;
}

}  // namespace

void Scheduler::scale_model_input(int, const float* sample, float* out, size_t count) const {
  if (out != sample) std::copy(sample, sample + count, out);
}

const std::vector<std::string>& scheduler_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Entry& entry : kEntries) all.push_back(entry.name);
    return all;
  }();
  return names;
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
    if (options.karras && !entry.has_karras) {
      return Status(Code::invalid_option,
                    "sigmas: \"karras\" does not go with scheduler \"" + name +
                        "\", which has no Karras sigmas: use \"euler\", \"dpm++2m\" or \"unipc\"");
    }
    if (options.steps < 1) {
      return Status(Code::invalid_option,
                    "steps: expected 1 or more but received " + std::to_string(options.steps));
    }
    if (!(options.eta >= 0 && options.eta <= 1)) {
      return Status(Code::invalid_option, "eta " + std::to_string(options.eta) + ": use a number from 0 to 1");
    }
    ConfigReader reader(config, entry.class_name);
    return entry.make(reader, options);
  }
  return Status(Code::invalid_option, "scheduler \"" + name + "\": use one of " + name_list());
}

}  // namespace ipa
