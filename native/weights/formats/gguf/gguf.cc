#include "weights/formats/gguf/gguf.h"

#include <algorithm>
#include <cstddef>
#include <new>

#include "base/file.h"
#include "base/utf8.h"
#include "weights/dtype.h"
#include "weights/formats/file_source.h"
#include "weights/formats/gguf/ggml_blocks.h"
#include "weights/formats/gguf/gguf_header.h"

namespace ipa {
namespace {

// Raw bytes converted at a time, about as many as the reader of safetensors takes.
constexpr size_t chunk_bytes = size_t{1} << 18;

class GgufSource : public FileSource {
 public:
  GgufSource(std::unique_ptr<ByteSource> bytes, GgufHeader header)
      : FileSource(std::move(bytes), std::move(header.texts)) {
    std::vector<TensorInfo> infos;
    infos.reserve(header.entries.size());
    begins_.reserve(header.entries.size());
    for (GgufEntry& entry : header.entries) {
      infos.push_back(std::move(entry.info));
      begins_.push_back(entry.begin);
    }
    list(std::move(infos));
  }

  Texts texts() const override { return texts_; }

 private:
  Status read_place(size_t place, DType as, void* out) const override {
    const TensorInfo& tensor = info(place);
    const uint64_t begin = begins_[place];
    IPA_TRY(as == tensor.type ? bytes_->read_at(begin, out, static_cast<size_t>(tensor.bytes))
                              : read_converted(tensor, begin, static_cast<float*>(out)));
    return bytes_->check_unchanged();
  }

  Status read_part_of(size_t place, int64_t first, int64_t count, float* out) const override {
    const DType type = info(place).type;
    const BlockLayout block = block_layout(type);
    const uint64_t values = block.values > 0 ? block.values : 1;
    const uint64_t bytes = block.values > 0 ? block.bytes : dtype_size(type);
    if (bytes == 0) return FileSource::read_part_of(place, first, count, out);
    // Whole blocks, of which the first and the last may have values that nobody asked for.
    const uint64_t skipped = static_cast<uint64_t>(first) % values;
    const uint64_t blocks = (skipped + static_cast<uint64_t>(count) + values - 1) / values;
    TensorInfo part = info(place);
    part.bytes = blocks * bytes;
    const uint64_t begin = begins_[place] + static_cast<uint64_t>(first) / values * bytes;
    if (blocks * values == static_cast<uint64_t>(count)) {
      IPA_TRY(read_converted(part, begin, out));
    } else {
      std::vector<float> read(static_cast<size_t>(blocks * values));
      IPA_TRY(read_converted(part, begin, read.data()));
      std::copy_n(read.begin() + static_cast<std::ptrdiff_t>(skipped), count, out);
    }
    return bytes_->check_unchanged();
  }

  Status read_converted(const TensorInfo& info, uint64_t begin, float* out) const {
    BlockLayout block = block_layout(info.type);
    const bool blocks = block.values > 0;
    if (!blocks) block = {1, dtype_size(info.type)};
    const uint64_t step = chunk_bytes / block.bytes * block.bytes;
    std::vector<uint8_t> chunk(static_cast<size_t>(std::min<uint64_t>(step, info.bytes)));
    for (uint64_t done = 0; done < info.bytes; done += chunk.size()) {
      chunk.resize(static_cast<size_t>(std::min<uint64_t>(chunk.size(), info.bytes - done)));
      IPA_TRY(bytes_->read_at(begin + done, chunk.data(), chunk.size()));
      const size_t count = chunk.size() / block.bytes;
      float* to = out + done / block.bytes * block.values;
      if (blocks) {
        dequantise_blocks(info.type, chunk.data(), count, to);
      } else {
        convert_to_f32(info.type, chunk.data(), count, to);
      }
    }
    return {};
  }

  std::vector<uint64_t> begins_;  // in the file, parallel to the tensors
};

Result<std::unique_ptr<TensorSource>> open_source(std::unique_ptr<ByteSource> bytes) {
  const std::string where = in_quotes(bytes->name(), 1024);
  try {
    Result<GgufHeader> header = read_gguf_header(*bytes);
    if (!header.ok()) return header.status().in(where);
    IPA_TRY(bytes->check_unchanged());
    return std::unique_ptr<TensorSource>(std::make_unique<GgufSource>(std::move(bytes), header.take()));
  } catch (const std::bad_alloc&) {
    return Status(Code::no_memory, where + ": not enough memory for its header");
  }
}

}  // namespace

Result<std::unique_ptr<TensorSource>> open_gguf(const std::string& path) {
  IPA_ASSIGN(std::unique_ptr<ByteSource> file, open_file(path));
  return open_source(std::move(file));
}

Result<std::unique_ptr<TensorSource>> open_gguf_bytes(std::vector<uint8_t> bytes, const std::string& name) {
  return open_source(std::make_unique<MemoryBytes>(std::move(bytes), name));
}

}  // namespace ipa
