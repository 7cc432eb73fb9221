#include "weights/names/dialects.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weights/names/attention_names.h"
#include "weights/names/name_parts.h"
#include "weights/names/renamed_source.h"

namespace ipa {
namespace {

// Of a tower by itself, without its name in front.
bool is_bare_clip_name(std::string_view name) {
  for (const char* root : {"embeddings.", "encoder.", "final_layer_norm.", "pre_layrnorm.", "post_layernorm."})
    if (begins_with(name, root)) return true;
  return false;
}

// `tower` is the half wanted ("text_model."), `other` the half to leave out.
Result<std::unique_ptr<TensorSource>> with_clip_names(std::unique_ptr<TensorSource> source,
                                                      const std::string& tower, const std::string& other,
                                                      const std::string& other_projection) {
  const std::vector<TensorInfo>& infos = source->tensors();
  std::vector<Renaming> renamings;
  for (size_t i = 0; i < infos.size(); ++i) {
    const std::string& name = infos[i].name;
    if (ends_with(name, "position_ids") || name == "logit_scale" || name == other_projection) continue;
    if (begins_with(name, other)) continue;
    renamings.push_back({i, is_bare_clip_name(name) ? tower + name : name, infos[i].shape});
  }
  return rename_tensors(std::move(source), renamings);
}

// The present name of a VAE attention's tensor, or the name itself.
std::string vae_name(const std::string& name) {
  constexpr std::string_view attentions = ".attentions.";
  size_t part = name.find(attentions);
  if (part == std::string::npos) return name;
  part = name.find('.', part + attentions.size());
  if (part == std::string::npos) return name;
  const std::string known = attention_tensor(std::string_view(name).substr(part + 1));
  return known.empty() ? name : name.substr(0, part + 1) + known;
}

bool is_vae_projection(const std::string& name) {
  if (name.find(".attentions.") == std::string::npos) return false;
  for (const char* end : {".to_q.weight", ".to_k.weight", ".to_v.weight", ".to_out.0.weight"}) {
    if (ends_with(name, end)) return true;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<TensorSource>> with_clip_text_names(std::unique_ptr<TensorSource> source) {
  return with_clip_names(std::move(source), "text_model.", "vision_model.", "visual_projection.weight");
}

Result<std::unique_ptr<TensorSource>> with_clip_vision_names(std::unique_ptr<TensorSource> source) {
  return with_clip_names(std::move(source), "vision_model.", "text_model.", "text_projection.weight");
}

Result<std::unique_ptr<TensorSource>> with_vae_names(std::unique_ptr<TensorSource> source) {
  const std::vector<TensorInfo>& infos = source->tensors();
  std::vector<Renaming> renamings;
  for (size_t i = 0; i < infos.size(); ++i) {
    Renaming renaming{i, vae_name(infos[i].name), infos[i].shape};
    const bool one_by_one = renaming.shape.size() == 4 && renaming.shape[2] == 1 && renaming.shape[3] == 1;
    if (one_by_one && is_vae_projection(renaming.name)) renaming.shape.resize(2);
    renamings.push_back(std::move(renaming));
  }
  return rename_tensors(std::move(source), renamings);
}

}  // namespace ipa
