// Finds tensors by name in O(log n), whatever the names are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string_view>
#include <vector>

#include "weights/tensor_source.h"

namespace ipa {

class NameIndex {
 public:
  static constexpr size_t none = static_cast<size_t>(-1);

  // Indexes `infos`, which must not change as long as the index is used.
  // Returns the position of a tensor whose name occurs twice, or none.
  size_t build(const std::vector<TensorInfo>& infos) {
    infos_ = &infos;
    order_.resize(infos.size());
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::sort(order_.begin(), order_.end(), [&](size_t a, size_t b) { return infos[a].name < infos[b].name; });
    for (size_t i = 1; i < order_.size(); ++i) {
      if (infos[order_[i]].name == infos[order_[i - 1]].name) return order_[i];
    }
    return none;
  }

  size_t find(std::string_view name) const {
    const auto at =
        std::lower_bound(order_.begin(), order_.end(), name,
                         [this](size_t index, std::string_view n) { return (*infos_)[index].name < n; });
    return at != order_.end() && (*infos_)[*at].name == name ? *at : none;
  }

 private:
  const std::vector<TensorInfo>* infos_ = nullptr;
  std::vector<size_t> order_;
};

}  // namespace ipa
