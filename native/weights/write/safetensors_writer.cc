#include "weights/write/safetensors_writer.h"

#include <algorithm>

#include "base/file_writer.h"
#include "base/utf8.h"
#include "weights/write/encode.h"
#include "weights/write/safetensors_layout.h"

namespace ipa {
namespace {

constexpr size_t chunk_elements = 1 << 16;

Status tensor_error(const std::string& name, const std::string& what) {
  return Status(Code::invalid_option, "tensor " + in_quotes(name) + ": " + what);
}

Status write_data(const TensorToWrite& tensor, const TensorInfo& info, FileWriter* file) {
  if (tensor.type == DType::f32) return file->write(tensor.data, static_cast<size_t>(info.bytes));
  const size_t size = dtype_size(tensor.type), count = static_cast<size_t>(info.bytes) / size;
  std::vector<uint8_t> chunk;
  for (size_t done = 0; done < count; done += chunk.size() / size) {
    const size_t now = std::min(chunk_elements, count - done);
    chunk.resize(now * size);
    encode_f32(tensor.type, tensor.data + done, now, chunk.data());
    IPA_TRY(file->write(chunk.data(), chunk.size()));
  }
  return {};
}

}  // namespace

Status write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors) {
  std::vector<TensorInfo> infos;
  for (const TensorToWrite& tensor : tensors) {
    if (tensor.type != DType::f32 && tensor.type != DType::f16)
      return tensor_error(tensor.name, "only F32 and F16 can be written");
    TensorInfo info{tensor.name, tensor.type, tensor.shape, 0};
    const auto count = static_cast<uint64_t>(info.elements());
    if (count > 0 && !tensor.data) return tensor_error(tensor.name, "has no data");
    info.bytes = count * dtype_size(tensor.type);
    infos.push_back(std::move(info));
  }
  IPA_ASSIGN(const FileLayout layout, lay_out_safetensors(infos));
  FileWriter file(path);
  IPA_TRY(file.open());
  IPA_TRY(file.write(layout.header.data(), layout.header.size()));
  for (const size_t i : layout.order) IPA_TRY(write_data(tensors[i], infos[i], &file));
  return file.commit();
}

}  // namespace ipa
