#include "weights/names/original_names.h"

#include <utility>

#include "weights/names/name_parts.h"

namespace ipa {
namespace {

using Pair = std::pair<std::string_view, const char*>;

// `text` with the beginning it shares with one of `names` exchanged; "" when with none.
template <size_t N>
std::string exchanged(std::string_view text, const Pair (&names)[N]) {
  for (const auto& [ours, theirs] : names) {
    std::string_view rest = text;
    if (take(rest, ours)) return theirs + std::string(rest);
  }
  return "";
}

std::string vae_resnet(std::string_view part) {
  constexpr Pair shortcut[] = {{"conv_shortcut.", "nin_shortcut."}};
  const std::string other = exchanged(part, shortcut);
  return other.empty() ? std::string(part) : other;
}

std::string vae_mid(std::string_view part) {
  if (take(part, "resnets.0.")) return "block_1." + vae_resnet(part);
  if (take(part, "resnets.1.")) return "block_2." + vae_resnet(part);
  if (!take(part, "attentions.0.")) return "";
  const std::string name = ldm_vae_attention(part);
  return name.empty() ? "" : "attn_1." + name;
}

// Behind "encoder." or "decoder.".
std::string vae_half(std::string_view part, int levels) {
  constexpr Pair ends[] = {
      {"conv_in.", "conv_in."}, {"conv_out.", "conv_out."}, {"conv_norm_out.", "norm_out."}};
  const std::string end = exchanged(part, ends);
  if (!end.empty()) return end;
  if (take(part, "mid_block.")) {
    const std::string name = vae_mid(part);
    return name.empty() ? "" : "mid." + name;
  }
  const bool down = take(part, "down_blocks.");
  if (!down && !take(part, "up_blocks.")) return "";
  const int index = take_number(part);
  if (index < 0 || index >= levels) return "";
  const std::string level = (down ? "down." : "up.") + std::to_string(down ? index : levels - 1 - index) + ".";
  if (take(part, "downsamplers.0.conv.")) return level + "downsample.conv." + std::string(part);
  if (take(part, "upsamplers.0.conv.")) return level + "upsample.conv." + std::string(part);
  if (!take(part, "resnets.")) return "";
  const int block = take_number(part);
  return block < 0 ? "" : level + "block." + std::to_string(block) + "." + vae_resnet(part);
}

// A tensor of a layer of either encoder in open_clip's naming.
OriginalTensor open_clip_layer(std::string_view rest) {
  OriginalTensor original;
  if (!take(rest, "encoder.layers.")) return original;
  const int layer = take_number(rest);
  if (layer < 0) return original;
  constexpr Pair parts[] = {{"layer_norm1.", "ln_1."},
                            {"layer_norm2.", "ln_2."},
                            {"mlp.fc1.", "mlp.c_fc."},
                            {"mlp.fc2.", "mlp.c_proj."},
                            {"self_attn.out_proj.", "attn.out_proj."}};
  const std::string block = "transformer.resblocks." + std::to_string(layer) + ".";
  std::string part = exchanged(rest, parts);
  constexpr Pair thirds[] = {
      {"self_attn.q_proj.", "0"}, {"self_attn.k_proj.", "1"}, {"self_attn.v_proj.", "2"}};
  for (const auto& [ours, third] : thirds)
    if (take(rest, ours)) {
      part = "attn.in_proj_" + std::string(rest);
      original.third = third[0] - '0';
    }
  if (!part.empty()) original.name = block + part;
  return original;
}

}  // namespace

std::string ldm_vae_attention(std::string_view part) {
  constexpr Pair names[] = {
      {"group_norm.", "norm."}, {"to_q.", "q."}, {"to_k.", "k."}, {"to_v.", "v."}, {"to_out.0.", "proj_out."}};
  return exchanged(part, names);
}

OriginalTensor ldm_vae_tensor(std::string_view tensor, int levels) {
  OriginalTensor original;
  std::string_view rest = tensor;
  for (const char* half : {"encoder.", "decoder."}) {
    if (!take(rest, half)) continue;
    const std::string name = vae_half(rest, levels);
    if (!name.empty()) original.name = half + name;
    return original;
  }
  original.name = std::string(tensor);  // quant_conv, post_quant_conv
  return original;
}

OriginalTensor open_clip_text_tensor(std::string_view tensor) {
  OriginalTensor original;
  if (tensor == "text_projection.weight") return {"text_projection", -1, true};
  std::string_view rest = tensor;
  take(rest, "text_model.");
  constexpr Pair whole[] = {{"embeddings.token_embedding.weight", "token_embedding.weight"},
                            {"embeddings.position_embedding.weight", "positional_embedding"},
                            {"final_layer_norm.", "ln_final."}};
  original.name = exchanged(rest, whole);
  return original.name.empty() ? open_clip_layer(rest) : original;
}

OriginalTensor open_clip_vision_tensor(std::string_view tensor) {
  OriginalTensor original;
  if (tensor == "visual_projection.weight") return {"proj", -1, true};
  std::string_view rest = tensor;
  take(rest, "vision_model.");
  constexpr Pair whole[] = {{"embeddings.class_embedding", "class_embedding"},
                            {"embeddings.patch_embedding.", "conv1."},
                            {"embeddings.position_embedding.weight", "positional_embedding"},
                            {"pre_layrnorm.", "ln_pre."},
                            {"post_layernorm.", "ln_post."}};
  original.name = exchanged(rest, whole);
  return original.name.empty() ? open_clip_layer(rest) : original;
}

}  // namespace ipa
