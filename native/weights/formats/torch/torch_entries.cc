#include "weights/formats/torch/torch_entries.h"

#include <utility>

#include "weights/formats/torch/torch_tree.h"

namespace ipa {

Result<TorchContents> torch_contents(const TorchPickle& pickle, const std::vector<StoragePlace>& places) {
  IPA_ASSIGN(std::vector<NamedTorchTensor> named, name_torch_tensors(pickle));
  TorchContents contents;
  contents.texts = torch_texts(pickle);
  std::vector<TorchEntry>& entries = contents.entries;
  entries.reserve(named.size());
  for (NamedTorchTensor& item : named) {
    const TorchTensor& tensor = pickle.tensors[item.tensor];
    const TorchStorage& storage = pickle.storages[tensor.storage];
    const DType type = tensor.type;
    TorchEntry entry;
    entry.info.name = std::move(item.name);
    entry.info.type = type;
    entry.info.shape = tensor.shape;
    entry.info.bytes = static_cast<uint64_t>(entry.info.elements()) * dtype_size(type);
    entry.strides = tensor.strides;
    entry.begin = places[tensor.storage].begin + tensor.begin * dtype_size(type);
    if (entry.info.bytes == storage.elements * dtype_size(storage.type)) entry.crc = places[tensor.storage].crc;
    entries.push_back(std::move(entry));
  }
  return contents;
}

}  // namespace ipa
