// A network's weights with more rows behind those of one table: tokens that a text encoder was taught later.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

struct MoreRows {
  const TensorSource* source;
  const TensorInfo* rows;  // (width) or (rows, width)
};

// `base` with `more` behind the rows of its tensor `table`; `base` itself when there are none.
// What `more` points to must outlive the result. Code::missing_tensor (no such table), shape.
Result<std::unique_ptr<TensorSource>> with_more_rows(std::unique_ptr<TensorSource> base,
                                                     const std::string& table,
                                                     const std::vector<MoreRows>& more);

}  // namespace ipa
