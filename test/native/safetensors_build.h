// Builds safetensors files byte by byte, good and bad.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "harness.h"
#include "weights/dtype.h"
#include "weights/tensor_source.h"

namespace ipa_test {

using Bytes = std::vector<uint8_t>;

// Length, header text and data, with nothing checked.
inline Bytes raw_safetensors(uint64_t length, const std::string& header, const std::string& data) {
  Bytes bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<uint8_t>(length >> (8 * i)));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}
inline Bytes raw_safetensors(const std::string& header, const std::string& data) {
  return raw_safetensors(header.size(), header, data);
}

// `"name":{"dtype":...,"shape":...,"data_offsets":...}` with shape and offsets as written.
inline std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                         const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets +
         "}";
}

// A file of F16 zeros: name and shape of each tensor, in this order.
using NamedShapes = std::vector<std::pair<std::string, std::vector<int64_t>>>;
inline Bytes zeros_safetensors(const NamedShapes& tensors) {
  std::string header = "{";
  uint64_t offset = 0;
  for (const auto& tensor : tensors) {
    std::string shape;
    uint64_t bytes = 2;
    for (const int64_t size : tensor.second) {
      shape += (shape.empty() ? "" : ",") + std::to_string(size);
      bytes *= static_cast<uint64_t>(size);
    }
    if (header.size() > 1) header += ",";
    header += entry(tensor.first, "F16", "[" + shape + "]",
                    "[" + std::to_string(offset) + "," + std::to_string(offset + bytes) + "]");
    offset += bytes;
  }
  return raw_safetensors(header + "}", std::string(static_cast<size_t>(offset), '\0'));
}

inline std::string write_bytes(const std::string& path, const Bytes& bytes) {
  std::ofstream file(std::filesystem::u8path(path), std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) fail(__FILE__, __LINE__, "cannot write " + path);
  return path;
}
inline std::string write_text(const std::string& path, const std::string& text) {
  return write_bytes(path, Bytes(text.begin(), text.end()));
}

// All values of a tensor; a failed test when it is not there.
inline std::vector<float> values_of(const ipa::TensorSource& source, const std::string& name) {
  const ipa::TensorInfo* info = source.find(name);
  if (!info) {
    fail(__FILE__, __LINE__, "no tensor " + name);
    return {};
  }
  std::vector<float> values(static_cast<size_t>(info->elements()));
  CHECK_OK(source.read_f32(*info, values.data()));
  return values;
}

}  // namespace ipa_test
