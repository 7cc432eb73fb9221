// Storage types of tensor files and their exact conversion to f32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "weights/tensor_source.h"

namespace ipa {

// The type safetensors writes as `name`, or nothing.
std::optional<DType> dtype_from_name(std::string_view name);

// Whether convert_to_f32 knows the type.
bool dtype_readable(DType type);

// Whether the type holds integers or booleans.
bool is_integer(DType type);

// Code::type for a tensor whose numbers are integers: they mean nothing as weights without a scale.
// `of` names what they belong to ("the UNet").
Status refuse_integers(const TensorInfo& tensor, const std::string& of);

// Converts `count` little-endian elements at `data` (any alignment) to f32:
// exact where f32 holds the value, else rounded to nearest even.
// f8_e4m3 is the "fn" kind of OCP 8-bit floats (no infinities). False when !dtype_readable(type).
bool convert_to_f32(DType type, const void* data, size_t count, float* out);

}  // namespace ipa
