// Where the tensors of a PyTorch file lie in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/byte_source.h"
#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

struct TorchEntry {
  TensorInfo info;
  std::vector<int64_t> strides;  // in elements, one per dimension
  uint64_t begin = 0;            // of the first element, in the file
  uint32_t crc = 0;              // of the tensor's bytes, where they are a whole storage; 0 when not known
};

struct TorchContents {
  std::vector<TorchEntry> entries;
  // What the outermost dictionary says in short texts, such as an embedding's `name`.
  std::vector<std::pair<std::string, std::string>> texts;
};

constexpr uint64_t max_pickle_bytes = uint64_t{64} << 20;

// How the older form begins: the pickled integer 0x1950a86a20f9469cfc6c.
constexpr std::string_view torch_legacy_magic("\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.", 15);

// Files of torch.save since 1.6: a zip archive with data.pkl and one member a storage.
// Errors of read_zip_directory, unpickle_torch and name_torch_tensors;
// Code::unsupported (TorchScript, big-endian), range (no such storage), layout (a storage of another size).
Result<TorchContents> read_torch_zip(const ByteSource& file);

// The older form: pickles and raw storages one after the other. The same errors.
Result<TorchContents> read_torch_legacy(const ByteSource& file);

}  // namespace ipa
