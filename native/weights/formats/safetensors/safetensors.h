// Reader of safetensors files, made for untrusted input: everything is checked at opening,
// data is copied into memory the caller owns (no mapping, no alignment assumed).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// Opens `path` and validates its header; see parse_safetensors_header for the rules and codes.
// Further: Code::not_found, io, type (no regular file), truncated (under 8 bytes),
// limit (header length over 100,000,000 or over the file's),
// unsupported (another format, told from its first bytes), changed, no_memory. Messages name the file.
//
// read_f32 gives Code::changed when the file was written to since it was opened, and Code::unsupported for the
// types that convert_to_f32 does not read.
Result<std::unique_ptr<TensorSource>> open_safetensors(const std::string& path);

// The same for bytes in memory; `name` stands for the path.
Result<std::unique_ptr<TensorSource>> open_safetensors_bytes(std::vector<uint8_t> bytes,
                                                             const std::string& name);

}  // namespace ipa
