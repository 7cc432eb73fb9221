// The names of an attention's parts, which differ from tool to tool.
#pragma once

#include <string>
#include <string_view>

namespace ipa {

// `part` of an attention ("q", "query", "to_q", "norm"...), with what follows it left out,
// as diffusers names it today: "to_q", "to_k", "to_v", "to_out.0", "group_norm"; "" when it is none.
std::string attention_part(std::string_view part);

// The same of a tensor's last parts: "proj_attn.bias" becomes "to_out.0.bias".
std::string attention_tensor(std::string_view tensor);

}  // namespace ipa
