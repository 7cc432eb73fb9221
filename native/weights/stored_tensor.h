// Reading of tensors whose elements lie in row-major order in a file.
#pragma once

#include <cstdint>

#include "base/byte_source.h"
#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// Reads the tensor at `begin` as TensorSource::read does.
// `crc`, where given, receives the checksum of its bytes in the file.
Status read_stored_tensor(const ByteSource& file, uint64_t begin, const TensorInfo& info, DType as, void* out,
                          uint32_t* crc = nullptr);

// Code::unsupported when `info` is of a type that convert_to_f32 does not read.
Status check_readable(const ByteSource& file, const TensorInfo& info);

}  // namespace ipa
