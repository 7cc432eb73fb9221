#include "weights/names/attention_names.h"

#include <utility>

namespace ipa {

std::string attention_part(std::string_view part) {
  static constexpr std::pair<std::string_view, std::string_view> spellings[] = {{"to_q", "to_q"},
                                                                                {"q", "to_q"},
                                                                                {"query", "to_q"},
                                                                                {"q_proj", "to_q"},
                                                                                {"to_k", "to_k"},
                                                                                {"k", "to_k"},
                                                                                {"key", "to_k"},
                                                                                {"k_proj", "to_k"},
                                                                                {"to_v", "to_v"},
                                                                                {"v", "to_v"},
                                                                                {"value", "to_v"},
                                                                                {"v_proj", "to_v"},
                                                                                {"to_out.0", "to_out.0"},
                                                                                {"to_out", "to_out.0"},
                                                                                {"proj_out", "to_out.0"},
                                                                                {"proj_attn", "to_out.0"},
                                                                                {"out_proj", "to_out.0"},
                                                                                {"norm", "group_norm"},
                                                                                {"group_norm", "group_norm"}};
  for (const auto& [spelling, name] : spellings)
    if (part == spelling) return std::string(name);
  return "";
}

std::string attention_tensor(std::string_view tensor) {
  const size_t dot = tensor.rfind('.');  // of "weight" or "bias"
  if (dot == std::string_view::npos) return "";
  const std::string part = attention_part(tensor.substr(0, dot));
  return part.empty() ? "" : part + std::string(tensor.substr(dot));
}

}  // namespace ipa
