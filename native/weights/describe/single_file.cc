#include "weights/describe/single_file.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/utf8.h"
#include "weights/describe/single_file_config.h"
#include "weights/describe/single_file_shape.h"
#include "weights/names/attention_names.h"
#include "weights/names/ldm_names.h"
#include "weights/names/prefixed_tensors.h"
#include "weights/names/remapped_source.h"

namespace ipa {
namespace {

constexpr const char* unet_prefix = "model.diffusion_model.";

Status missing(const TensorSource& source, const std::string& what, const std::string& fix) {
  return Status(Code::missing_tensor,
                in_quotes(source.path(), 1024) + ": no " + what + " in this file: " + fix);
}

std::string vae_prefix_of(const TensorSource& source) {
  for (const char* prefix : {"first_stage_model.", "vae.", ""})
    if (Prefixed(source, prefix).has("decoder.up.0.block.0.conv1.weight")) return prefix;
  return "none";
}

Status read_text(const TensorSource& source, SingleFile& file) {
  IPA_ASSIGN(file.text, find_original_texts(source, file.family));
  if (file.text.empty())
    return missing(source, "text encoder",
                   "use a file of the whole model, or its folder in the diffusers layout");
  // Its configuration is told by these.
  for (const OriginalText& text : file.text)
    for (const char* name : {"embeddings.position_embedding.weight", "encoder.layers.0.layer_norm1.weight",
                             "encoder.layers.0.mlp.fc1.weight"}) {
      const std::string original = original_text_tensor(source, text, std::string("text_model.") + name).name;
      if (!source.find(original)) return missing(source, in_quotes(original), "get the file again");
    }
  return {};
}

Status describe_unet(const TensorSource& source, SingleFile& file) {
  IPA_ASSIGN(file.unet, original_unet_config(source, file.unet_prefix));
  file.family = original_family(*file.unet);
  return check_unet_shape(source, file.unet_prefix, file.family);
}

bool has_unet(const TensorSource& source, const char* prefix) {
  const Prefixed unet(source, prefix);
  return unet.has("input_blocks.0.0.weight") && unet.has("out.2.weight");
}

constexpr std::string_view vae_attention = ".mid.attn_1.";

// Where the VAE's attention is, by the names that ldm_vae_tensor gives to it.
std::unordered_map<std::string, std::string> attention_spellings(const TensorSource& source,
                                                                 const std::string& prefix) {
  std::unordered_map<std::string, std::string> spellings;
  for (const TensorInfo& info : source.tensors()) {
    const size_t at = info.name.find(vae_attention);
    if (at == std::string::npos || info.name.compare(0, prefix.size(), prefix) != 0) continue;
    const size_t part = at + vae_attention.size();
    const std::string name = attention_tensor(std::string_view(info.name).substr(part));
    const std::string ldm = name.empty() ? "" : ldm_vae_attention(name);
    if (!ldm.empty()) spellings.emplace(info.name.substr(0, part) + ldm, info.name);
  }
  return spellings;
}

// The network's tensors out of a file, all of whose tensors in `scope` are accounted for.
template <class Original>
Result<std::unique_ptr<TensorSource>> take_network(std::unique_ptr<TensorSource> source,
                                                   const std::vector<std::string>& names,
                                                   const NetworkScope& scope, const Original& original) {
  std::unordered_set<std::string> read;
  for (const std::string& name : names) read.insert(original(name).name);
  IPA_TRY(account_for(*source, read, scope));
  return remap_tensors(std::move(source), names, original);
}

// Files of the UNet alone are found with and without the whole model's prefix.
std::string unet_prefix_of(const TensorSource& source) {
  return has_unet(source, unet_prefix) ? unet_prefix : "";
}

}  // namespace

double usual_scaling_factor(const std::string& family) { return family == "sdxl" ? 0.13025 : 0.18215; }

bool is_single_file(const TensorSource& source) { return has_unet(source, unet_prefix); }

Result<std::string> single_file_family(const TensorSource& source) {
  if (!is_single_file(source)) return std::string();
  IPA_ASSIGN(const UNetConfig unet, original_unet_config(source, unet_prefix));
  return original_family(unet);
}

Result<SingleFile> read_single_vae(const TensorSource& source, double scaling) {
  SingleFile file;
  file.vae_prefix = vae_prefix_of(source);
  if (file.vae_prefix == "none")
    return missing(source, "VAE",
                   "pass the folder of one in the diffusers layout, or a file with the original names");
  IPA_ASSIGN(file.vae, original_vae_config(source, file.vae_prefix, scaling));
  return file;
}

bool is_single_unet(const TensorSource& source) {
  return !unet_prefix_of(source).empty() || has_unet(source, "");
}

Result<SingleFile> read_single_unet(const TensorSource& source) {
  SingleFile file;
  file.unet_prefix = unet_prefix_of(source);
  IPA_TRY(describe_unet(source, file));
  return file;
}

Result<SingleFile> read_single_file(const TensorSource& source) {
  SingleFile file;
  file.unet_prefix = unet_prefix;
  IPA_TRY(describe_unet(source, file));
  file.vae_prefix = vae_prefix_of(source);
  if (file.vae_prefix != "none") {
    IPA_ASSIGN(file.vae, original_vae_config(source, file.vae_prefix, usual_scaling_factor(file.family)));
  }
  IPA_TRY(read_text(source, file));
  file.scheduler = usual_scheduler(file.family);
  IPA_ASSIGN(file.marks, prediction_marks(source));
  IPA_ASSIGN(file.usual_prediction, usual_prediction(source, file.family, file.unet->in_channels));
  return file;
}

NetworkScope unet_scope(const SingleFile& file) { return {NetworkKind::unet, file.unet_prefix}; }
NetworkScope vae_scope(const SingleFile& file) { return {NetworkKind::vae, file.vae_prefix}; }

std::vector<NetworkScope> single_file_scopes(const SingleFile& file) {
  std::vector<NetworkScope> scopes;
  if (file.unet) scopes.push_back(unet_scope(file));
  if (file.vae) scopes.push_back(vae_scope(file));
  for (const OriginalText& text : file.text) scopes.push_back(text.scope);
  return scopes;
}

Result<std::unique_ptr<TensorSource>> single_file_unet(const SingleFile& file,
                                                       std::unique_ptr<TensorSource> source,
                                                       const std::vector<std::string>& names) {
  const LdmUNetNames ldm(std::unordered_set<std::string>(names.begin(), names.end()));
  return take_network(std::move(source), names, unet_scope(file), [&](const std::string& name) {
    const size_t dot = name.rfind('.');  // of "weight" or "bias"
    const std::string layer = dot == std::string::npos ? "" : ldm.of(std::string_view(name).substr(0, dot));
    return OriginalTensor{layer.empty() ? "" : file.unet_prefix + layer + name.substr(dot)};
  });
}

Result<std::unique_ptr<TensorSource>> single_file_vae(const SingleFile& file,
                                                      std::unique_ptr<TensorSource> source,
                                                      const std::vector<std::string>& names) {
  const std::unordered_map<std::string, std::string> spellings = attention_spellings(*source, file.vae_prefix);
  const auto levels = static_cast<int>(file.vae->channels.size());
  return take_network(std::move(source), names, vae_scope(file), [&](const std::string& name) {
    OriginalTensor original = ldm_vae_tensor(name, levels);
    if (original.name.empty()) return original;
    original.name = file.vae_prefix + original.name;
    const auto found = spellings.find(original.name);
    if (found != spellings.end()) original.name = found->second;
    return original;
  });
}

Result<std::unique_ptr<TensorSource>> single_file_text(const SingleFileText& text,
                                                       std::unique_ptr<TensorSource> source,
                                                       const std::vector<std::string>& names) {
  const TensorSource& file = *source;
  return take_network(std::move(source), names, text.scope,
                      [&](const std::string& name) { return original_text_tensor(file, text, name); });
}

}  // namespace ipa
