#include "weights/describe/original_text.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "weights/describe/absurd_width.h"
#include "weights/names/name_parts.h"
#include "weights/names/prefixed_tensors.h"

namespace ipa {
namespace {

constexpr std::string_view tower = "text_model.";
const std::string table = "embeddings.token_embedding.weight";

// ViT-H as it was trained has this many layers. Stable Diffusion 2 takes what the last but one gives,
// and diffusers leaves the last one out of its files, and so do files made of those.
constexpr int64_t vit_h_width = 1024;
constexpr int vit_h_layers = 24;

// Layers that CLIP's published text encoders (ViT-L, ViT-H, ViT-bigG) have in a file at least; 0 for others.
int known_layers(int64_t width, bool open_clip, bool last_unused) {
  if (width == 768) return 12;
  if (width == vit_h_width && last_unused) return vit_h_layers - 1;
  return width == 1280 && open_clip ? 32 : 0;
}

// Beside the tower and not in it: "transformer.text_projection.weight".
std::string beside(const std::string& prefix) {
  const size_t end = prefix.size() - std::min(prefix.size(), tower.size());
  return prefix.compare(end, std::string::npos, tower) == 0 ? prefix.substr(0, end) : prefix;
}

// stable-diffusion.cpp calls both `text_projection`: open_clip's (in, out), and transformers' (out, in).
// What it made of a model in diffusers' layout has the matrices of the VAE's attention in two dimensions.
bool is_by_input(const TensorSource& source, const TensorInfo& projection, int64_t width) {
  if (projection.shape.size() == 2 && projection.shape[0] != projection.shape[1])
    return projection.shape[0] == width;
  for (const char* name : {"first_stage_model.decoder.mid.attn_1.q.weight", "vae.decoder.mid.attn_1.q.weight"})
    if (const TensorInfo* query = source.find(name)) return query->shape.size() != 2;
  return true;
}

struct Slot {
  std::string scope;
  std::vector<std::string> others;
  bool open_clip;
};

Result<OriginalText> describe(const TensorSource& source, OriginalText text, bool last_unused) {
  const auto size = [&](const char* name, size_t dimension) -> int64_t {
    const OriginalTensor at = original_text_tensor(source, text, tower.data() + std::string(name));
    const TensorInfo* info = source.find(at.name);
    return info && dimension < info->shape.size() ? info->shape[dimension] : 0;
  };
  const Prefixed tensors(source, text.prefix);
  const int64_t width = size("embeddings.token_embedding.weight", 1);
  const std::string layer = text.open_clip_names ? "transformer.resblocks." : "encoder.layers.";
  int layers = tensors.count(layer, text.open_clip_names ? ".ln_1.weight" : ".layer_norm1.weight");
  // A count below that of the published encoder is a part of it that is missing.
  if (const int known = known_layers(width, text.open_clip, last_unused); layers < known)
    return Status(Code::missing_tensor, in_quotes(source.path(), 1024) + ": the text encoder under " +
                                            in_quotes(text.prefix) + " has " + std::to_string(layers) +
                                            " layers, and those of its width have " + std::to_string(known) +
                                            ": no " +
                                            in_quotes(text.prefix + layer + std::to_string(layers) + ".*") +
                                            " in this file; get the file again");
  if (last_unused && !(width == vit_h_width && layers == vit_h_layers - 1)) --layers;
  if (last_unused)
    text.scope.unused.push_back(text.prefix.substr(text.scope.prefix.size()) + layer + std::to_string(layers) +
                                ".");
  ClipTextConfig& config = text.config;
  config.stack.hidden_size = width;
  config.stack.layers = layers;
  config.stack.heads = static_cast<int>(std::max<int64_t>(1, std::min(width, absurd_width) / 64));
  config.stack.intermediate_size = size("encoder.layers.0.mlp.fc1.weight", 0);
  config.stack.activation = text.open_clip ? Activation::gelu : Activation::quick_gelu;
  config.context = size("embeddings.position_embedding.weight", 0);
  config.vocab_size = size("embeddings.token_embedding.weight", 0);
  if (text.open_clip && !last_unused) {
    if (const TensorInfo* bare = tensors.find("text_projection"))
      text.projection_by_input = is_by_input(source, *bare, width);
    const OriginalTensor projection = original_text_tensor(source, text, "text_projection.weight");
    const TensorInfo* info = source.find(projection.name);
    if (info && info->shape.size() == 2) config.projection_size = info->shape[projection.transposed ? 1 : 0];
  }
  return text;
}

// The naming of the encoder in a slot, where there is one.
bool find_in(const TensorSource& source, const Slot& slot, OriginalText* text) {
  text->scope = {NetworkKind::text_encoder, slot.scope, slot.others};
  text->open_clip = slot.open_clip;
  for (const char* inner : {"transformer.text_model.", "transformer.", "text_model."}) {
    text->prefix = slot.scope + inner;
    if (source.find(text->prefix + table)) return true;
  }
  text->prefix = slot.scope + "model.";
  text->open_clip_names = text->open_clip = source.find(text->prefix + "token_embedding.weight") != nullptr;
  return text->open_clip_names;
}

}  // namespace

Result<std::vector<OriginalText>> find_original_texts(const TensorSource& source, const std::string& family) {
  // The first is LDM's or sgm's, the second how stable-diffusion.cpp calls both.
  std::vector<OriginalText> texts;
  if (family == "sdxl") {
    const std::string second = "cond_stage_model.1.";
    for (const std::string& scope : {std::string("conditioner.embedders.1."), second}) {
      OriginalText text;
      if (!texts.empty() || !find_in(source, {scope, {}, true}, &text)) continue;
      IPA_ASSIGN(text, describe(source, std::move(text), false));
      texts.push_back(std::move(text));
    }
    const bool refiner = texts.empty();
    for (const std::string& scope :
         {std::string("conditioner.embedders.0."), std::string("cond_stage_model.")}) {
      OriginalText text;
      if (texts.size() > (refiner ? 0u : 1u) || !find_in(source, {scope, {second}, refiner}, &text)) continue;
      IPA_ASSIGN(text, describe(source, std::move(text), false));
      texts.insert(texts.begin(), std::move(text));
    }
    return texts;
  }
  OriginalText text;
  if (!find_in(source, {"cond_stage_model.", {}, family == "sd2"}, &text)) return texts;
  IPA_ASSIGN(text, describe(source, std::move(text), family == "sd2"));
  texts.push_back(std::move(text));
  return texts;
}

OriginalTensor original_text_tensor(const TensorSource& source, const OriginalText& text,
                                    const std::string& name) {
  OriginalTensor original;
  if (text.open_clip_names) {
    original = open_clip_text_tensor(name);
    if (!original.name.empty()) original.name = text.prefix + original.name;
    return original;
  }
  if (name == "text_projection.weight") {
    for (const std::string& at : {beside(text.prefix), text.prefix}) {
      if (source.find(at + name)) return {at + name};
    }
    return {text.prefix + "text_projection", -1, text.projection_by_input};
  }
  std::string_view rest = name;
  if (!take(rest, tower)) return original;
  original.name = text.prefix + std::string(rest);
  if (source.find(original.name)) return original;
  // q, k and v in one, as open_clip has them, under transformers' other names.
  for (const auto& [projection, third] : {std::pair("q_proj", 0), {"k_proj", 1}, {"v_proj", 2}}) {
    const size_t at = original.name.rfind(projection);
    if (at == std::string::npos) continue;
    const std::string ending = original.name.substr(at + 6);  // ".weight"
    const std::string front = original.name.substr(0, at) + "in_proj";
    for (const std::string& fused : {front + ending, front + "_" + ending.substr(1)})
      if (source.find(fused)) return {fused, third};
  }
  return original;
}

}  // namespace ipa
