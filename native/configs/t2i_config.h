// The fields of a T2IAdapter config (Mou et al. 2023).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace ipa {

enum class T2iKind : uint8_t {
  full,
  light,    // narrower within each block
  full_xl,  // halves the sides once only, for SDXL
};

struct T2iConfig {
  T2iKind kind = T2iKind::full;
  int64_t picture_channels = 3;                          // 1: it reads grey pictures
  std::vector<int64_t> widths = {320, 640, 1280, 1280};  // of what it adds, a level each
  int layers = 2;                                        // residual blocks a level
  int64_t picture_scale = 8;                             // pixels that become channels, along a side

  // Of what its first layer reads: squares of pixels as channels.
  int64_t square_channels() const { return picture_channels * picture_scale * picture_scale; }
  // Whether block `i` halves the sides first.
  bool halves(size_t i) const { return kind == T2iKind::full_xl ? i == 2 : i > 0; }

  static Result<T2iConfig> parse(const Json& json, const std::string& where);
  // invalid_option for sizes that no network has. `where` starts the message.
  Status check(const std::string& where) const;
};

}  // namespace ipa
