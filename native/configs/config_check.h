// The rules that a configuration keeps, whatever it was read from: a config.json, or the tensors of a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/status.h"

namespace ipa {

struct Range {
  int64_t low, high;
};

// Of channels, and of networks' levels and the layers in each.
constexpr Range widths = {1, 16384}, layer_counts = {1, 16};
constexpr size_t most_levels = 8;

// The first broken rule is kept. Messages are those of ConfigReader.
class ConfigCheck {
 public:
  // `where` starts every message.
  explicit ConfigCheck(std::string where) : where_(std::move(where)) {}

  // `key`: the field's name in a config.json.
  void whole(const char* key, int64_t value, Range range) {
    if (value < range.low || value > range.high)
      fail(std::string(key) + " " + std::to_string(value) + ": use a whole number from " +
           std::to_string(range.low) + " to " + std::to_string(range.high));
  }
  void require(bool kept, const char* broken) {
    if (!kept) fail(broken);
  }
  const Status& status() const { return status_; }

 private:
  void fail(const std::string& what) {
    if (status_.ok()) status_ = Status(Code::invalid_option, where_ + ": " + what);
  }

  std::string where_;
  Status status_;
};

}  // namespace ipa
