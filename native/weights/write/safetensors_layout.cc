#include "weights/write/safetensors_layout.h"

#include <algorithm>
#include <numeric>

#include "base/utf8.h"
#include "weights/formats/safetensors/safetensors_header.h"

namespace ipa {
namespace {

Status name_error(const std::string& name, const std::string& what) {
  return Status(Code::invalid_option, "tensor " + in_quotes(name) + ": " + what);
}

Status check_safetensors_tensor(const TensorInfo& tensor) {
  const std::string& name = tensor.name;
  if (name.empty() || name.size() > SafetensorsLimits::name_bytes || name == "__metadata__" ||
      find_invalid_utf8(name) != std::string::npos) {
    return name_error(name, "not a usable name");
  }
  if (dtype_bits(tensor.type) == 0)
    return name_error(name, std::string("safetensors has no type ") + dtype_name(tensor.type));
  if (tensor.shape.size() > SafetensorsLimits::rank) return name_error(name, "too many dimensions");
  uint64_t count = 1;
  for (const int64_t size : tensor.shape) {
    // 2^60 elements leave room for their bytes and for the sum over all tensors to be checked below.
    if (size < 0 || (size > 0 && count > (uint64_t{1} << 60) / static_cast<uint64_t>(size))) {
      return name_error(name, "not a usable shape");
    }
    count *= static_cast<uint64_t>(size);
  }
  return {};
}

std::string json_string(const std::string& text) {
  static const char hex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const unsigned byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string header_entry(const TensorInfo& tensor, uint64_t begin, uint64_t end) {
  std::string out = json_string(tensor.name) + ":{\"dtype\":\"" + dtype_name(tensor.type) + "\",\"shape\":[";
  for (size_t i = 0; i < tensor.shape.size(); ++i) out += (i ? "," : "") + std::to_string(tensor.shape[i]);
  return out + "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

std::string header_metadata(const Texts& metadata) {
  std::string out;
  for (const auto& [key, text] : metadata) {
    if (find_invalid_utf8(key) != std::string::npos || find_invalid_utf8(text) != std::string::npos) continue;
    out += (out.empty() ? "" : ",") + json_string(key) + ":" + json_string(text);
  }
  return out.empty() ? out : "\"__metadata__\":{" + out + "}";
}

}  // namespace

Result<FileLayout> lay_out_safetensors(const std::vector<TensorInfo>& tensors, const Texts& metadata) {
  if (tensors.size() > SafetensorsLimits::tensors)
    return Status(Code::invalid_option, "too many tensors for one file");
  for (const TensorInfo& tensor : tensors) IPA_TRY(check_safetensors_tensor(tensor));
  FileLayout layout;
  std::vector<size_t>& order = layout.order;
  order.resize(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return tensors[a].name < tensors[b].name; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (tensors[order[i]].name == tensors[order[i - 1]].name) {
      return Status(Code::duplicate, "tensor " + in_quotes(tensors[order[i]].name) + ": given twice");
    }
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return dtype_size(tensors[a].type) > dtype_size(tensors[b].type);
  });

  std::string header = "{" + header_metadata(metadata);
  uint64_t offset = 0;
  for (const size_t i : order) {
    if (header.size() > 1) header += ',';
    const uint64_t end = offset + tensors[i].bytes;
    if (end < offset) return Status(Code::invalid_option, "the tensors are too large for one file");
    header += header_entry(tensors[i], offset, end);
    offset = end;
  }
  header += '}';
  header.append(static_cast<size_t>(padding_after(header.size(), 8)), ' ');
  if (header.size() > SafetensorsLimits::header_bytes)
    return Status(Code::invalid_option, "the names and metadata are too long for one file");

  for (int i = 0; i < 8; ++i)
    layout.header += static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i) & 255);
  layout.header += header;
  layout.bytes = layout.header.size() + offset;
  return layout;
}

}  // namespace ipa
