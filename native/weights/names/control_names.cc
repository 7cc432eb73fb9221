#include "weights/names/control_names.h"

#include "weights/names/name_parts.h"

namespace ipa {

std::string ldm_control_layer(const LdmUNetNames& unet, std::string_view layer, int picture_blocks) {
  std::string_view rest = layer;
  if (layer == "controlnet_mid_block") return "middle_block_out.0";
  if (take(rest, "controlnet_down_blocks.")) return "zero_convs." + std::string(rest) + ".0";
  if (!take(rest, "controlnet_cond_embedding.")) return unet.of(layer);
  // Every convolution has its activation behind it.
  const auto place = [](int index) { return "input_hint_block." + std::to_string(2 * index); };
  if (rest == "conv_in") return place(0);
  if (rest == "conv_out") return place(picture_blocks + 1);
  if (!take(rest, "blocks.")) return "";
  const std::string numbered = std::string(rest) + ".";
  std::string_view number = numbered;
  const int index = take_number(number);
  return index < 0 ? "" : place(index + 1);
}

}  // namespace ipa
