#include "weights/formats/gguf/gguf_header.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <type_traits>

#include "base/utf8.h"
#include "weights/dtype.h"
#include "weights/formats/gguf/ggml_blocks.h"
#include "weights/formats/gguf/gguf_types.h"

namespace ipa {
namespace {

using namespace gguf_value;

constexpr uint64_t max_bytes = INT64_MAX;
constexpr uint64_t value_bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 0, 8, 8, 8};  // of a string: its length

// Types of ggml that this reader does not know how to convert.
struct OtherType {
  uint32_t id;
  const char* name;
};
constexpr OtherType other_types[] = {
    {9, "Q8_1"},   {15, "Q8_K"},   {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"},
    {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"},   {22, "IQ2_S"},  {23, "IQ4_XS"},
    {29, "IQ1_M"}, {34, "TQ1_0"},  {35, "TQ2_0"},   {39, "MXFP4"},
};

Status tensor_error(Code code, const std::string& name, const std::string& what) {
  return Status(code, "tensor " + in_quotes(name) + ": " + what);
}
Status key_error(Code code, const std::string& key, const std::string& what) {
  return Status(code, "key " + in_quotes(key) + ": " + what);
}

// Reads forward through a window, so that a header of any length costs little memory.
class Cursor {
 public:
  explicit Cursor(const ByteSource& bytes) : bytes_(bytes) {}
  uint64_t at() const { return at_; }
  uint64_t left() const { return bytes_.size() - at_; }

  Status read(void* out, uint64_t count) {
    if (count > left()) {
      return Status(Code::truncated,
                    "the file ends at byte " + std::to_string(bytes_.size()) + ", within its header");
    }
    if (at_ < window_at_ || at_ + count > window_at_ + window_.size()) {
      window_.resize(static_cast<size_t>(std::min<uint64_t>(left(), std::max<uint64_t>(count, 1 << 16))));
      window_at_ = at_;
      IPA_TRY(bytes_.read_at(at_, window_.data(), window_.size()));
    }
    if (count > 0) std::memcpy(out, window_.data() + (at_ - window_at_), static_cast<size_t>(count));
    at_ += count;
    return {};
  }
  Status skip(uint64_t count) {
    if (count > left()) return Status(Code::truncated, "the file ends within its header");
    at_ += count;
    return {};
  }
  template <class T>
  Result<T> number() {
    uint8_t raw[sizeof(T)];
    IPA_TRY(read(raw, sizeof raw));
    uint64_t value = 0;
    for (size_t i = sizeof raw; i-- > 0;) value = value << 8 | raw[i];
    return static_cast<T>(value);
  }
  Result<std::string> text(uint64_t limit, const char* what) {
    IPA_ASSIGN(const uint64_t length, number<uint64_t>());
    if (length > limit) {
      return Status(Code::limit, std::string(what) + " of " + std::to_string(length) + " bytes, more than " +
                                     std::to_string(limit));
    }
    if (length > left()) return Status(Code::truncated, std::string("the file ends within ") + what);
    std::string out(static_cast<size_t>(length), '\0');
    IPA_TRY(read(&out[0], length));
    return out;
  }

 private:
  const ByteSource& bytes_;
  uint64_t at_ = 0, window_at_ = 0;
  std::vector<uint8_t> window_;
};

class HeaderReader {
 public:
  explicit HeaderReader(const ByteSource& bytes) : bytes_(bytes), cursor_(bytes) {}

  Result<GgufHeader> read() {
    IPA_TRY(read_start());
    for (uint64_t i = 0; i < keys_; ++i) IPA_TRY(read_key());
    for (uint64_t i = 0; i < tensors_; ++i) IPA_TRY(read_tensor());
    IPA_TRY(place());
    return std::move(header_);
  }

 private:
  Status read_start() {
    char magic[4];
    IPA_TRY(cursor_.read(magic, sizeof magic));
    if (std::memcmp(magic, "GGUF", 4) != 0) return Status(Code::syntax, "does not start with GGUF");
    IPA_ASSIGN(const uint32_t version, cursor_.number<uint32_t>());
    if (version == 0x02000000 || version == 0x03000000) {
      return Status(Code::unsupported,
                    "a GGUF file in big-endian byte order; convert it on a machine that is "
                    "little-endian");
    }
    if (version != 2 && version != 3) {
      return Status(Code::unsupported,
                    "GGUF version " + std::to_string(version) + "; only 2 and 3 can be read");
    }
    IPA_ASSIGN(tensors_, cursor_.number<uint64_t>());
    IPA_ASSIGN(keys_, cursor_.number<uint64_t>());
    // The smallest tensor takes 24 bytes of header, the smallest key 13.
    if (tensors_ > GgufLimits::tensors || tensors_ > cursor_.left() / 24)
      return Status(Code::limit, "declares " + std::to_string(tensors_) + " tensors");
    if (keys_ > GgufLimits::keys || keys_ > cursor_.left() / 13)
      return Status(Code::limit, "declares " + std::to_string(keys_) + " metadata keys");
    return {};
  }

  Status read_key() {
    IPA_ASSIGN(const std::string key, cursor_.text(GgufLimits::key_bytes, "a key"));
    if (key.empty()) return Status(Code::limit, "a key of 0 bytes");
    for (const char c : key) {
      if (c < 0x20 || c > 0x7E) return key_error(Code::syntax, key, "is not printable ASCII");
    }
    if (!seen_keys_.insert(key).second) return key_error(Code::duplicate, key, "occurs twice");
    IPA_ASSIGN(const uint32_t type, cursor_.number<uint32_t>());
    if (type >= value_types) return key_error(Code::type, key, "has the unknown type " + std::to_string(type));
    if (key == "general.alignment") return read_alignment(type);
    if (type == array) return read_array(key);
    if (is_shape_key(key)) return key_error(Code::type, key, "a shape is an array of integers");
    if (type == string) {
      Result<std::string> text = cursor_.text(GgufLimits::string_bytes, "a string");
      if (!text.ok()) return text.status().in("key " + in_quotes(key));
      header_.texts.emplace_back(key, text.take());
      return {};
    }
    IPA_ASSIGN(const uint64_t value, read_scalar(key, type));
    if (key == "split.count" && type != f32 && type != f64 && value > 1) {
      return Status(Code::unsupported, "one of " + std::to_string(value) +
                                           " parts of a split file; merge them with llama-gguf-split");
    }
    return {};
  }

  Status read_alignment(uint32_t type) {
    if (type != u32) return Status(Code::type, "general.alignment is not of type UINT32");
    IPA_ASSIGN(const uint32_t value, cursor_.number<uint32_t>());
    if (value < 8 || value > GgufLimits::alignment || (value & (value - 1)) != 0) {
      return Status(Code::type, "general.alignment " + std::to_string(value) +
                                    " is not a power of two from 8 to " +
                                    std::to_string(GgufLimits::alignment));
    }
    alignment_ = value;
    return {};
  }

  static bool is_shape_key(const std::string& key) { return key.rfind(gguf_original_shape, 0) == 0; }

  // The bytes of a value as an unsigned number.
  Result<uint64_t> read_scalar(const std::string& key, uint32_t type) {
    uint8_t raw[8] = {};
    IPA_TRY(cursor_.read(raw, value_bytes[type]));
    if (type == boolean && raw[0] > 1) return key_error(Code::type, key, "a BOOL that is neither 0 nor 1");
    uint64_t value = 0;
    for (int i = 7; i >= 0; --i) value = value << 8 | raw[i];
    return value;
  }

  Status read_array(const std::string& key) {
    IPA_ASSIGN(const uint32_t type, cursor_.number<uint32_t>());
    IPA_ASSIGN(const uint64_t count, cursor_.number<uint64_t>());
    if (type >= value_types || type == array)
      return key_error(Code::type, key, "an array of the type " + std::to_string(type));
    if (count > cursor_.left() / value_bytes[type])
      return key_error(Code::limit, key,
                       "an array of " + std::to_string(count) + " values, more than the file holds");
    if (is_shape_key(key)) return read_shape(key, type, count);
    if (type == string) {
      for (uint64_t i = 0; i < count; ++i) {
        IPA_ASSIGN(const uint64_t length, cursor_.number<uint64_t>());
        if (length > GgufLimits::string_bytes) return key_error(Code::limit, key, "a string is too long");
        IPA_TRY(cursor_.skip(length));
      }
      return {};
    }
    if (type != boolean) return cursor_.skip(count * value_bytes[type]);
    for (uint64_t i = 0; i < count; ++i) IPA_TRY(read_scalar(key, type).status());
    return {};
  }

  Status read_shape(const std::string& key, uint32_t type, uint64_t count) {
    if (type != i32 && type != u32 && type != i64 && type != u64)
      return key_error(Code::type, key, "a shape is an array of integers");
    if (count > 8) return key_error(Code::limit, key, "a shape of more than 8 dimensions");
    std::vector<int64_t> shape;
    for (uint64_t i = 0; i < count; ++i) {
      IPA_ASSIGN(const uint64_t size, read_scalar(key, type));
      if (size > INT32_MAX) return key_error(Code::overflow, key, "a size out of range");
      shape.push_back(static_cast<int64_t>(size));
    }
    shapes_.emplace(key.substr(gguf_original_shape.size()), std::move(shape));
    return {};
  }

  Status read_tensor() {
    GgufEntry entry;
    TensorInfo& info = entry.info;
    IPA_ASSIGN(info.name, cursor_.text(GgufLimits::name_bytes, "a tensor's name"));
    if (info.name.empty()) return Status(Code::limit, "a tensor's name of 0 bytes");
    if (find_invalid_utf8(info.name) != std::string::npos)
      return tensor_error(Code::utf8, info.name, "the name is not valid UTF-8");
    if (!seen_tensors_.insert(info.name).second)
      return tensor_error(Code::duplicate, info.name, "occurs twice");
    IPA_ASSIGN(const uint32_t rank, cursor_.number<uint32_t>());
    if (rank > GgufLimits::rank)
      return tensor_error(Code::limit, info.name, std::to_string(rank) + " dimensions, more than 4");
    for (uint32_t i = 0; i < rank; ++i) {
      IPA_ASSIGN(const uint64_t size, cursor_.number<uint64_t>());
      if (size > max_bytes) return tensor_error(Code::overflow, info.name, "a size out of range");
      info.shape.push_back(static_cast<int64_t>(size));
    }
    std::reverse(info.shape.begin(), info.shape.end());  // the file has the innermost dimension first
    IPA_ASSIGN(const uint32_t type, cursor_.number<uint32_t>());
    IPA_TRY(set_type(type, &info));
    IPA_TRY(set_bytes(&info));
    IPA_TRY(set_original_shape(&info));
    IPA_ASSIGN(entry.begin, cursor_.number<uint64_t>());
    header_.entries.push_back(std::move(entry));
    return {};
  }

  static Status set_type(uint32_t id, TensorInfo* info) {
    if (const std::optional<DType> known = gguf_dtype(id)) {
      info->type = *known;
      return {};
    }
    for (const OtherType& row : other_types) {
      if (row.id != id) continue;
      return tensor_error(Code::unsupported, info->name,
                          std::string("stored as ") + row.name +
                              ", which cannot be read; use a file in Q8_0, a Q4, Q5 or K type, F16 or F32");
    }
    return tensor_error(Code::type, info->name, "has the unknown type " + std::to_string(id));
  }

  static Status set_bytes(TensorInfo* info) {
    // The other sizes of an empty tensor must be countable too, as they must for ggml and numpy.
    uint64_t count = 1;
    bool empty = false;
    for (const int64_t size : info->shape) {
      if (size == 0) {
        empty = true;
        continue;
      }
      if (count > max_bytes / static_cast<uint64_t>(size))
        return tensor_error(Code::overflow, info->name, "more values than can be counted");
      count *= static_cast<uint64_t>(size);
    }
    BlockLayout block = block_layout(info->type);
    if (block.values == 0) block = {1, dtype_size(info->type)};
    const int64_t row = info->shape.empty() ? 1 : info->shape.back();
    if (row % static_cast<int64_t>(block.values) != 0) {
      return tensor_error(
          Code::layout, info->name,
          "rows of " + std::to_string(row) + " values are not whole blocks of " + std::to_string(block.values));
    }
    const uint64_t blocks = count / block.values;
    if (blocks > max_bytes / block.bytes)
      return tensor_error(Code::overflow, info->name, "more bytes than can be counted");
    info->bytes = empty ? 0 : blocks * block.bytes;
    return {};
  }

  Status set_original_shape(TensorInfo* info) const {
    const auto found = shapes_.find(info->name);
    if (found == shapes_.end()) return {};
    uint64_t left = static_cast<uint64_t>(info->elements());
    // Divides instead of multiplying, so nothing can overflow.
    for (const int64_t size : found->second) {
      const uint64_t divisor = static_cast<uint64_t>(size);
      if (divisor == 0 || left % divisor != 0) {
        left = 0;
        break;
      }
      left /= divisor;
    }
    if (left != 1)
      return tensor_error(Code::shape, info->name, "its original shape has another number of values");
    info->shape = found->second;
    return {};
  }

  uint64_t aligned(uint64_t at) const { return (at + alignment_ - 1) / alignment_ * alignment_; }

  Status check_zeros(uint64_t begin, uint64_t count) const {
    std::vector<uint8_t> padding(static_cast<size_t>(count));
    IPA_TRY(bytes_.read_at(begin, padding.data(), padding.size()));
    if (std::any_of(padding.begin(), padding.end(), [](uint8_t byte) { return byte != 0; }))
      return Status(Code::layout, "bytes other than zero between tensors, at " + std::to_string(begin));
    return {};
  }

  // Tensors lie side by side in the data, each at the next aligned offset.
  Status place() {
    std::vector<GgufEntry>& entries = header_.entries;
    std::stable_sort(entries.begin(), entries.end(),
                     [](const GgufEntry& a, const GgufEntry& b) { return a.begin < b.begin; });
    uint64_t sum = aligned(cursor_.at());
    for (const GgufEntry& entry : entries) {
      if (sum + entry.info.bytes > max_bytes - alignment_)
        return tensor_error(Code::overflow, entry.info.name, "the sizes of all tensors do not fit 63 bits");
      sum = aligned(sum + entry.info.bytes);
    }
    const uint64_t data = aligned(cursor_.at());
    std::vector<std::pair<uint64_t, uint64_t>> gaps = {{cursor_.at(), data - cursor_.at()}};
    uint64_t end = 0;
    for (GgufEntry& entry : entries) {
      if (entry.begin != aligned(end)) {
        return tensor_error(Code::range, entry.info.name,
                            "begins at " + std::to_string(entry.begin) + " of the data, where " +
                                std::to_string(aligned(end)) + " is due");
      }
      gaps.emplace_back(data + end, entry.begin - end);
      end = entry.begin + entry.info.bytes;
      entry.begin += data;
    }
    if (!entries.empty() && (data > bytes_.size() || end > bytes_.size() - data)) {
      return Status(Code::truncated, "the file has " + std::to_string(bytes_.size()) +
                                         " bytes, its tensors need " + std::to_string(data + end));
    }
    if (entries.empty()) return {};
    for (const auto& [begin, count] : gaps) IPA_TRY(check_zeros(begin, count));
    return {};
  }

  const ByteSource& bytes_;
  Cursor cursor_;
  uint64_t tensors_ = 0, keys_ = 0, alignment_ = 32;
  std::set<std::string> seen_keys_, seen_tensors_;
  std::map<std::string, std::vector<int64_t>> shapes_;  // by tensor
  GgufHeader header_;
};

}  // namespace

Result<GgufHeader> read_gguf_header(const ByteSource& bytes) { return HeaderReader(bytes).read(); }

}  // namespace ipa
