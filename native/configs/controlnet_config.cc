#include "configs/controlnet_config.h"

#include "base/config_reader.h"
#include "configs/config_check.h"

namespace ipa {
namespace {

constexpr Range picture_levels = {1, 8}, picture_channel_counts = {1, 64}, mode_counts = {1, 64};

}  // namespace

Result<ControlNetConfig> ControlNetConfig::parse(const Json& json, const std::string& where) {
  ControlNetConfig config;
  IPA_ASSIGN(config.trunk, UNetConfig::parse_down(json, where));
  ConfigReader reader(json, where);
  if (const auto widths_given = reader.list("conditioning_embedding_out_channels", widths.low, widths.high);
      !widths_given.empty())
    config.picture_widths = widths_given;
  config.picture_channels =
      reader.integer("conditioning_channels", 3, picture_channel_counts.low, picture_channel_counts.high);
  config.bgr =
      reader.choice<bool>("controlnet_conditioning_channel_order", "rgb", {{"rgb", false}, {"bgr", true}});
  config.pooled = reader.boolean("global_pool_conditions", false);
  if (reader.has("num_control_type")) {
    config.several.modes = reader.integer("num_control_type", 6, mode_counts.low, mode_counts.high);
    config.several.width = reader.integer("num_trans_channel", 320, widths.low, widths.high);
    config.several.layers =
        static_cast<int>(reader.integer("num_trans_layer", 1, layer_counts.low, layer_counts.high));
    const int64_t projected = reader.integer("num_proj_channel", 320, widths.low, widths.high);
    const int64_t first = config.trunk.levels.front().channels;
    if (config.several.width != first || projected != first)
      reader.fail(Code::invalid_option, "num_trans_channel and num_proj_channel: use those of the first level");
    if (!reader.has("conditioning_embedding_out_channels")) config.picture_widths = {48, 96, 192, 384};
  }
  // The network itself ignores these of a UNet.
  config.trunk.conv_in_kernel = 3;
  config.trunk.center_input_sample = false;
  config.trunk.time_cond_size = 0;
  config.trunk.mid_block = true;
  IPA_TRY(reader.status());
  IPA_TRY(config.check(where));
  return config;
}

Status ControlNetConfig::check(const std::string& where) const {
  IPA_TRY(trunk.check(where));
  ConfigCheck check(where);
  check.whole("conditioning_embedding_out_channels", static_cast<int64_t>(picture_widths.size()),
              picture_levels);
  for (int64_t width : picture_widths) check.whole("conditioning_embedding_out_channels", width, widths);
  check.whole("conditioning_channels", picture_channels, picture_channel_counts);
  return check.status();
}

}  // namespace ipa
