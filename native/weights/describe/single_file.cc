#include "weights/describe/single_file.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/utf8.h"
#include "weights/describe/single_file_shape.h"
#include "weights/names/attention_names.h"
#include "weights/names/ldm_names.h"
#include "weights/names/prefixed_tensors.h"
#include "weights/names/remapped_source.h"

namespace ipa {
namespace {

constexpr const char* unet_prefix = "model.diffusion_model.";

std::string list(const std::vector<int64_t>& values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i) text += (i ? "," : "") + std::to_string(values[i]);
  return text + "]";
}
std::string list(const std::vector<std::vector<int64_t>>& values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i) text += (i ? "," : "") + list(values[i]);
  return text + "]";
}
std::string list(const std::vector<std::string>& values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i) text += (i ? ",\"" : "\"") + values[i] + "\"";
  return text + "]";
}

Status missing(const TensorSource& source, const std::string& what, const std::string& fix) {
  return Status(Code::missing_tensor, quoted(source.path(), 1024) + ": no " + what + " in this file: " + fix);
}

Result<Json> unet_config(const TensorSource& source, const std::string& prefix, std::string& family) {
  const Prefixed unet(source, prefix);
  const auto input = [](int64_t i, const char* rest) { return "input_blocks." + std::to_string(i) + rest; };
  // Layers a level: what stands before the first reduction.
  int layers = 0, levels = 1;
  for (int i = 1;
       i < 100 && (unet.has(input(i, ".0.in_layers.2.weight")) || unet.has(input(i, ".0.op.weight"))); ++i) {
    const bool reduces = unet.has(input(i, ".0.op.weight"));
    if (reduces) ++levels;
    if (levels == 1) ++layers;
  }
  if (layers == 0)
    return missing(source, quoted(prefix + input(1, ".0.in_layers.2.weight")), "get the file again");
  std::vector<int64_t> channels, heads;
  // Transformer blocks of every attention, a level each from the picture down; one where there is none.
  std::vector<std::vector<int64_t>> depths, up_depths(static_cast<size_t>(levels));
  std::vector<std::string> down, up(static_cast<size_t>(levels));
  int64_t cross = 0;
  bool linear = false;
  for (int level = 0; level < levels; ++level) {
    const int64_t block = 1 + int64_t{level} * (layers + 1);
    channels.push_back(unet.size(input(block, ".0.in_layers.2.weight"), 0));
    const bool attends = unet.has(input(block, ".1.proj_in.weight"));
    down.push_back(attends ? "CrossAttnDownBlock2D" : "DownBlock2D");
    depths.emplace_back();
    for (int i = 0; i < layers; ++i)
      depths.back().push_back(unet.count(input(block + i, ".1.transformer_blocks."), ".norm1.weight"));
    if (attends) {
      linear = unet.find(input(block, ".1.proj_in.weight"))->shape.size() == 2;
      cross = unet.size(input(block, ".1.transformer_blocks.0.attn2.to_k.weight"), 1);
    }
    const size_t from_below = static_cast<size_t>(levels - 1 - level);
    auto output = [&](int i) {
      return "output_blocks." + std::to_string((levels - 1 - level) * (layers + 1) + i);
    };
    up[from_below] = unet.has(output(0) + ".1.proj_in.weight") ? "CrossAttnUpBlock2D" : "UpBlock2D";
    for (int i = 0; i < layers + 1; ++i)
      up_depths[from_below].push_back(unet.count(output(i) + ".1.transformer_blocks.", ".norm1.weight"));
  }
  const bool mid = unet.has("middle_block.0.in_layers.2.weight");
  const int mid_depth = unet.count("middle_block.1.transformer_blocks.", ".norm1.weight");
  // A level without attention tells no depth; of the last one the mid block takes its own.
  if (mid_depth > 0 && depths.back().front() == 0) depths.back().front() = mid_depth;
  for (auto* side : {&depths, &up_depths})
    for (std::vector<int64_t>& level : *side)
      for (int64_t& depth : level) depth = std::max<int64_t>(1, depth);
  for (int64_t width : channels) heads.push_back(linear ? std::max<int64_t>(1, width / 64) : 8);
  const int64_t addition = unet.size("label_emb.0.0.weight", 1);
  family = addition ? "sdxl" : linear ? "sd2" : "sd1";
  const int64_t side = addition ? 128 : linear ? 96 : 64;
  std::string text =
      "{\"in_channels\":" + std::to_string(unet.size("input_blocks.0.0.weight", 1)) +
      ",\"out_channels\":" + std::to_string(unet.size("out.2.weight", 0)) +
      ",\"sample_size\":" + std::to_string(side) + ",\"layers_per_block\":" + std::to_string(layers) +
      ",\"block_out_channels\":" + list(channels) + ",\"down_block_types\":" + list(down) +
      ",\"up_block_types\":" + list(up) + ",\"cross_attention_dim\":" + std::to_string(cross) +
      ",\"attention_head_dim\":" + list(heads) + ",\"transformer_layers_per_block\":" + list(depths) +
      ",\"reverse_transformer_layers_per_block\":" + list(up_depths) +
      ",\"use_linear_projection\":" + (linear ? "true" : "false");
  if (const int64_t guided = unet.size("time_embedding.cond_proj.weight", 1))
    text += ",\"time_cond_proj_dim\":" + std::to_string(guided);
  if (!mid || mid_depth == 0)
    text += mid ? ",\"mid_block_type\":\"UNetMidBlock2D\"" : ",\"mid_block_type\":null";
  if (addition)
    text +=
        ",\"addition_embed_type\":\"text_time\",\"addition_time_embed_dim\":256,"
        "\"projection_class_embeddings_input_dim\":" +
        std::to_string(addition);
  return Json::parse(text + "}");
}

Result<Json> vae_config(const TensorSource& source, double scaling, SingleFile& file) {
  const Prefixed vae(source, file.vae_prefix);
  IPA_ASSIGN(const VaeShape shape, vae_shape(source, file.vae_prefix));
  file.vae_levels = shape.levels;
  std::vector<int64_t> channels;
  for (int i = 0; i < shape.levels; ++i)
    channels.push_back(vae.size("decoder.up." + std::to_string(i) + ".block.0.conv1.weight", 0));
  const std::vector<std::string> down(channels.size(), "DownEncoderBlock2D"),
      up(channels.size(), "UpDecoderBlock2D");
  return Json::parse("{\"_class_name\":\"AutoencoderKL\",\"block_out_channels\":" + list(channels) +
                     ",\"down_block_types\":" + list(down) + ",\"up_block_types\":" + list(up) +
                     ",\"layers_per_block\":" + std::to_string(shape.layers) +
                     ",\"latent_channels\":" + std::to_string(vae.size("decoder.conv_in.weight", 1)) +
                     ",\"scaling_factor\":" + std::to_string(scaling) +
                     ",\"use_post_quant_conv\":" + (shape.quant_convs ? "true" : "false") +
                     ",\"use_quant_conv\":" + (shape.quant_convs ? "true" : "false") +
                     ",\"mid_block_add_attention\":" + (shape.attends ? "true" : "false") + "}");
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
      if (!source.find(original)) return missing(source, quoted(original), "get the file again");
    }
  return {};
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

bool is_single_file(const TensorSource& source) { return has_unet(source, unet_prefix); }

Result<std::string> single_file_family(const TensorSource& source) {
  std::string family;
  if (is_single_file(source)) IPA_TRY(unet_config(source, unet_prefix, family).status());
  return family;
}

Result<SingleFile> read_single_vae(const TensorSource& source, double scaling) {
  SingleFile file;
  file.vae_prefix = vae_prefix_of(source);
  if (file.vae_prefix == "none")
    return missing(source, "VAE",
                   "pass the folder of one in the diffusers layout, or a file with the original names");
  IPA_ASSIGN(file.vae, vae_config(source, scaling, file));
  return file;
}

bool is_single_unet(const TensorSource& source) {
  return !unet_prefix_of(source).empty() || has_unet(source, "");
}

Result<SingleFile> read_single_unet(const TensorSource& source) {
  SingleFile file;
  file.unet_prefix = unet_prefix_of(source);
  IPA_ASSIGN(file.unet, unet_config(source, file.unet_prefix, file.family));
  IPA_TRY(check_unet_shape(source, file.unet_prefix, file.family));
  return file;
}

Result<SingleFile> read_single_file(const TensorSource& source) {
  std::string family;
  IPA_ASSIGN(Json unet, unet_config(source, unet_prefix, family));
  IPA_TRY(check_unet_shape(source, unet_prefix, family));
  SingleFile file;
  file.family = family;
  file.unet = std::move(unet);
  file.unet_prefix = unet_prefix;
  file.vae_prefix = vae_prefix_of(source);
  if (file.vae_prefix != "none") {
    const double scaling = family == "sdxl" ? 0.13025 : 0.18215;
    IPA_ASSIGN(file.vae, vae_config(source, scaling, file));
  }
  IPA_TRY(read_text(source, file));
  IPA_ASSIGN(file.scheduler, usual_scheduler(family));
  IPA_ASSIGN(file.marks, prediction_marks(source));
  const int64_t channels = Prefixed(source, unet_prefix).size("input_blocks.0.0.weight", 1);
  IPA_ASSIGN(file.usual_prediction, usual_prediction(source, family, channels));
  return file;
}

NetworkScope unet_scope(const SingleFile& file) { return {NetworkKind::unet, file.unet_prefix}; }
NetworkScope vae_scope(const SingleFile& file) { return {NetworkKind::vae, file.vae_prefix}; }

std::vector<NetworkScope> single_file_scopes(const SingleFile& file) {
  std::vector<NetworkScope> scopes;
  if (!file.unet.is_null()) scopes.push_back(unet_scope(file));
  if (!file.vae.is_null()) scopes.push_back(vae_scope(file));
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
  return take_network(std::move(source), names, vae_scope(file), [&](const std::string& name) {
    OriginalTensor original = ldm_vae_tensor(name, file.vae_levels);
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
