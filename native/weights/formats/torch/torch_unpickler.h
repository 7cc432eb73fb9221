// Reads a pickle without running anything: only what torch.save writes for tensors,
// the names of torch_names.h and nothing else.
#pragma once

#include <string_view>

#include "base/status.h"
#include "weights/formats/torch/torch_pickle.h"

namespace ipa {

struct PickleLimits {
  static constexpr size_t opcodes = 4'000'000;
  static constexpr size_t stack = 1'000'000;
  static constexpr size_t memo = 1'000'000;
  static constexpr size_t containers = 1'000'000;
  static constexpr size_t marks = 1000;
  static constexpr size_t string_bytes = 65'536;
};

enum class TorchForm { zip, legacy };  // they write the references to storages a little differently

// Reads the pickle at the start of `bytes`, which must outlive the result; there may be more behind it. Code::
// truncated (it ends before its STOP), syntax (malformed), unsupported (another protocol, an opcode or a name
// that tensors do not need), limit, range, overflow, utf8, mismatch (one storage with two types or sizes).
Result<TorchPickle> unpickle_torch(std::string_view bytes, TorchForm form);

}  // namespace ipa
