// The numbers that GGUF has for types of values and tensors, shared by its reader and its writer.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weights/tensor_source.h"

namespace ipa {

// Types of metadata values.
namespace gguf_value {
enum Type : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64, value_types };
}  // namespace gguf_value

// In front of a tensor's name: the key of the shape it has where the table of tensors holds another one.
constexpr std::string_view gguf_original_shape = "comfy.gguf.orig_shape.";

// Nothing for types that are not read here, or that GGUF does not have.
std::optional<DType> gguf_dtype(uint32_t id);
std::optional<uint32_t> gguf_type_id(DType type);

}  // namespace ipa
