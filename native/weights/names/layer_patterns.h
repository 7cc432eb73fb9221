// PEFT's patterns: values for layers by what their names end with.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"

namespace ipa {

// PEFT matches a key as the regular expression (.*\.)?(KEY)$. Here a key may have names, "\."
// for a dot, ".*" for anything, and "^" in front of a whole name; a plain dot stands for itself.
class LayerPatterns {
 public:
  // Of several keys that fit a layer the one added first counts.
  // Code::unsupported (a key with more of regular expressions), limit (too many keys with ".*").
  Status add(std::string_view key, double value);
  std::optional<double> find(std::string_view layer) const;

 private:
  struct Entry {
    size_t order = 0;
    double value = 0;
  };
  struct Wildcard {
    std::vector<std::string> pieces;  // with anything between them
    bool from_start = false;
    Entry entry;
  };
  static bool fits(const Wildcard& wildcard, std::string_view layer);

  size_t count_ = 0;
  std::unordered_map<std::string, Entry> endings_, wholes_;
  std::vector<Wildcard> wildcards_;
};

}  // namespace ipa
