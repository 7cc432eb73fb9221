#include "schedulers/sigma_choice.h"

namespace ipa {
namespace {

struct Name {
  const char* name;
  SigmaSpacing spacing;
};

constexpr Name kNames[] = {
    {"", SigmaSpacing::own},
    {"karras", SigmaSpacing::karras},
    {"exponential", SigmaSpacing::exponential},
    {"beta", SigmaSpacing::beta},
    {"sgm_uniform", SigmaSpacing::sgm_uniform},
    {"ays", SigmaSpacing::ays},
};

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

}  // namespace ipa
