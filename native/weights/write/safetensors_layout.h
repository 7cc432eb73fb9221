// The header of a safetensors file to be written, and the order of its data.
#pragma once

#include <vector>

#include "base/status.h"
#include "weights/write/file_layout.h"

namespace ipa {

// `tensors` of types that safetensors has, with their bytes; names of 1..512 bytes of UTF-8, unique, not
// "__metadata__"; at most 8 sizes, each >= 0. `metadata`, where there is any, becomes the member __metadata__;
// texts that are not UTF-8 are left out. The header is padded to a multiple of 8 with spaces and the widest
// type comes first, so data are aligned. Errors: Code::invalid_option (a bad name, shape or type), duplicate.
Result<FileLayout> lay_out_safetensors(const std::vector<TensorInfo>& tensors, const Texts& metadata = {});

}  // namespace ipa
