// Tensors of an original checkpoint as diffusers has them: under other names, cut in thirds, turned over.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/names/original_names.h"
#include "weights/tensor_source.h"

namespace ipa {

// A source of those of `names` whose original `inner` has. `original` says where each is kept.
Result<std::unique_ptr<TensorSource>> remap_tensors(
    std::unique_ptr<TensorSource> inner, const std::vector<std::string>& names,
    const std::function<OriginalTensor(const std::string&)>& original);

}  // namespace ipa
