// T2I-Adapters: how one is built, told by its tensors, and its tensors under diffusers' names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "configs/t2i_config.h"
#include "weights/tensor_source.h"

namespace ipa {

// Whether these are the tensors of one, with diffusers' names or those it was published with.
bool is_t2i_adapter(const TensorSource& source);
// missing_tensor when its first layers are not there.
Result<T2iConfig> t2i_config(const TensorSource& source);
// Its tensors `names`. Code::unsupported when the network has others besides (account_for).
Result<std::unique_ptr<TensorSource>> t2i_tensors(std::unique_ptr<TensorSource> source, const T2iConfig& config,
                                                  const std::vector<std::string>& names);

}  // namespace ipa
