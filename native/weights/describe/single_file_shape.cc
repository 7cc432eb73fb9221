#include "weights/describe/single_file_shape.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "weights/names/name_parts.h"

namespace ipa {
namespace {

// Transformer blocks of each attention in SDXL's lowest level and middle. Distilled models have fewer.
constexpr int sdxl_depth = 10;

Status cut_short(const TensorSource& source, const std::string& name, const std::string& why) {
  return Status(Code::missing_tensor, in_quotes(source.path(), 1024) + ": no " + in_quotes(name) +
                                          " in this file, but " + why + ": get the file again");
}

// Every level has a first layer, and attends on both ways or on neither.
Status check_levels(const TensorSource& source, const std::string& prefix, const UNetLevels& levels) {
  const Prefixed unet(source, prefix);
  const int blocks = levels.layers + 1;
  for (int level = 0; level < levels.levels; ++level) {
    const std::string first = "input_blocks." + std::to_string(1 + level * blocks);
    const std::string down = first + ".1.proj_in.weight";
    const std::string up =
        "output_blocks." + std::to_string((levels.levels - 1 - level) * blocks) + ".1.proj_in.weight";
    std::vector<std::string> needed = {first + ".0.in_layers.2.weight"};
    if (unet.has(down)) needed.push_back(first + ".1.transformer_blocks.0.attn2.to_k.weight");
    for (const std::string& name : needed)
      if (!unet.has(name)) return cut_short(source, prefix + name, "the rest of its level is there");
    if (unet.has(down) == unet.has(up)) continue;
    const bool lacks_down = unet.has(up);
    return cut_short(source, prefix + (lacks_down ? down : up),
                     "there is " + in_quotes(prefix + (lacks_down ? up : down)) + ", of the same level");
  }
  return {};
}

// SDXL's own lowest level and middle are alike throughout.
Status check_depths(const TensorSource& source, const std::string& prefix, const UNetLevels& levels) {
  const Prefixed unet(source, prefix);
  std::vector<std::string> attentions = {"middle_block.1"};
  for (int i = 0; i < levels.layers; ++i)
    attentions.push_back("input_blocks." + std::to_string(1 + (levels.levels - 1) * (levels.layers + 1) + i) +
                         ".1");
  const auto depth = [&](const std::string& attention) {
    return unet.count(attention + ".transformer_blocks.", ".norm1.weight");
  };
  const bool middle = depth(attentions.front()) == sdxl_depth;
  const bool down = std::all_of(attentions.begin() + 1, attentions.end(),
                                [&](const std::string& name) { return depth(name) == sdxl_depth; });
  if (!middle && !down) return {};
  for (int i = 0; i < levels.layers + 1; ++i) attentions.push_back("output_blocks." + std::to_string(i) + ".1");
  for (const std::string& attention : attentions) {
    const int found = depth(attention);
    if (found < sdxl_depth)
      return cut_short(
          source, prefix + attention + ".transformer_blocks." + std::to_string(found) + ".norm1.weight",
          "other attentions of its size have " + std::to_string(sdxl_depth) + " transformer blocks");
  }
  return {};
}

}  // namespace

UNetLevels unet_levels(const Prefixed& unet) {
  UNetLevels found;
  for (int i = 1; i < 100; ++i) {
    const std::string block = "input_blocks." + std::to_string(i);
    const bool reduces = unet.has(block + ".0.op.weight");
    if (!reduces && !unet.has(block + ".0.in_layers.2.weight")) break;
    if (reduces) ++found.levels;
    if (found.levels == 1) ++found.layers;
  }
  return found;
}

Status check_unet_shape(const TensorSource& source, const std::string& prefix, const std::string& family) {
  const Prefixed unet(source, prefix);
  const UNetLevels levels = unet_levels(unet);
  IPA_TRY(check_levels(source, prefix, levels));
  if (family == "sdxl") return check_depths(source, prefix, levels);
  // Of Stable Diffusion 1 and 2 only the distilled ones, with one layer a level, are without a middle (BK-SDM).
  const bool distilled = levels.layers == 1 && levels.levels >= 3;
  const std::string attention = "middle_block.1.transformer_blocks.0.norm1.weight";
  if (distilled || unet.has(attention)) return {};
  return cut_short(source, prefix + attention, "a UNet of Stable Diffusion 1 or 2 has a middle block");
}

Result<VaeShape> vae_shape(const TensorSource& source, const std::string& prefix) {
  const Prefixed vae(source, prefix);
  VaeShape shape;
  for (const TensorInfo& info : source.tensors()) {
    std::string_view name = info.name;
    if (!take(name, prefix)) continue;
    const bool down = take(name, "encoder.");
    if (!down && !take(name, "decoder.")) continue;
    if (take(name, "mid.attn_1.")) shape.attends = true;
    if (!take(name, down ? "down." : "up.")) continue;
    const int level = take_number(name);
    // A level that is reduced has another one below.
    const int least = level + (down && take(name, "downsample.") ? 2 : 1);
    if (level < 100) shape.levels = std::max(shape.levels, least);
  }
  if (!vae.has("decoder.conv_in.weight"))
    return cut_short(source, prefix + "decoder.conv_in.weight", "there are other tensors of the VAE's decoder");
  for (int level = 0; level < shape.levels; ++level) {
    const std::string name = "decoder.up." + std::to_string(level) + ".block.0.conv1.weight";
    if (!vae.has(name))
      return cut_short(source, prefix + name,
                       "there are tensors of " + std::to_string(shape.levels) + " levels of the VAE");
  }
  // The VAE of Stable Diffusion, told by its levels and channels, always attends.
  shape.attends =
      shape.attends || (shape.levels == 4 && vae.size("decoder.up.0.block.0.conv1.weight", 0) == 128);
  shape.layers = std::max(vae.count("decoder.up.0.block.", ".conv1.weight") - 1,
                          vae.count("encoder.down.0.block.", ".conv1.weight"));
  shape.quant_convs = vae.has("quant_conv.weight") || vae.has("post_quant_conv.weight");
  return shape;
}

}  // namespace ipa
