#include "weights/single_file.h"

#include <unordered_set>
#include <utility>

#include "base/utf8.h"
#include "weights/ldm_names.h"
#include "weights/remapped_source.h"

namespace ipa {
namespace {

constexpr const char* unet_prefix = "model.diffusion_model.";

// Looks tensors up under a prefix.
class Prefixed {
 public:
  Prefixed(const TensorSource& source, std::string prefix) : source_(source), prefix_(std::move(prefix)) {}
  bool has(const std::string& name) const { return source_.find(prefix_ + name) != nullptr; }
  const TensorInfo* find(const std::string& name) const { return source_.find(prefix_ + name); }
  // 0 where there is no such tensor or dimension.
  int64_t size(const std::string& name, size_t dimension) const {
    const TensorInfo* info = source_.find(prefix_ + name);
    return info && dimension < info->shape.size() ? info->shape[dimension] : 0;
  }
  // How many of before + "0" + after, before + "1" + after, ... there are.
  int count(const std::string& before, const std::string& after) const {
    int n = 0;
    while (n < 1000 && has(before + std::to_string(n) + after)) ++n;
    return n;
  }

 private:
  const TensorSource& source_;
  std::string prefix_;
};

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
  auto input = [](int64_t i, const char* rest) { return "input_blocks." + std::to_string(i) + rest; };
  // Layers a level: what stands before the first reduction.
  int layers = 0, levels = 1;
  for (int i = 1;
       i < 100 && (unet.has(input(i, ".0.in_layers.2.weight")) || unet.has(input(i, ".0.op.weight"))); ++i) {
    const bool reduces = unet.has(input(i, ".0.op.weight"));
    if (reduces) ++levels;
    if (levels == 1) ++layers;
  }
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
  if (!mid || mid_depth == 0)
    text += mid ? ",\"mid_block_type\":\"UNetMidBlock2D\"" : ",\"mid_block_type\":null";
  if (addition)
    text +=
        ",\"addition_embed_type\":\"text_time\",\"addition_time_embed_dim\":256,"
        "\"projection_class_embeddings_input_dim\":" +
        std::to_string(addition);
  return Json::parse(text + "}");
}

Result<Json> vae_config(const Prefixed& vae, double scaling, int& levels) {
  levels = vae.count("decoder.up.", ".block.0.conv1.weight");
  std::vector<int64_t> channels;
  for (int i = 0; i < levels; ++i)
    channels.push_back(vae.size("decoder.up." + std::to_string(i) + ".block.0.conv1.weight", 0));
  const std::vector<std::string> down(channels.size(), "DownEncoderBlock2D"),
      up(channels.size(), "UpDecoderBlock2D");
  const bool attends = vae.has("decoder.mid.attn_1.q.weight");
  return Json::parse(
      "{\"_class_name\":\"AutoencoderKL\",\"block_out_channels\":" + list(channels) +
      ",\"down_block_types\":" + list(down) + ",\"up_block_types\":" + list(up) +
      ",\"layers_per_block\":" + std::to_string(vae.count("decoder.up.0.block.", ".conv1.weight") - 1) +
      ",\"latent_channels\":" + std::to_string(vae.size("decoder.conv_in.weight", 1)) +
      ",\"scaling_factor\":" + std::to_string(scaling) +
      ",\"use_post_quant_conv\":" + (vae.has("post_quant_conv.weight") ? "true" : "false") +
      ",\"use_quant_conv\":" + (vae.has("quant_conv.weight") ? "true" : "false") +
      ",\"mid_block_add_attention\":" + (attends ? "true" : "false") + "}");
}

// `last_unused`: Stable Diffusion 2 takes the output of the layer before the last, which diffusers' config says
// by leaving that layer out.
Result<SingleFileText> text_config(const TensorSource& source, const std::string& prefix, bool open_clip,
                                   bool last_unused) {
  SingleFileText text;
  text.prefix = prefix;
  text.open_clip = open_clip;
  const Prefixed tensors(source, prefix);
  auto size = [&](const std::string& name, size_t dimension) {
    return tensors.size(open_clip ? open_clip_text_tensor(name).name : name, dimension);
  };
  const int64_t width = size("embeddings.token_embedding.weight", 1);
  int64_t layers = open_clip ? tensors.count("transformer.resblocks.", ".ln_1.weight")
                             : tensors.count("encoder.layers.", ".layer_norm1.weight");
  if (last_unused) --layers;
  std::string json =
      "{\"hidden_size\":" + std::to_string(width) + ",\"num_hidden_layers\":" + std::to_string(layers) +
      ",\"num_attention_heads\":" + std::to_string(std::max<int64_t>(1, width / 64)) +
      ",\"intermediate_size\":" + std::to_string(size("encoder.layers.0.mlp.fc1.weight", 0)) +
      ",\"max_position_embeddings\":" + std::to_string(size("embeddings.position_embedding.weight", 0)) +
      ",\"vocab_size\":" + std::to_string(size("embeddings.token_embedding.weight", 0)) +
      ",\"eos_token_id\":2,\"hidden_act\":\"" + (open_clip ? "gelu" : "quick_gelu") + "\"";
  const int64_t projection = open_clip && !last_unused ? tensors.size("text_projection", 1) : 0;
  if (projection)
    json +=
        ",\"architectures\":[\"CLIPTextModelWithProjection\"],\"projection_dim\":" + std::to_string(projection);
  IPA_ASSIGN(text.config, Json::parse(json + "}"));
  return text;
}

std::string vae_prefix_of(const TensorSource& source) {
  for (const char* prefix : {"first_stage_model.", "vae.", ""})
    if (Prefixed(source, prefix).has("decoder.up.0.block.0.conv1.weight")) return prefix;
  return "none";
}

Status read_text(const TensorSource& source, SingleFile& file) {
  const bool xl = file.family == "sdxl";
  const std::string first = xl ? "conditioner.embedders.0." : "cond_stage_model.";
  auto add = [&](const std::string& prefix, bool open_clip) -> Status {
    IPA_ASSIGN(SingleFileText text, text_config(source, prefix, open_clip, file.family == "sd2"));
    file.text.push_back(std::move(text));
    return {};
  };
  for (const char* inner : {"transformer.text_model.", "transformer."}) {
    if (!Prefixed(source, first + inner).has("embeddings.token_embedding.weight")) continue;
    IPA_TRY(add(first + inner, false));
    break;
  }
  for (const std::string& prefix : {first + "model.", std::string("conditioner.embedders.1.model.")})
    if (Prefixed(source, prefix).has("token_embedding.weight")) IPA_TRY(add(prefix, true));
  if (file.text.empty())
    return missing(source, "text encoder",
                   "use a file of the whole model, or its folder in the diffusers layout");
  return {};
}

bool has_unet(const TensorSource& source, const char* prefix) {
  const Prefixed unet(source, prefix);
  return unet.has("input_blocks.0.0.weight") && unet.has("out.2.weight");
}

// Files of the UNet alone are found with and without the whole model's prefix.
std::string unet_prefix_of(const TensorSource& source) {
  return has_unet(source, unet_prefix) ? unet_prefix : "";
}

}  // namespace

bool is_single_file(const TensorSource& source) { return has_unet(source, unet_prefix); }

std::string single_file_family(const TensorSource& source) {
  std::string family;
  return is_single_file(source) && unet_config(source, unet_prefix, family).ok() ? family : "";
}

Result<SingleFile> read_single_vae(const TensorSource& source, double scaling) {
  SingleFile file;
  file.vae_prefix = vae_prefix_of(source);
  if (file.vae_prefix == "none")
    return missing(source, "VAE",
                   "pass the folder of one in the diffusers layout, or a file with the original names");
  IPA_ASSIGN(file.vae, vae_config(Prefixed(source, file.vae_prefix), scaling, file.vae_levels));
  return file;
}

bool is_single_unet(const TensorSource& source) {
  return !unet_prefix_of(source).empty() || has_unet(source, "");
}

Result<SingleFile> read_single_unet(const TensorSource& source) {
  SingleFile file;
  file.unet_prefix = unet_prefix_of(source);
  IPA_ASSIGN(file.unet, unet_config(source, file.unet_prefix, file.family));
  return file;
}

Result<SingleFile> read_single_file(const TensorSource& source) {
  std::string family;
  IPA_ASSIGN(Json unet, unet_config(source, unet_prefix, family));
  SingleFile file;
  file.family = family;
  file.unet = std::move(unet);
  file.unet_prefix = unet_prefix;
  file.vae_prefix = vae_prefix_of(source);
  if (file.vae_prefix != "none") {
    const double scaling = family == "sdxl" ? 0.13025 : 0.18215;
    IPA_ASSIGN(file.vae, vae_config(Prefixed(source, file.vae_prefix), scaling, file.vae_levels));
  }
  IPA_TRY(read_text(source, file));
  IPA_ASSIGN(file.scheduler, usual_scheduler(family));
  IPA_ASSIGN(file.marks, prediction_marks(source));
  const int64_t channels = Prefixed(source, unet_prefix).size("input_blocks.0.0.weight", 1);
  IPA_ASSIGN(file.usual_prediction, usual_prediction(source, family, channels));
  return file;
}

Result<std::unique_ptr<TensorSource>> single_file_unet(const SingleFile& file,
                                                       std::unique_ptr<TensorSource> source,
                                                       const std::vector<std::string>& names) {
  const LdmUNetNames ldm(std::unordered_set<std::string>(names.begin(), names.end()));
  return remap_tensors(std::move(source), names, [&](const std::string& name) {
    const size_t dot = name.rfind('.');  // of "weight" or "bias"
    const std::string layer = dot == std::string::npos ? "" : ldm.of(std::string_view(name).substr(0, dot));
    return OriginalTensor{layer.empty() ? "" : file.unet_prefix + layer + name.substr(dot)};
  });
}

Result<std::unique_ptr<TensorSource>> single_file_vae(const SingleFile& file,
                                                      std::unique_ptr<TensorSource> source,
                                                      const std::vector<std::string>& names) {
  return remap_tensors(std::move(source), names, [&](const std::string& name) {
    OriginalTensor original = ldm_vae_tensor(name, file.vae_levels);
    if (!original.name.empty()) original.name = file.vae_prefix + original.name;
    return original;
  });
}

Result<std::unique_ptr<TensorSource>> single_file_text(const SingleFileText& text,
                                                       std::unique_ptr<TensorSource> source,
                                                       const std::vector<std::string>& names) {
  constexpr std::string_view tower = "text_model.";
  return remap_tensors(std::move(source), names, [&](const std::string& name) {
    OriginalTensor original;
    if (text.open_clip)
      original = open_clip_text_tensor(name);
    else if (name.compare(0, tower.size(), tower) == 0)
      original.name = name.substr(tower.size());
    if (!original.name.empty()) original.name = text.prefix + original.name;
    return original;
  });
}

}  // namespace ipa
