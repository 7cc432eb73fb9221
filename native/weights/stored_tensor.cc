#include "weights/stored_tensor.h"

#include <algorithm>
#include <vector>

#include "base/crc32.h"
#include "base/utf8.h"
#include "weights/dtype.h"

namespace ipa {
namespace {

// Raw bytes converted at a time: small enough to stay in the cache between reading and converting.
constexpr size_t chunk_bytes = size_t{1} << 18;

Status read_converted(const ByteSource& file, uint64_t begin, const TensorInfo& info, float* out,
                      uint32_t* crc) {
  IPA_TRY(check_readable(file, info));
  const size_t size = dtype_size(info.type);
  std::vector<uint8_t> chunk(static_cast<size_t>(std::min<uint64_t>(chunk_bytes, info.bytes)));
  for (uint64_t done = 0; done < info.bytes; done += chunk.size()) {
    chunk.resize(static_cast<size_t>(std::min<uint64_t>(chunk.size(), info.bytes - done)));
    IPA_TRY(file.read_at(begin + done, chunk.data(), chunk.size()));
    if (crc) *crc = crc32(*crc, chunk.data(), chunk.size());
    convert_to_f32(info.type, chunk.data(), chunk.size() / size, out + done / size);
  }
  return {};
}

}  // namespace

Status check_readable(const ByteSource& file, const TensorInfo& info) {
  if (dtype_readable(info.type)) return {};
  return Status(Code::unsupported, in_quotes(file.name(), 1024) + ": tensor " + in_quotes(info.name) +
                                       " is stored as " + dtype_name(info.type) + ", which cannot be read");
}

Status read_stored_tensor(const ByteSource& file, uint64_t begin, const TensorInfo& info, DType as, void* out,
                          uint32_t* crc) {
  if (crc) *crc = 0;
  if (as != info.type) return read_converted(file, begin, info, static_cast<float*>(out), crc);
  IPA_TRY(file.read_at(begin, out, static_cast<size_t>(info.bytes)));
  if (crc) *crc = crc32(0, out, static_cast<size_t>(info.bytes));
  return {};
}

}  // namespace ipa
