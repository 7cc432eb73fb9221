// Reader of PyTorch's .bin, .pt and .ckpt files, made for untrusted input:
// nothing in a file is run, everything is checked at opening, tensors are read one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// Whether these first bytes of a file are of one that torch.save wrote, in either form.
bool is_torch_file(const uint8_t* start, size_t size);

// Opens what torch.save wrote of a dictionary of tensors, or of dictionaries of them:
// names are joined with ".", and a checkpoint's `state_dict` stands for all of it.
// A tensor by itself is named "tensor", those of a list "0", "1", ... Errors of open_file, read_torch_zip
// and read_torch_legacy; Code::duplicate (two tensors of one name), no_memory. Messages name the file.
Result<std::unique_ptr<TensorSource>> open_torch(const std::string& path);

// The same for bytes in memory; `name` stands for the path.
Result<std::unique_ptr<TensorSource>> open_torch_bytes(std::vector<uint8_t> bytes, const std::string& name);

}  // namespace ipa
