#include "configs/t2i_config.h"

#include "base/config_reader.h"
#include "configs/config_check.h"

namespace ipa {
namespace {

constexpr Range picture_scales = {1, 64}, level_counts = {1, most_levels};

}  // namespace

Result<T2iConfig> T2iConfig::parse(const Json& json, const std::string& where) {
  ConfigReader reader(json, where);
  T2iConfig config;
  config.kind = reader.choice<T2iKind>("adapter_type", "full_adapter",
                                       {{"full_adapter", T2iKind::full},
                                        {"light_adapter", T2iKind::light},
                                        {"full_adapter_xl", T2iKind::full_xl}});
  config.picture_channels = reader.integer("in_channels", 3, 1, 4);
  if (const auto given = reader.list("channels", ipa::widths.low, ipa::widths.high); !given.empty())
    config.widths = given;
  // A light adapter's last block has the width of the one before.
  if (config.kind == T2iKind::light) config.widths.push_back(config.widths.back());
  config.layers = static_cast<int>(reader.integer("num_res_blocks", 2, layer_counts.low, layer_counts.high));
  config.picture_scale = reader.integer("downscale_factor", 8, picture_scales.low, picture_scales.high);
  IPA_TRY(reader.status());
  IPA_TRY(config.check(where));
  return config;
}

Status T2iConfig::check(const std::string& where) const {
  ConfigCheck check(where);
  check.whole("channels", static_cast<int64_t>(widths.size()), level_counts);
  for (int64_t width : widths) check.whole("channels", width, ipa::widths);
  check.whole("num_res_blocks", layers, layer_counts);
  check.whole("downscale_factor", picture_scale, picture_scales);
  check.require(picture_channels == 1 || picture_channels == 3,
                "in_channels: it reads grey or coloured pictures");
  return check.status();
}

}  // namespace ipa
