// Tensors of a file that nothing here reads: they are skipped, and said to be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ipa {

struct IgnoredTensors {
  static constexpr size_t max_names = 20;

  uint64_t count = 0;
  std::vector<std::string> names;  // the first max_names of them, in file order

  void add(const std::string& name) {
    if (names.size() < max_names) names.push_back(name);
    ++count;
  }
};

// Of one file or folder.
struct IgnoredOfFile {
  std::string path;
  IgnoredTensors tensors;
};

}  // namespace ipa
