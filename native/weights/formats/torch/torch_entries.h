// What both forms of PyTorch files share: from a pickle and the places of its storages to tensors in the file.
#pragma once

#include <vector>

#include "weights/formats/torch/torch_layout.h"
#include "weights/formats/torch/torch_pickle.h"

namespace ipa {

struct StoragePlace {
  uint64_t begin = 0;  // in the file
  uint32_t crc = 0;    // of its bytes; 0 when not known
};

// The named tensors and the texts of a pickle, with the places of its storages in the same order.
Result<TorchContents> torch_contents(const TorchPickle& pickle, const std::vector<StoragePlace>& places);

}  // namespace ipa
