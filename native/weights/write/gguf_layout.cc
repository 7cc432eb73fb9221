#include "weights/write/gguf_layout.h"

#include <algorithm>
#include <set>

#include "base/utf8.h"
#include "weights/formats/gguf/ggml_blocks.h"
#include "weights/formats/gguf/gguf_header.h"
#include "weights/formats/gguf/gguf_types.h"
#include "weights/names/name_parts.h"

namespace ipa {
namespace {

constexpr uint64_t alignment = 32;      // the format's default
constexpr int64_t flattened_row = 256;  // whole blocks of every type
constexpr uint32_t quantisation_version = 2;

Status tensor_error(Code code, const std::string& name, const std::string& what) {
  return Status(code, "tensor " + in_quotes(name) + ": " + what);
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7E; });
}

bool rows_are_whole_blocks(const TensorInfo& tensor) {
  const auto values = static_cast<int64_t>(block_layout(tensor.type).values);
  return values == 0 || (!tensor.shape.empty() && tensor.shape.back() % values == 0);
}

// Readers multiply the sizes of an empty tensor too.
bool is_countable(const TensorInfo& tensor) {
  int64_t count = 8;  // bytes at most for a value
  for (const int64_t size : tensor.shape) {
    if (size > 0 && count > INT64_MAX / size) return false;
    count *= std::max<int64_t>(size, 1);
  }
  return true;
}

// As llama.cpp numbers the types of whole files.
uint32_t file_type(DType type) {
  switch (type) {
    case DType::f16: return 1;
    case DType::q4_0: return 2;
    case DType::q4_1: return 3;
    case DType::q8_0: return 7;
    case DType::q5_0: return 8;
    case DType::q5_1: return 9;
    case DType::bf16: return 32;
    default: return 0;
  }
}

bool can_hold(const std::string& key, const std::string& text) {
  for (const char* own :
       {"general.alignment", "general.architecture", "general.file_type", "general.quantization_version"})
    if (key == own) return false;
  if (begins_with(key, "GGUF.")) return false;  // the gguf package has fields of its own under these names
  return !key.empty() && key.size() <= GgufLimits::key_bytes && is_printable(key) &&
         !begins_with(key, gguf_original_shape) && text.size() <= GgufLimits::string_bytes &&
         find_invalid_utf8(text) == std::string::npos;
}

class HeaderWriter {
 public:
  void number(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_ += static_cast<char>(value >> (8 * i) & 255);
  }
  void text(std::string_view value) {
    number(value.size(), 8);
    out_ += value;
  }
  void raw(std::string_view bytes) { out_ += bytes; }
  void key(std::string_view name, gguf_value::Type type) {
    text(name);
    number(type, 4);
  }
  std::string take() { return std::move(out_); }
  size_t size() const { return out_.size(); }

 private:
  std::string out_;
};

Status check_gguf_tensor(const TensorInfo& tensor) {
  const std::string& name = tensor.name;
  if (name.empty() || find_invalid_utf8(name) != std::string::npos)
    return tensor_error(Code::invalid_option, name, "not a usable name");
  if (name.size() > GgufLimits::name_bytes) {
    return tensor_error(Code::limit, name,
                        "a name of " + std::to_string(name.size()) +
                            " bytes, more than GGUF files have here (" +
                            std::to_string(GgufLimits::name_bytes) + "); write a .safetensors file");
  }
  if (!gguf_type_id(tensor.type)) {
    return tensor_error(Code::unsupported, name,
                        std::string("GGUF has no type ") + dtype_name(tensor.type) +
                            "; write a .safetensors file, or leave it out of the input");
  }
  if (!gguf_shape(tensor))
    return tensor_error(Code::unsupported, name, "GGUF has no such shape; write a .safetensors file");
  return {};
}

}  // namespace

std::optional<std::vector<int64_t>> gguf_shape(const TensorInfo& tensor) {
  if (!is_countable(tensor)) return std::nullopt;
  if (tensor.shape.size() <= GgufLimits::rank && rows_are_whole_blocks(tensor)) return tensor.shape;
  const int64_t count = tensor.elements();
  const bool in_blocks = block_layout(tensor.type).values > 0;
  const bool key_holds_shape =
      is_printable(tensor.name) &&
      std::all_of(tensor.shape.begin(), tensor.shape.end(), [](int64_t size) { return size <= INT32_MAX; });
  if (count == 0 || !key_holds_shape || (in_blocks && count % flattened_row != 0)) return std::nullopt;
  if (!in_blocks) return std::vector<int64_t>{count};
  return std::vector<int64_t>{count / flattened_row, flattened_row};
}

Result<FileLayout> lay_out_gguf(const std::vector<TensorInfo>& tensors, const GgufMetadata& metadata) {
  if (tensors.size() > GgufLimits::tensors) return Status(Code::limit, "too many tensors for one file");
  std::vector<std::vector<int64_t>> shapes;
  std::set<std::string_view> names;
  uint64_t keys = 3, flattened = 0;
  for (const TensorInfo& tensor : tensors) {
    IPA_TRY(check_gguf_tensor(tensor));
    shapes.push_back(*gguf_shape(tensor));
    if (!names.insert(tensor.name).second) return tensor_error(Code::duplicate, tensor.name, "given twice");
    flattened += shapes.back() != tensor.shape;
  }
  keys += flattened;
  for (const auto& [key, text] : metadata.texts) keys += can_hold(key, text);
  if (keys > GgufLimits::keys) return Status(Code::limit, "too many metadata keys for one file");

  HeaderWriter header;
  header.raw("GGUF");
  header.number(3, 4);
  header.number(tensors.size(), 8);
  header.number(keys, 8);
  header.key("general.architecture", gguf_value::string);
  header.text(metadata.architecture);
  header.key("general.file_type", gguf_value::u32);
  header.number(file_type(metadata.type), 4);
  header.key("general.quantization_version", gguf_value::u32);
  header.number(quantisation_version, 4);
  for (const auto& [key, text] : metadata.texts) {
    if (!can_hold(key, text)) continue;
    header.key(key, gguf_value::string);
    header.text(text);
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (shapes[i] == tensors[i].shape) continue;
    header.key(std::string(gguf_original_shape) + tensors[i].name, gguf_value::array);
    header.number(gguf_value::i32, 4);
    header.number(tensors[i].shape.size(), 8);
    for (const int64_t size : tensors[i].shape) header.number(static_cast<uint64_t>(size), 4);
  }
  FileLayout layout;
  layout.alignment = alignment;
  uint64_t offset = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorInfo& tensor = tensors[i];
    header.text(tensor.name);
    header.number(shapes[i].size(), 4);
    // The file has the innermost dimension first.
    for (size_t d = shapes[i].size(); d-- > 0;) header.number(static_cast<uint64_t>(shapes[i][d]), 8);
    header.number(*gguf_type_id(tensor.type), 4);
    header.number(offset, 8);
    if (tensor.bytes > INT64_MAX - alignment - offset)
      return Status(Code::overflow, "the tensors are too large for one file");
    offset += tensor.bytes + padding_after(tensor.bytes, alignment);
    layout.order.push_back(i);
  }
  const uint64_t gap = tensors.empty() ? 0 : padding_after(header.size(), alignment);
  header.raw(std::string(static_cast<size_t>(gap), '\0'));
  layout.header = header.take();
  layout.bytes = layout.header.size() + offset;
  return layout;
}

}  // namespace ipa
