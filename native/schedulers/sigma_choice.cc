#include "schedulers/sigma_choice.h"

#include <cstdio>
#include <string>

namespace ipa {
namespace {

struct Name {
  const char* name;
  SigmaSpacing spacing;
};

constexpr Name kNames[] = {
    {"", SigmaSpacing::own},          {"normal", SigmaSpacing::normal},
    {"karras", SigmaSpacing::karras}, {"exponential", SigmaSpacing::exponential},
    {"beta", SigmaSpacing::beta},     {"sgm_uniform", SigmaSpacing::sgm_uniform},
    {"ays", SigmaSpacing::ays},
};

std::string number_text(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", static_cast<double>(value));
  return text;
}

}  // namespace

std::optional<SigmaSpacing> sigma_spacing(std::string_view name) {
  for (const Name& entry : kNames) {
    if (name == entry.name) return entry.spacing;
  }
  return std::nullopt;
}

const char* sigma_spacing_name(SigmaSpacing spacing) {
  for (const Name& entry : kNames) {
    if (spacing == entry.spacing) return entry.name;
  }
  return "given";
}

Status check_values(const SigmaChoice& sigmas, int steps) {
  const std::vector<float>& values = sigmas.values;
  if (values.size() != static_cast<size_t>(steps)) {
    return Status::option("sigmas", std::to_string(values.size()) + " noise levels for " +
                                        std::to_string(steps) + " steps: give one per step");
  }
  constexpr float kLargest = 10000;
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string option = "sigmas[" + std::to_string(i) + "]";
    const std::string received = " but received " + number_text(values[i]);
    if (!(values[i] > 0 && values[i] <= kLargest)) {
      return Status::option(option, "expected a number above 0, at most 10000," + received);
    }
    if (i > 0 && !(values[i] < values[i - 1])) {
      return Status::option(option, "expected less than the one before, " + number_text(values[i - 1]) + "," +
                                        received + ": order them from the noisiest down");
    }
  }
  return Status::ok_status();
}

}  // namespace ipa
