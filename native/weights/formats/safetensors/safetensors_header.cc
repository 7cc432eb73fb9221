#include "weights/formats/safetensors/safetensors_header.h"

#include <algorithm>

#include "base/json_reader.h"
#include "base/utf8.h"
#include "weights/dtype.h"

namespace ipa {
namespace {

using Token = JsonReader::Token;

// The format nests three levels; one more tells a wrong type from an attack on the parser.
constexpr int max_depth = 4;

// One member of the header's object as written, before sizes and ranges are checked.
struct RawEntry {
  std::string name;
  DType type = DType::f32;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> offsets;
};

Status tensor_error(Code code, const std::string& name, const std::string& what) {
  return Status(code, "tensor " + in_quotes(name) + ": " + what);
}

class HeaderParser {
 public:
  HeaderParser(std::string_view text, Texts* metadata)
      : reader_(text, max_depth, text.size()), metadata_(metadata) {}

  Result<std::vector<RawEntry>> parse() {
    IPA_ASSIGN(const Token first, reader_.next());
    if (first != Token::begin_object) return Status(Code::syntax, "header: not a JSON object");
    std::vector<RawEntry> entries;
    for (;;) {
      IPA_ASSIGN(const Token token, reader_.next());
      if (token == Token::end_object) return entries;
      const std::string name = reader_.take_string();
      if (name == "__metadata__") {
        if (seen_metadata_) return Status(Code::duplicate, "header: __metadata__ occurs twice");
        seen_metadata_ = true;
        IPA_TRY(parse_metadata());
        continue;
      }
      if (name.empty()) return Status(Code::limit, "header: a tensor has an empty name");
      if (name.size() > SafetensorsLimits::name_bytes) {
        return tensor_error(Code::limit, name,
                            "name longer than " + std::to_string(SafetensorsLimits::name_bytes) + " bytes");
      }
      if (entries.size() >= SafetensorsLimits::tensors) {
        return Status(Code::limit,
                      "header: more than " + std::to_string(SafetensorsLimits::tensors) + " tensors");
      }
      entries.emplace_back();
      entries.back().name = name;
      IPA_TRY(parse_entry(&entries.back()));
    }
  }

 private:
  Status parse_metadata() {
    IPA_ASSIGN(const Token first, reader_.next());
    if (first != Token::begin_object) return Status(Code::type, "header: __metadata__ is not an object");
    std::vector<std::string> names;
    for (;;) {
      IPA_ASSIGN(const Token token, reader_.next());
      if (token == Token::end_object) break;
      names.push_back(reader_.take_string());
      IPA_ASSIGN(const Token value, reader_.next());
      if (value != Token::string) {
        return Status(Code::type,
                      "header: __metadata__ member " + in_quotes(names.back()) + " is not a string");
      }
      if (metadata_) metadata_->emplace_back(names.back(), reader_.take_string());
    }
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) {
      return Status(Code::duplicate, "header: __metadata__ member " + in_quotes(*twice) + " occurs twice");
    }
    return {};
  }

  Status parse_entry(RawEntry* entry) {
    IPA_ASSIGN(const Token first, reader_.next());
    if (first != Token::begin_object)
      return tensor_error(Code::type, entry->name, "its entry is not an object");
    bool has_type = false, has_shape = false, has_offsets = false;
    for (;;) {
      IPA_ASSIGN(const Token token, reader_.next());
      if (token == Token::end_object) break;
      const std::string key = reader_.take_string();
      bool* seen = key == "dtype"          ? &has_type
                   : key == "shape"        ? &has_shape
                   : key == "data_offsets" ? &has_offsets
                                           : nullptr;
      if (!seen) return tensor_error(Code::type, entry->name, "unknown member " + in_quotes(key));
      if (*seen)
        return tensor_error(Code::duplicate, entry->name, "member " + in_quotes(key) + " occurs twice");
      *seen = true;
      if (seen == &has_type) IPA_TRY(parse_dtype(entry));
      if (seen == &has_shape)
        IPA_TRY(parse_numbers(entry->name, "shape", SafetensorsLimits::rank, &entry->shape));
      if (seen == &has_offsets) IPA_TRY(parse_offsets(entry));
    }
    const char* missing = !has_type ? "dtype" : !has_shape ? "shape" : !has_offsets ? "data_offsets" : nullptr;
    if (missing) return tensor_error(Code::type, entry->name, std::string("no member \"") + missing + "\"");
    return {};
  }

  Status parse_dtype(RawEntry* entry) {
    IPA_ASSIGN(const Token token, reader_.next());
    if (token != Token::string) return tensor_error(Code::type, entry->name, "dtype is not a string");
    const std::optional<DType> type = dtype_from_name(reader_.string());
    if (!type) return tensor_error(Code::type, entry->name, "unknown dtype " + in_quotes(reader_.string()));
    entry->type = *type;
    return {};
  }

  Status parse_offsets(RawEntry* entry) {
    const Status status = parse_numbers(entry->name, "data_offsets", 2, &entry->offsets);
    const bool count_wrong = status.ok() ? entry->offsets.size() != 2 : status.code() == Code::limit;
    if (count_wrong) return tensor_error(Code::range, entry->name, "data_offsets must be two numbers");
    return status;
  }

  // Code::limit when there are more than `most`.
  Status parse_numbers(const std::string& name, const char* member, size_t most, std::vector<uint64_t>* out) {
    IPA_ASSIGN(const Token first, reader_.next());
    if (first != Token::begin_array)
      return tensor_error(Code::type, name, std::string(member) + " is not an array");
    for (;;) {
      IPA_ASSIGN(const Token token, reader_.next());
      if (token == Token::end_array) return {};
      if (token != Token::number || !reader_.is_u64()) {
        return tensor_error(Code::type, name,
                            std::string(member) + " holds something else than whole numbers below 2^64");
      }
      if (out->size() >= most) {
        return tensor_error(Code::limit, name,
                            std::string(member) + " has more than " + std::to_string(most) + " numbers");
      }
      out->push_back(reader_.u64());
    }
  }

  JsonReader reader_;
  Texts* metadata_;
  bool seen_metadata_ = false;
};

// Goes over the whole text once, so that the semantic pass only meets well-formed JSON of bounded depth.
Status check_json(std::string_view text) {
  JsonReader reader(text, max_depth, text.size());
  for (;;) {
    IPA_ASSIGN(const Token token, reader.next());
    if (token == Token::end) return {};
  }
}

Status check_unique(const std::vector<RawEntry>& entries) {
  std::vector<std::string_view> names;
  names.reserve(entries.size());
  for (const RawEntry& entry : entries) names.push_back(entry.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return {};
  return tensor_error(Code::duplicate, std::string(*twice), "the name occurs twice");
}

bool multiply(uint64_t a, uint64_t b, uint64_t* product) {
  if (a != 0 && b > UINT64_MAX / a) return false;
  *product = a * b;
  return true;
}

// Checks one entry by itself: its size against its shape and type.
Result<SafetensorsEntry> check_entry(RawEntry& raw, uint64_t data_bytes) {
  SafetensorsEntry entry;
  entry.info.name = std::move(raw.name);
  entry.info.type = raw.type;
  const std::string& name = entry.info.name;
  uint64_t elements = 1;
  for (const uint64_t size : raw.shape) {
    if (!multiply(elements, size, &elements) || size > static_cast<uint64_t>(INT64_MAX)) {
      return tensor_error(Code::overflow, name, "the product of its shape does not fit");
    }
    entry.info.shape.push_back(static_cast<int64_t>(size));
  }
  uint64_t bits = 0;
  if (!multiply(elements, dtype_bits(raw.type), &bits)) {
    return tensor_error(Code::overflow, name, "its size in bits does not fit 64 bits");
  }
  const uint64_t begin = raw.offsets[0], end = raw.offsets[1];
  if (begin > end) return tensor_error(Code::range, name, "data_offsets end before they begin");
  if (bits % 8 != 0) return tensor_error(Code::layout, name, "its size is not a whole number of bytes");
  entry.begin = begin;
  entry.info.bytes = bits / 8;
  if (end - begin != entry.info.bytes) {
    if (end > data_bytes)
      return tensor_error(Code::range, name, "data_offsets reach beyond the end of the file");
    return tensor_error(Code::layout, name,
                        "data_offsets span " + std::to_string(end - begin) + " bytes, shape and dtype need " +
                            std::to_string(entry.info.bytes));
  }
  return entry;
}

// Checks that entries in data order cover the data exactly.
Status check_cover(const std::vector<SafetensorsEntry>& entries, uint64_t data_bytes) {
  uint64_t expected = 0;
  for (const SafetensorsEntry& entry : entries) {
    const std::string& name = entry.info.name;
    const uint64_t end = entry.begin + entry.info.bytes;
    if (entry.begin != expected) {
      if (end > data_bytes)
        return tensor_error(Code::range, name, "data_offsets reach beyond the end of the file");
      const char* what =
          entry.begin < expected ? "its data overlap another tensor's" : "unused bytes lie before its data";
      return tensor_error(Code::layout, name, what);
    }
    expected = end;
  }
  if (expected > data_bytes) {
    return tensor_error(Code::truncated, entries.back().info.name,
                        "the tensors need " + std::to_string(expected) + " bytes of data, the file has " +
                            std::to_string(data_bytes) + " (an unfinished download?)");
  }
  if (expected < data_bytes) {
    return Status(Code::layout, std::to_string(data_bytes - expected) + " bytes follow the last tensor");
  }
  return {};
}

}  // namespace

Result<std::vector<SafetensorsEntry>> parse_safetensors_header(std::string_view text, uint64_t data_bytes,
                                                               Texts* metadata) {
  IPA_TRY(check_json(text).in("header"));
  IPA_ASSIGN(std::vector<RawEntry> raw, HeaderParser(text, metadata).parse());
  IPA_TRY(check_unique(raw));
  std::vector<SafetensorsEntry> entries;
  entries.reserve(raw.size());
  for (RawEntry& one : raw) {
    IPA_ASSIGN(SafetensorsEntry entry, check_entry(one, data_bytes));
    entries.push_back(std::move(entry));
  }
  // An empty tensor may share its offset with a neighbour, and then comes first.
  std::sort(entries.begin(), entries.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    if (a.info.bytes != b.info.bytes) return a.info.bytes < b.info.bytes;
    return a.info.name < b.info.name;
  });
  IPA_TRY(check_cover(entries, data_bytes));
  return entries;
}

}  // namespace ipa
