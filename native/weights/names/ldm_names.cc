#include "weights/names/ldm_names.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "weights/names/name_parts.h"

namespace ipa {
namespace {

std::string resnet_part(std::string_view part) {
  static const std::pair<std::string_view, const char*> names[] = {
      {"norm1", "in_layers.0"},  {"conv1", "in_layers.2"},  {"time_emb_proj", "emb_layers.1"},
      {"norm2", "out_layers.0"}, {"conv2", "out_layers.3"}, {"conv_shortcut", "skip_connection"},
  };
  for (const auto& [ours, theirs] : names)
    if (part == ours) return theirs;
  return "";
}

// What follows a block's number; the parts' names behind those of the original's resnet and attention.
std::string in_block(std::string_view part, const std::string& resnet, const std::string& attention) {
  if (take(part, "resnets.")) {
    take_number(part);
    const std::string name = resnet_part(part);
    return name.empty() ? "" : resnet + name;
  }
  if (!take(part, "attentions.")) return "";
  take_number(part);
  return part.empty() ? "" : attention + std::string(part);
}

}  // namespace

LdmUNetNames::LdmUNetNames(std::unordered_set<std::string> tensors) : tensors_(std::move(tensors)) {
  for (const std::string& tensor : tensors_) {
    std::string_view name = tensor;
    if (!take(name, "down_blocks.0.resnets.")) continue;
    layers_ = std::max(layers_, take_number(name) + 1);
  }
}

LdmUNetNames LdmUNetNames::of_tensors(const TensorSource& unet) {
  std::unordered_set<std::string> names;
  for (const TensorInfo& info : unet.tensors()) names.insert(info.name);
  return LdmUNetNames(std::move(names));
}

std::string LdmUNetNames::of(std::string_view layer) const {
  static const std::pair<std::string_view, const char*> whole[] = {
      {"conv_in", "input_blocks.0.0"},
      {"conv_norm_out", "out.0"},
      {"conv_out", "out.2"},
      {"time_embedding.linear_1", "time_embed.0"},
      {"time_embedding.linear_2", "time_embed.2"},
      // The guidance that a latent consistency model reads came after these names, and keeps its own.
      {"time_embedding.cond_proj", "time_embedding.cond_proj"},
      {"add_embedding.linear_1", "label_emb.0.0"},
      {"add_embedding.linear_2", "label_emb.0.2"},
  };
  for (const auto& [ours, theirs] : whole)
    if (layer == ours) return theirs;

  const int blocks = layers_ + 1;  // of a level: its layers and what changes the size
  std::string_view rest = layer;
  const bool down = take(rest, "down_blocks.");
  if (down || take(rest, "up_blocks.")) {
    const int level = take_number(rest);
    if (level < 0) return "";
    const std::string side = down ? "input_blocks." : "output_blocks.";
    if (rest == "downsamplers.0.conv") return side + std::to_string(1 + level * blocks + layers_) + ".0.op";
    if (rest == "upsamplers.0.conv") {
      // Behind the last layer of its level, which may have an attention in between.
      const std::string attention = "up_blocks." + std::to_string(level) + ".attentions.0.proj_in.weight";
      return side + std::to_string(level * blocks + layers_) + (tensors_.count(attention) ? ".2" : ".1") +
             ".conv";
    }
    std::string_view numbered = rest;
    if (!take(numbered, "resnets.") && !take(numbered, "attentions.")) return "";
    const int index = take_number(numbered);
    if (index < 0) return "";
    const std::string block = side + std::to_string((down ? 1 : 0) + level * blocks + index);
    return in_block(rest, block + ".0.", block + ".1.");
  }
  if (take(rest, "mid_block.")) {
    const bool second = rest.substr(0, 10) == "resnets.1.";
    return in_block(rest, second ? "middle_block.2." : "middle_block.0.", "middle_block.1.");
  }
  return "";
}

}  // namespace ipa
