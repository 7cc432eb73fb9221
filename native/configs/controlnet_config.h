// The fields of a ControlNetModel config: a UNet's way down and middle, and the network that reads the picture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "configs/unet_config.h"

namespace ipa {

// Of a ControlNetUnionModel: one network for several kinds of pictures, told apart by an embedding each.
struct ControlUnionConfig {
  int64_t modes = 0;  // kinds of pictures; 0: no such network
  int64_t width = 320;
  int layers = 1;
};

struct ControlNetConfig {
  UNetConfig trunk;  // of its levels, the way up counts for nothing
  // Of the network that reads the picture; every one but the first halves its sides.
  std::vector<int64_t> picture_widths = {16, 32, 96, 256};
  int64_t picture_channels = 3;
  bool bgr = false;     // reads blue first
  bool pooled = false;  // global_pool_conditions: what it adds is the same in every pixel

  ControlUnionConfig several;

  // Of the sinusoids that say which kinds of pictures are there, of a union.
  int64_t modes_size() const { return several.modes * trunk.addition_time_size; }
  // Pixels of the picture a latent covers along a side.
  int64_t picture_scale() const { return int64_t{1} << (picture_widths.size() - 1); }

  static Result<ControlNetConfig> parse(const Json& json, const std::string& where);
  // invalid_option for sizes that no network has. `where` starts the message.
  Status check(const std::string& where) const;
};

}  // namespace ipa
