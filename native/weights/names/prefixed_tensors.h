// Looks tensors up under a prefix.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "weights/tensor_source.h"

namespace ipa {

class Prefixed {
 public:
  Prefixed(const TensorSource& source, std::string prefix) : source_(source), prefix_(std::move(prefix)) {}
  bool has(const std::string& name) const { return source_.find(prefix_ + name) != nullptr; }
  const TensorInfo* find(const std::string& name) const { return source_.find(prefix_ + name); }
  // 0 where there is no such tensor or dimension.
  int64_t size(const std::string& name, size_t dimension) const {
    const TensorInfo* info = source_.find(prefix_ + name);
    return info && dimension < info->shape.size() ? info->shape[dimension] : 0;
  }
  // How many of before + "0" + after, before + "1" + after, ... there are.
  int count(const std::string& before, const std::string& after) const {
    int n = 0;
    while (n < 1000 && has(before + std::to_string(n) + after)) ++n;
    return n;
  }

 private:
  const TensorSource& source_;
  std::string prefix_;
};

}  // namespace ipa
