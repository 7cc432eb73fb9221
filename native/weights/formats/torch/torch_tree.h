// Names for the tensors in a pickled tree of dictionaries, or without any.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "weights/formats/torch/torch_pickle.h"

namespace ipa {

struct NamedTorchTensor {
  std::string name;
  size_t tensor = 0;  // in TorchPickle::tensors
};

// Keys joined with ".", in file order.
// When the outermost dictionary has a `state_dict`, its tensors are the file's and the rest is ignored;
// so is everywhere what is neither tensor nor dictionary, but for three tensors in a tuple or list of that outermost
// dictionary, as inpaint patches of Fooocus have them: "key.0", "key.1" and "key.2". In place of a dictionary there may be a tensor,
// named "tensor", or a list of nothing but tensors, named "0", "1", ... Code::
// type (none of these; a tensor whose key is no text), duplicate, limit (also a dictionary that holds itself).
Result<std::vector<NamedTorchTensor>> name_torch_tensors(const TorchPickle& pickle);

// The texts of the outermost dictionary by their keys; only short ones, which may be names.
std::vector<std::pair<std::string, std::string>> torch_texts(const TorchPickle& pickle);

}  // namespace ipa
