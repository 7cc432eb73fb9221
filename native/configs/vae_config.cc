#include "configs/vae_config.h"

#include "configs/clip_config.h"
#include "configs/config_check.h"

namespace ipa {
namespace {

constexpr Range latent_counts = {1, 64};

std::vector<double> numbers(const Json& json, const char* key) {
  std::vector<double> result;
  const Json* list = json.find(key);
  if (list && list->is_array())
    for (const Json& entry : list->array()) result.push_back(entry.number());
  return result;
}

}  // namespace

TaesdConfig TaesdConfig::parse(ConfigReader& reader) {
  TaesdConfig config;
  auto read = [&](const char* key, std::vector<int64_t>& list, int64_t low, int64_t high) {
    std::vector<int64_t> given = reader.list(key, low, high);
    if (!given.empty()) list = std::move(given);
  };
  read("decoder_block_out_channels", config.channels, 1, 16384);
  read("num_decoder_blocks", config.blocks, 0, 64);
  read("encoder_block_out_channels", config.encoder_channels, 1, 16384);
  read("num_encoder_blocks", config.encoder_blocks, 0, 64);
  const size_t stages = config.channels.size();
  if (stages != config.blocks.size())
    reader.fail(Code::invalid_option,
                "decoder_block_out_channels and num_decoder_blocks need the same number of stages");
  if (stages != config.encoder_channels.size() || stages != config.encoder_blocks.size())
    reader.fail(Code::invalid_option,
                "encoder_block_out_channels and num_encoder_blocks need the decoder's number of stages");
  if (stages > 8) reader.fail(Code::invalid_option, "more than 8 stages");
  // A stage keeps the width of the one before: the network has no layer that would change it.
  for (int64_t width : config.channels)
    if (width != config.channels.front())
      reader.fail(Code::unsupported, "decoder_block_out_channels of different widths");
  for (int64_t width : config.encoder_channels)
    if (width != config.encoder_channels.front())
      reader.fail(Code::unsupported, "encoder_block_out_channels of different widths");
  config.out_channels = reader.integer("out_channels", 3, 3, 3);
  config.activation = reader.choice<Activation>("act_fn", "relu",
                                                {{"relu", Activation::relu},
                                                 {"silu", Activation::silu},
                                                 {"swish", Activation::silu},
                                                 {"gelu", Activation::gelu}});
  reader.require_number("upsampling_scaling_factor", 2);
  reader.require_text("upsample_fn", "nearest");
  return config;
}

Result<VaeConfig> VaeConfig::parse(const Json& json, const std::string& where) {
  ConfigReader reader(json, where);
  VaeConfig config;
  const std::string kind = reader.text("_class_name", "AutoencoderKL");
  if (kind == "AutoencoderTiny") {
    config.tiny = TaesdConfig::parse(reader);
    config.latent_channels = reader.integer("latent_channels", 4, latent_counts.low, latent_counts.high);
    config.scaling_factor = reader.number("scaling_factor", 1, 1e-6, 1e6);
    if (!reader.status().ok()) return reader.status();
    return config;
  }
  if (kind != "AutoencoderKL")
    reader.fail(Code::unsupported, kind.substr(0, 60) + " is no AutoencoderKL or AutoencoderTiny");
  config.channels = reader.list("block_out_channels", widths.low, widths.high);
  if (config.channels.empty()) config.channels = {64};
  for (const char* key : {"down_block_types", "up_block_types"})
    for (const std::string& type : reader.texts(key))
      if (type != "DownEncoderBlock2D" && type != "UpDecoderBlock2D")
        reader.fail(Code::unsupported, "block type " + type.substr(0, 60));
  config.layers_per_block =
      static_cast<int>(reader.integer("layers_per_block", 1, layer_counts.low, layer_counts.high));
  config.latent_channels = reader.integer("latent_channels", 4, latent_counts.low, latent_counts.high);
  config.in_channels = reader.integer("in_channels", 3, 3, 3);
  config.out_channels = reader.integer("out_channels", 3, 3, 3);
  config.norm_groups = static_cast<int>(reader.integer("norm_num_groups", 32, 1, 1024));
  config.activation = read_activation(reader, "act_fn", "silu");
  config.quant_conv = reader.boolean("use_quant_conv", true);
  config.post_quant_conv = reader.boolean("use_post_quant_conv", true);
  config.mid_attention = reader.boolean("mid_block_add_attention", true);
  config.scaling_factor = reader.number("scaling_factor", 0.18215, 1e-6, 1e6);
  config.shift_factor = reader.number("shift_factor", 0, -1e6, 1e6);
  config.sample_size = reader.integer("sample_size", 32, 1, 1 << 16);
  config.latents_mean = numbers(json, "latents_mean");
  config.latents_std = numbers(json, "latents_std");
  const auto latents = static_cast<size_t>(config.latent_channels);
  if (config.latents_mean.size() != config.latents_std.size() ||
      (!config.latents_mean.empty() && config.latents_mean.size() != latents))
    reader.fail(Code::invalid_option, "latents_mean and latents_std need one number per latent channel");
  IPA_TRY(reader.status());
  IPA_TRY(config.check(where));
  return config;
}

Status VaeConfig::check(const std::string& where) const {
  ConfigCheck check(where);
  check.whole("latent_channels", latent_channels, latent_counts);
  if (tiny) return check.status();
  for (int64_t width : channels) check.whole("block_out_channels", width, widths);
  check.require(!channels.empty() && channels.size() <= most_levels, "more than 8 levels");
  check.whole("layers_per_block", layers_per_block, layer_counts);
  for (int64_t width : channels)
    check.require(width % norm_groups == 0, "a width does not divide by norm_num_groups");
  return check.status();
}

}  // namespace ipa
