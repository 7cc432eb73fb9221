#include "configs/unet_config.h"

#include "base/config_reader.h"
#include "configs/clip_config.h"
#include "configs/config_check.h"

namespace ipa {
namespace {

using BlockCounts = std::vector<std::vector<int>>;

constexpr Range head_counts = {1, 1024}, block_counts = {0, 64};
constexpr Range channel_counts = {1, 64}, time_widths = {1, 1 << 16}, condition_widths = {1, 1 << 20};
constexpr Range guidance_widths = {4, 1 << 16};

int block_count(ConfigReader& reader, const char* key, const Json& value) {
  if (value.is_u64() && value.u64() <= static_cast<uint64_t>(block_counts.high))
    return static_cast<int>(value.u64());
  reader.fail(Code::invalid_option, std::string(key) + ": use whole numbers from 0 to 64");
  return 1;
}

// Transformer blocks of every attention module; `modules` is the number of modules a level.
// The config gives one number, one per level, or for a level a list with one per module.
BlockCounts read_block_counts(ConfigReader& reader, const Json& json, const char* key,
                              const std::vector<int64_t>& modules) {
  const Json* value = reader.has(key) ? json.find(key) : nullptr;
  const bool listed = value && value->is_array();
  if (listed && value->array().size() != modules.size()) {
    reader.fail(Code::invalid_option,
                std::string(key) + ": use one whole number or a list of " + std::to_string(modules.size()));
    value = nullptr;
  }
  BlockCounts counts;
  for (size_t i = 0; i < modules.size(); ++i) {
    const auto needed = static_cast<size_t>(modules[i]);
    const Json* level = value && listed ? &value->array()[i] : value;
    if (!level || !level->is_array()) {
      counts.emplace_back(needed, level ? block_count(reader, key, *level) : 1);
      continue;
    }
    if (level->array().size() < needed)
      reader.fail(Code::invalid_option, std::string(key) + ": a level's list is shorter than its layers");
    counts.emplace_back();
    for (const Json& entry : level->array()) counts.back().push_back(block_count(reader, key, entry));
    counts.back().resize(needed, 1);
  }
  return counts;
}

enum class Ways : uint8_t { both, down };

void read_transformer_layers(ConfigReader& reader, const Json& json, Ways ways, UNetConfig& config) {
  constexpr const char *down_key = "transformer_layers_per_block",
                       *up_key = "reverse_transformer_layers_per_block";
  const size_t n = config.levels.size();
  std::vector<int64_t> modules, up_modules;
  for (const UNetConfig::Level& level : config.levels) modules.push_back(level.resnets);
  const BlockCounts down = read_block_counts(reader, json, down_key, modules);
  // Up blocks take the numbers in reverse unless the config gives them a list of their own,
  // which runs from the bottom up.
  const bool own_list = reader.has(up_key);
  for (size_t i = 0; i < n; ++i) up_modules.push_back(config.levels[n - 1 - i].resnets + 1);
  const BlockCounts up = own_list ? read_block_counts(reader, json, up_key, up_modules) : BlockCounts();
  for (size_t i = 0; i < n; ++i) {
    UNetConfig::Level& level = config.levels[i];
    level.transformer_layers = down[i];
    level.up_transformer_layers =
        own_list ? up[n - 1 - i] : std::vector<int>(static_cast<size_t>(level.resnets) + 1, down[i].front());
  }
  config.mid_transformer_layers = down.back().front();
  const Json* lists = json.find(down_key);
  if (ways == Ways::both && !own_list && lists && lists->is_array())
    for (const Json& level : lists->array())
      if (level.is_array())
        reader.fail(Code::invalid_option,
                    std::string(up_key) + " is missing: it is needed when blocks are listed a layer");
}

// A way up as the way down.
std::vector<std::string> mirrored(const std::vector<std::string>& down) {
  std::vector<std::string> up;
  for (auto type = down.rbegin(); type != down.rend(); ++type)
    up.push_back(*type == "CrossAttnDownBlock2D" ? "CrossAttnUpBlock2D" : "UpBlock2D");
  return up;
}

void read_block_types(ConfigReader& reader, const Json& json, Ways ways, UNetConfig& config) {
  const size_t n = config.levels.size();
  std::vector<std::string> down = reader.texts("down_block_types"), up = reader.texts("up_block_types");
  if (down.empty())
    down = {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"};
  if (ways == Ways::down) up = mirrored(down);
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
  // Distilled models have none, which the config says with a null.
  const Json* mid_type = json.find("mid_block_type");
  config.mid_block = !mid_type || !mid_type->is_null();
  const std::string mid = reader.text("mid_block_type", "UNetMidBlock2DCrossAttn");
  config.mid_attention = mid == "UNetMidBlock2DCrossAttn";
  if (!config.mid_attention && mid != "UNetMidBlock2D")
    reader.fail(Code::unsupported, "mid_block_type " + mid.substr(0, 60));
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

Result<UNetConfig> parse_config(const Json& json, const std::string& where, Ways ways) {
  ConfigReader reader(json, where);
  UNetConfig config;
  std::vector<int64_t> channels = reader.list("block_out_channels", widths.low, widths.high);
  if (channels.empty()) channels = {320, 640, 1280, 1280};
  const size_t n = channels.size();
  if (n > most_levels) reader.fail(Code::invalid_option, "more than 8 levels");
  config.levels.resize(n);
  const auto resnets = reader.integers("layers_per_block", 2, n, layer_counts.low, layer_counts.high);
  const auto heads = reader.integers("attention_head_dim", 8, n, head_counts.low, head_counts.high);
  const auto cross = reader.integers("cross_attention_dim", 1280, n, widths.low, widths.high);
  const auto only_cross = reader.booleans("only_cross_attention", false, n);
  for (size_t i = 0; i < n; ++i) {
    UNetConfig::Level& level = config.levels[i];
    level.channels = channels[i];
    level.resnets = static_cast<int>(resnets[i]);
    level.heads = static_cast<int>(heads[i]);
    level.cross_size = cross[i];
    level.only_cross_attention = only_cross[i];
    if (cross[i] != cross[0]) reader.fail(Code::unsupported, "cross_attention_dim that differs between blocks");
  }
  read_transformer_layers(reader, json, ways, config);
  read_block_types(reader, json, ways, config);
  config.in_channels = reader.integer("in_channels", 4, channel_counts.low, channel_counts.high);
  config.out_channels = reader.integer("out_channels", 4, channel_counts.low, channel_counts.high);
  config.sample_size = reader.integer("sample_size", 64, 1, 4096);
  config.norm_groups = static_cast<int>(reader.integer("norm_num_groups", 32, 1, 1024));
  config.norm_epsilon = static_cast<float>(reader.number("norm_eps", 1e-5, 0, 1));
  config.activation = read_activation(reader, "act_fn", "silu");
  config.linear_projection = reader.boolean("use_linear_projection", false);
  config.downsample_padding = static_cast<int>(reader.integer("downsample_padding", 1, 0, 1));
  config.conv_in_kernel = static_cast<int>(reader.integer("conv_in_kernel", 3, 1, 9));
  config.conv_out_kernel = static_cast<int>(reader.integer("conv_out_kernel", 3, 1, 9));
  config.flip_sin_to_cos = reader.boolean("flip_sin_to_cos", true);
  config.freq_shift = reader.number("freq_shift", 0, -1, 1);
  config.center_input_sample = reader.boolean("center_input_sample", false);
  config.time_embedding_size =
      reader.integer("time_embedding_dim", channels[0] * 4, time_widths.low, time_widths.high);
  config.time_cond_size =
      reader.has("time_cond_proj_dim")
          ? reader.integer("time_cond_proj_dim", 4, guidance_widths.low, guidance_widths.high)
          : 0;
  const std::string addition = reader.text("addition_embed_type", "");
  config.text_time = addition == "text_time";
  if (!addition.empty() && !config.text_time)
    reader.fail(Code::unsupported, "addition_embed_type \"" + addition.substr(0, 60) + "\"");
  config.addition_time_size = reader.integer("addition_time_embed_dim", 256, 2, 1 << 16);
  config.addition_input_size = reader.integer("projection_class_embeddings_input_dim", 2816,
                                              condition_widths.low, condition_widths.high);
  read_class_embedding(reader, config);
  require_plain_rest(reader);
  IPA_TRY(reader.status());
  IPA_TRY(config.check(where));
  return config;
}

}  // namespace

Result<UNetConfig> UNetConfig::parse(const Json& json, const std::string& where) {
  return parse_config(json, where, Ways::both);
}

Result<UNetConfig> UNetConfig::parse_down(const Json& json, const std::string& where) {
  return parse_config(json, where, Ways::down);
}

Status UNetConfig::check(const std::string& where) const {
  ConfigCheck check(where);
  check.whole("in_channels", in_channels, channel_counts);
  check.whole("out_channels", out_channels, channel_counts);
  check.require(!levels.empty() && levels.size() <= most_levels, "more than 8 levels");
  for (const Level& level : levels) {
    check.whole("layers_per_block", level.resnets, layer_counts);
    check.whole("block_out_channels", level.channels, widths);
    check.whole("cross_attention_dim", level.cross_size, widths);
    check.whole("attention_head_dim", level.heads, head_counts);
    for (int blocks : level.transformer_layers)
      check.whole("transformer_layers_per_block", blocks, block_counts);
    for (int blocks : level.up_transformer_layers)
      check.whole("reverse_transformer_layers_per_block", blocks, block_counts);
  }
  check.whole("time_embedding_dim", time_embedding_size, time_widths);
  if (time_cond_size) check.whole("time_cond_proj_dim", time_cond_size, guidance_widths);
  check.whole("projection_class_embeddings_input_dim", addition_input_size, condition_widths);
  for (const Level& level : levels) {
    check.require(level.channels % norm_groups == 0, "a width does not divide by norm_num_groups");
    check.require(level.heads > 0 && level.channels % level.heads == 0,
                  "a width does not divide by attention_head_dim");
  }
  return check.status();
}

}  // namespace ipa
