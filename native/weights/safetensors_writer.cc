#include "weights/safetensors_writer.h"

#include <algorithm>
#include <numeric>

#include "base/file_writer.h"
#include "base/float16.h"
#include "base/utf8.h"
#include "weights/dtype.h"
#include "weights/safetensors_header.h"

namespace ipa {
namespace {

constexpr size_t chunk_elements = 1 << 16;

Status name_error(const std::string& name, const std::string& what) {
  return Status(Code::invalid_option, "tensor " + quoted(name) + ": " + what);
}

Status check_tensor(const TensorToWrite& tensor, uint64_t* bytes) {
  const std::string& name = tensor.name;
  if (name.empty() || name.size() > SafetensorsLimits::name_bytes || name == "__metadata__" ||
      find_invalid_utf8(name) != std::string::npos) {
    return name_error(name, "not a usable name");
  }
  if (tensor.type != DType::f32 && tensor.type != DType::f16)
    return name_error(name, "only F32 and F16 can be written");
  if (tensor.shape.size() > SafetensorsLimits::rank) return name_error(name, "too many dimensions");
  uint64_t count = 1;
  for (const int64_t size : tensor.shape) {
    // 2^60 elements leave room for their bytes and for the sum over all tensors to be checked below.
    if (size < 0 || (size > 0 && count > (uint64_t{1} << 60) / static_cast<uint64_t>(size))) {
      return name_error(name, "not a usable shape");
    }
    count *= static_cast<uint64_t>(size);
  }
  if (count > 0 && !tensor.data) return name_error(name, "has no data");
  *bytes = count * dtype_size(tensor.type);
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

std::string header_entry(const TensorToWrite& tensor, uint64_t begin, uint64_t end) {
  std::string out = json_string(tensor.name) + ":{\"dtype\":\"" + dtype_name(tensor.type) + "\",\"shape\":[";
  for (size_t i = 0; i < tensor.shape.size(); ++i) out += (i ? "," : "") + std::to_string(tensor.shape[i]);
  return out + "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

Status write_data(const TensorToWrite& tensor, uint64_t bytes, FileWriter* file) {
  if (tensor.type == DType::f32) return file->write(tensor.data, static_cast<size_t>(bytes));
  const uint64_t count = bytes / sizeof(uint16_t);
  std::vector<uint16_t> chunk;
  for (uint64_t done = 0; done < count; done += chunk.size()) {
    chunk.resize(static_cast<size_t>(std::min<uint64_t>(chunk_elements, count - done)));
    std::transform(tensor.data + done, tensor.data + done + chunk.size(), chunk.begin(), f32_to_f16);
    IPA_TRY(file->write(chunk.data(), chunk.size() * sizeof(uint16_t)));
  }
  return {};
}

}  // namespace

Status write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors) {
  if (tensors.size() > SafetensorsLimits::tensors)
    return Status(Code::invalid_option, "too many tensors for one file");
  std::vector<uint64_t> bytes(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) IPA_TRY(check_tensor(tensors[i], &bytes[i]));
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return tensors[a].name < tensors[b].name; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (tensors[order[i]].name == tensors[order[i - 1]].name) {
      return Status(Code::duplicate, "tensor " + quoted(tensors[order[i]].name) + ": given twice");
    }
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return dtype_size(tensors[a].type) > dtype_size(tensors[b].type);
  });

  std::string header = "{";
  uint64_t offset = 0;
  for (const size_t i : order) {
    if (header.size() > 1) header += ',';
    if (offset + bytes[i] < offset)
      return Status(Code::invalid_option, "the tensors are too large for one file");
    header += header_entry(tensors[i], offset, offset + bytes[i]);
    offset += bytes[i];
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  if (header.size() > SafetensorsLimits::header_bytes)
    return Status(Code::invalid_option, "the names are too long for one file");

  uint8_t length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<uint8_t>(static_cast<uint64_t>(header.size()) >> (8 * i));
  FileWriter file(path);
  IPA_TRY(file.open());
  IPA_TRY(file.write(length, sizeof length));
  IPA_TRY(file.write(header.data(), header.size()));
  for (const size_t i : order) IPA_TRY(write_data(tensors[i], bytes[i], &file));
  return file.commit();
}

}  // namespace ipa
