#include "pipeline/load/model_prediction.h"

#include <utility>

#include "schedulers/scheduler_table.h"

namespace ipa {
namespace {

// diffusers takes a field for absent that this list names.
constexpr const char* default_values = "_use_default_values";

void set_field(Json& scheduler, const char* key, Json value) {
  scheduler.set(key, std::move(value));
  const Json* unused = scheduler.find(default_values);
  if (!unused) return;
  Json names = *unused;
  names.remove(key);
  scheduler.set(default_values, std::move(names));
}

}  // namespace

PredictionMarks with_yaml(PredictionMarks marks, const OriginalConfig& yaml) {
  const std::string type = prediction_type_of(yaml.prediction);
  if (!marks.prediction && !type.empty()) marks.prediction = Found<std::string>{type, Origin::yaml, yaml.file};
  return marks;
}

ModelPrediction prediction_in_config(const Json& scheduler) {
  const SchedulerPrediction stated = scheduler_prediction(scheduler);
  const std::string file = "scheduler_config.json";
  return {{stated.prediction, Origin::scheduler_config, file},
          {stated.zero_snr, Origin::scheduler_config, file}};
}

Result<ModelPrediction> choose_prediction(const LoadRequest& request, const std::vector<PredictionMarks>& marks,
                                          ModelPrediction usual, Json& scheduler) {
  ModelPrediction chosen = std::move(usual);
  for (auto mark = marks.rbegin(); mark != marks.rend(); ++mark) {
    if (mark->prediction) chosen.prediction = *mark->prediction;
    if (mark->zero_snr) chosen.zero_snr = *mark->zero_snr;
  }
  if (!request.prediction.empty())
    chosen.prediction = {prediction_type_of(request.prediction), Origin::option, "prediction"};
  if (request.zero_snr) chosen.zero_snr = {*request.zero_snr, Origin::option, "zeroSnr"};
  const bool noise = chosen.prediction.value == "epsilon";
  if (request.zero_snr.value_or(false) && noise)
    return Status::option("zeroSnr",
                          "at a signal of zero the noise tells nothing, and this model is taken to predict "
                          "noise (epsilon): pass prediction \"v\" beside it, or leave it out");
  // A mark that the caller's word has taken its meaning from.
  if (noise && chosen.zero_snr.from == Origin::marker) chosen.zero_snr.value = false;

  if (chosen.prediction.from != Origin::scheduler_config)
    set_field(scheduler, "prediction_type", Json::of(chosen.prediction.value));
  if (chosen.zero_snr.from != Origin::scheduler_config)
    set_field(scheduler, "rescale_betas_zero_snr", Json::of(chosen.zero_snr.value));
  const bool as_stored =
      chosen.prediction.from == Origin::scheduler_config && chosen.zero_snr.from == Origin::scheduler_config;
  const std::string own = scheduler_name(scheduler);
  if (!as_stored && !own.empty() && !scheduler_takes(own, {chosen.prediction.value, chosen.zero_snr.value}))
    scheduler.set("_class_name", Json::of("DDIMScheduler"));
  return chosen;
}

}  // namespace ipa
