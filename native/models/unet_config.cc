#include "models/unet_config.h"

#include <algorithm>

#include "base/config_reader.h"
#include "models/clip_layers.h"

namespace ipa {
namespace {

void read_block_types(ConfigReader& reader, UNetConfig& config) {
  const size_t n = config.levels.size();
  std::vector<std::string> down = reader.texts("down_block_types"), up = reader.texts("up_block_types");
  if (down.empty())
    down = {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"};
  if (up.empty()) up = {"UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"};
  if (down.size() != n || up.size() != n) {
    reader.fail(Code::invalid_option,
                "block_out_channels, down_block_types and up_block_types differ in length");
    return;
  }
  for (size_t i = 0; i < n; ++i) {
    UNetConfig::Level& level = config.levels[i];
    const std::string &d = down[i], &u = up[n - 1 - i];
    level.down_attention = d == "CrossAttnDownBlock2D";
    level.up_attention = u == "CrossAttnUpBlock2D";
    if (!level.down_attention && d != "DownBlock2D")
      reader.fail(Code::unsupported, "block type " + d.substr(0, 60));
    if (!level.up_attention && u != "UpBlock2D")
      reader.fail(Code::unsupported, "block type " + u.substr(0, 60));
  }
  const std::string mid = reader.text("mid_block_type", "UNetMidBlock2DCrossAttn");
  if (mid != "UNetMidBlock2DCrossAttn") reader.fail(Code::unsupported, "mid_block_type " + mid.substr(0, 60));
}

void read_class_embedding(ConfigReader& reader, UNetConfig& config) {
  const std::string type = reader.text("class_embed_type", "");
  config.class_count = reader.integer("num_class_embeds", 0, 0, 1 << 24);
  config.class_input_size = reader.integer("projection_class_embeddings_input_dim", 0, 0, 1 << 20);
  if (type.empty()) {
    if (config.class_count) config.class_embedding = ClassEmbedding::table;
  } else if (type == "timestep") {
    config.class_embedding = ClassEmbedding::timestep;
  } else if (type == "projection") {
    config.class_embedding = ClassEmbedding::projection;
  } else if (type == "simple_projection") {
    config.class_embedding = ClassEmbedding::simple;
  } else if (type == "identity") {
    config.class_embedding = ClassEmbedding::identity;
  } else {
    reader.fail(Code::unsupported, "class_embed_type \"" + type.substr(0, 60) + "\"");
  }
  const bool needs_size =
      config.class_embedding == ClassEmbedding::projection || config.class_embedding == ClassEmbedding::simple;
  if (needs_size && !config.class_input_size)
    reader.fail(Code::invalid_option, "projection_class_embeddings_input_dim is missing");
}

void require_plain_rest(ConfigReader& reader) {
  for (const char* key : {"encoder_hid_dim", "encoder_hid_dim_type", "cross_attention_norm",
                          "timestep_post_act", "time_embedding_act_fn", "num_attention_heads"})
    reader.require_absent(key);
  reader.require_boolean("dual_cross_attention", false);
  reader.require_boolean("resnet_skip_time_act", false);
  reader.require_boolean("class_embeddings_concat", false);
  reader.require_number("resnet_out_scale_factor", 1);
  reader.require_number("mid_block_scale_factor", 1);
  reader.require_text("resnet_time_scale_shift", "default");
  reader.require_text("time_embedding_type", "positional");
  reader.require_text("attention_type", "default");
}

}  // namespace

Result<UNetConfig> UNetConfig::parse(const Json& json, const std::string& where) {
  ConfigReader reader(json, where);
  UNetConfig config;
  std::vector<int64_t> channels = reader.list("block_out_channels", 1, 16384);
  if (channels.empty()) channels = {320, 640, 1280, 1280};
  const size_t n = channels.size();
  if (n > 8) reader.fail(Code::invalid_option, "more than 8 levels");
  config.levels.resize(n);
  const auto resnets = reader.integers("layers_per_block", 2, n, 1, 16);
  const auto heads = reader.integers("attention_head_dim", 8, n, 1, 1024);
  const auto cross = reader.integers("cross_attention_dim", 1280, n, 1, 16384);
  const auto transformers = reader.integers("transformer_layers_per_block", 1, n, 0, 64);
  const auto only_cross = reader.booleans("only_cross_attention", false, n);
  // Up blocks take the list in reverse unless the config gives them a list of their own, which runs from the
  // bottom up.
  auto up_transformers = transformers;
  if (reader.has("reverse_transformer_layers_per_block")) {
    up_transformers = reader.integers("reverse_transformer_layers_per_block", 1, n, 0, 64);
    std::reverse(up_transformers.begin(), up_transformers.end());
  }
  for (size_t i = 0; i < n; ++i) {
    UNetConfig::Level& level = config.levels[i];
    level.channels = channels[i];
    level.resnets = static_cast<int>(resnets[i]);
    level.heads = static_cast<int>(heads[i]);
    level.cross_size = cross[i];
    level.transformer_layers = static_cast<int>(transformers[i]);
    level.up_transformer_layers = static_cast<int>(up_transformers[i]);
    level.only_cross_attention = only_cross[i];
    if (cross[i] != cross[0]) reader.fail(Code::unsupported, "cross_attention_dim that differs between blocks");
  }
  read_block_types(reader, config);
  config.in_channels = reader.integer("in_channels", 4, 1, 64);
  config.out_channels = reader.integer("out_channels", 4, 1, 64);
  config.sample_size = reader.integer("sample_size", 64, 1, 4096);
  config.norm_groups = static_cast<int>(reader.integer("norm_num_groups", 32, 1, 1024));
  config.norm_epsilon = static_cast<float>(reader.number("norm_eps", 1e-5, 0, 1));
  config.activation = read_clip_activation(reader, "act_fn", "silu");
  config.linear_projection = reader.boolean("use_linear_projection", false);
  config.downsample_padding = static_cast<int>(reader.integer("downsample_padding", 1, 0, 1));
  config.conv_in_kernel = static_cast<int>(reader.integer("conv_in_kernel", 3, 1, 9));
  config.conv_out_kernel = static_cast<int>(reader.integer("conv_out_kernel", 3, 1, 9));
  config.flip_sin_to_cos = reader.boolean("flip_sin_to_cos", true);
  config.freq_shift = reader.number("freq_shift", 0, -1, 1);
  config.center_input_sample = reader.boolean("center_input_sample", false);
  config.time_embedding_size = reader.integer("time_embedding_dim", channels[0] * 4, 1, 1 << 16);
  config.time_cond_size = reader.integer("time_cond_proj_dim", 0, 0, 1 << 16);
  config.mid_only_cross_attention = reader.boolean("mid_block_only_cross_attention", false);
  const std::string addition = reader.text("addition_embed_type", "");
  config.text_time = addition == "text_time";
  if (!addition.empty() && !config.text_time)
    reader.fail(Code::unsupported, "addition_embed_type \"" + addition.substr(0, 60) + "\"");
  config.addition_time_size = reader.integer("addition_time_embed_dim", 256, 2, 1 << 16);
  config.addition_input_size = reader.integer("projection_class_embeddings_input_dim", 2816, 1, 1 << 20);
  read_class_embedding(reader, config);
  require_plain_rest(reader);
  for (const UNetConfig::Level& level : config.levels) {
    if (level.channels % config.norm_groups)
      reader.fail(Code::invalid_option, "a width does not divide by norm_num_groups");
    if (level.channels % level.heads)
      reader.fail(Code::invalid_option, "a width does not divide by attention_head_dim");
  }
  if (!reader.status().ok()) return reader.status();
  return config;
}

}  // namespace ipa
