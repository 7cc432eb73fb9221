// The reader of GGUF against the gguf package's own files and numbers (tools/goldens/gguf_types.py),
// and against every kind of bad file with the exact code it must give.
#include "weights/formats/gguf/gguf.h"

#include <cstring>
#include <filesystem>

#include "safetensors_build.h"
#include "weights/dtype.h"
#include "weights/formats/gguf/ggml_blocks.h"
#include "weights/formats/gguf/ggml_codes.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/formats/weight_file.h"

using ipa::Code;
using ipa_test::Bytes;

namespace {

// Little-endian bytes put one after another.
class Build {
 public:
  Build& number(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
    return *this;
  }
  Build& raw(const std::string& text) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }
  Build& text(const std::string& value) { return number(value.size(), 8).raw(value); }
  Build& start(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    return raw("GGUF").number(version, 4).number(tensors, 8).number(keys, 8);
  }
  Build& key(const std::string& name, uint32_t type) { return text(name).number(type, 4); }
  Build& tensor(const std::string& name, const std::vector<uint64_t>& sizes, uint32_t type, uint64_t offset) {
    text(name).number(sizes.size(), 4);
    for (const uint64_t size : sizes) number(size, 8);
    return number(type, 4).number(offset, 8);
  }
  Build& data(size_t count, size_t alignment = 32) {
    while (bytes_.size() % alignment != 0) bytes_.push_back(0);
    bytes_.insert(bytes_.end(), count, 0);
    return *this;
  }
  operator Bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

void expect_code(int line, const Bytes& bytes, Code code) {
  const ipa::Status status = ipa::open_gguf_bytes(bytes, "test").status();
  if (status.code() != code) {
    ipa_test::fail(__FILE__, line,
                   std::string("expected ") + ipa::error_name(code) + ", got " +
                       ipa::error_name(status.code()) + " " + status.message());
  }
  if (!status.ok() && status.message().find("\"test\"") == std::string::npos) {
    ipa_test::fail(__FILE__, line, "the message does not name the file: " + status.message());
  }
}
#define EXPECT(bytes, code) expect_code(__LINE__, bytes, code)

// A file with one tensor over `data` bytes.
Bytes one(const std::vector<uint64_t>& sizes, uint32_t type, uint64_t offset, size_t data) {
  return Build().start(1, 0).tensor("w", sizes, type, offset).data(data);
}
Bytes alignment(uint32_t type, uint64_t value) {
  return Build().start(0, 1).key("general.alignment", type).number(value, 4);
}

}  // namespace

TEST_ONCE(weights_gguf_every_type_reads_as_the_gguf_package) {
  const std::string stem = ipa_test::golden_folder() + "/gguf_types";
  const auto gguf = ipa::open_weight_file(stem + ".gguf");
  const auto expected = ipa::open_safetensors(stem + ".safetensors");
  CHECK_OK(gguf.status());
  CHECK_OK(expected.status());
  if (!gguf.ok() || !expected.ok()) return;
  CHECK_EQ(gguf.value()->tensors().size(), size_t{14});
  CHECK_EQ(expected.value()->tensors().size(), size_t{14});
  CHECK_EQ(std::string(gguf.value()->metadata("general.name")), std::string("every type"));
  for (const ipa::TensorInfo& info : expected.value()->tensors()) {
    const ipa::TensorInfo* ours = gguf.value()->find(info.name);
    CHECK(ours && ours->shape == info.shape);
    if (!ours || ours->shape != info.shape) continue;
    CHECK(info.name == "conv.weight" || info.name == ipa::dtype_name(ours->type));
    const std::vector<float> a = ipa_test::values_of(*gguf.value(), info.name);
    const std::vector<float> b = ipa_test::values_of(*expected.value(), info.name);
    size_t differing = 0;
    for (size_t i = 0; i < a.size(); ++i) differing += std::memcmp(&a[i], &b[i], sizeof(float)) != 0;
    // Parts within blocks, over their borders, and up to the end.
    const auto all = static_cast<int64_t>(b.size());
    for (const auto& [first, count] : {std::pair{int64_t{0}, int64_t{1}},
                                       {int64_t{7}, int64_t{3}},
                                       {all / 3, all / 2},
                                       {all - 1, int64_t{1}}}) {
      if (first + count > all) continue;
      std::vector<float> part(static_cast<size_t>(count));
      CHECK_OK(gguf.value()->read_part(*ours, first, count, part.data()));
      CHECK(std::memcmp(part.data(), b.data() + first, part.size() * sizeof(float)) == 0);
    }
    if (differing > 0)
      ipa_test::fail(__FILE__, __LINE__, info.name + ": " + std::to_string(differing) + " differ");
  }
}

// Raw bytes through the reader, as codes and scales, against the numbers that the package makes of them.
TEST_ONCE(weights_gguf_blocks_as_codes_are_the_packages_numbers) {
  const std::string stem = ipa_test::golden_folder() + "/gguf_types";
  const auto gguf = ipa::open_weight_file(stem + ".gguf");
  const auto expected = ipa::open_safetensors(stem + ".safetensors");
  CHECK(gguf.ok() && expected.ok());
  if (!gguf.ok() || !expected.ok()) return;
  int types = 0;
  for (const ipa::TensorInfo& info : gguf.value()->tensors()) {
    const ipa::BlockFormat format = ipa::block_format(info.type);
    CHECK_EQ(static_cast<bool>(format), ipa::dtype_bits(info.type) == 0);
    if (!format) continue;
    ++types;
    std::vector<uint8_t> bytes(static_cast<size_t>(info.bytes));
    CHECK_OK(gguf.value()->read(info, info.type, bytes.data()));
    ipa::BlockCodes codes;
    CHECK(ipa::split_blocks(info.type, bytes.data(), bytes.size() / ipa::block_layout(info.type).bytes, codes));
    const std::vector<float> values = ipa_test::values_of(*expected.value(), info.name);
    CHECK_EQ(codes.codes.size(), values.size());
    size_t differing = 0, outside = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      differing += codes.number(i) != values[i];
      const int code = codes.codes[i] - format.least;
      outside += code < 0 || code >= 1 << format.bits;
    }
    if (differing > 0 || outside > 0)
      ipa_test::fail(__FILE__, __LINE__,
                     info.name + ": " + std::to_string(differing) + " differ, " + std::to_string(outside) +
                         " are no codes");
  }
  CHECK_EQ(types, 11);
}

TEST_ONCE(weights_gguf_good_files) {
  EXPECT(Build().start(0, 0), Code::ok);
  EXPECT(Build().start(0, 0, 2), Code::ok);
  EXPECT(one({}, 0, 0, 4), Code::ok);
  EXPECT(one({32, 2}, 2, 0, 36), Code::ok);
  EXPECT(Build().start(1, 0).tensor(std::string(69, 'n'), {1}, 0, 0).data(4), Code::ok);
  EXPECT(Build()
             .start(2, 1)
             .key("general.alignment", 4)
             .number(64, 4)
             .tensor("a", {1}, 0, 0)
             .tensor("b", {1}, 0, 64)
             .data(68, 64),
         Code::ok);
}

TEST_ONCE(weights_gguf_bad_starts) {
  EXPECT(Bytes(), Code::truncated);
  EXPECT(Build().raw("GGU"), Code::truncated);
  EXPECT(Build().raw("FUGG").number(3, 4).number(0, 8).number(0, 8), Code::syntax);
  for (const uint32_t version : {0u, 1u, 4u, 0x03000000u})
    EXPECT(Build().start(0, 0, version), Code::unsupported);
  EXPECT(Build().start(UINT64_MAX, 0), Code::limit);
  EXPECT(Build().start(uint64_t{1} << 60, 0), Code::limit);
  EXPECT(Build().start(0, UINT64_MAX), Code::limit);
}

TEST_ONCE(weights_gguf_bad_metadata) {
  EXPECT(Build().start(0, 1).number(UINT64_MAX, 8).number(0, 8), Code::limit);
  EXPECT(Build().start(0, 1).key("", 4).number(0, 8), Code::limit);
  EXPECT(Build().start(0, 1).key("\xC3\xA4", 4).number(0, 8), Code::syntax);
  EXPECT(Build().start(0, 2).key("a", 4).number(0, 4).key("a", 4).number(0, 4), Code::duplicate);
  EXPECT(Build().start(0, 1).key("a", 13).number(0, 8), Code::type);
  EXPECT(Build().start(0, 1).key("a", 9).number(9, 4).number(1, 8), Code::type);
  EXPECT(Build().start(0, 1).key("a", 9).number(8, 4).number(uint64_t{1} << 61, 8).raw(std::string(100, 'x')),
         Code::limit);
  EXPECT(Build().start(0, 1).key("a", 8).number(11, 8).raw("0123456789"), Code::truncated);
  EXPECT(Build().start(0, 1).key("a", 7).number(2, 1), Code::type);
  EXPECT(Build().start(0, 1).key("a", 9).number(7, 4).number(2, 8).number(0x0201, 2), Code::type);
  for (const uint64_t value : {uint64_t{0}, uint64_t{13}, uint64_t{4}, uint64_t{1} << 31})
    EXPECT(alignment(4, value), Code::type);
  EXPECT(alignment(5, 32), Code::type);
  EXPECT(Build().start(0, 1).key("split.count", 2).number(2, 2), Code::unsupported);
}

TEST_ONCE(weights_gguf_bad_tensors) {
  EXPECT(one({1, 1, 1, 1, 1}, 0, 0, 4), Code::limit);
  EXPECT(Build().start(1, 0).text("w").number(0xFFFFFFFF, 4).number(0, 8).number(0, 8), Code::limit);
  EXPECT(one({UINT64_MAX}, 0, 0, 4), Code::overflow);
  EXPECT(one({uint64_t{1} << 32, uint64_t{1} << 32}, 0, 0, 4), Code::overflow);
  EXPECT(one({(uint64_t{1} << 42) + 1, 1152}, 0, 0, 4), Code::truncated);
  EXPECT(one({(uint64_t{1} << 62) - 1}, 0, 0, 4), Code::overflow);
  EXPECT(one({0, uint64_t{1} << 32, uint64_t{1} << 32}, 0, 0, 4), Code::overflow);
  EXPECT(one({uint64_t{1} << 61, 0}, 0, 0, 4), Code::overflow);
  EXPECT(one({uint64_t{1} << 60, 0}, 0, 0, 4), Code::ok);
  const uint64_t huge = (uint64_t{1} << 63) - 64;
  EXPECT(Build().start(2, 0).tensor("a", {huge}, 24, 0).tensor("b", {huge}, 24, huge).data(4), Code::overflow);
  for (const uint32_t type : {4u, 31u, 43u, 0xFFFFFFFFu}) EXPECT(one({32}, type, 0, 32), Code::type);
  EXPECT(one({256}, 16, 0, 66), Code::unsupported);
  EXPECT(one({33}, 2, 0, 36), Code::layout);
  EXPECT(one({1}, 0, 4, 64), Code::range);
  EXPECT(one({1}, 0, 4096, 64), Code::range);
  EXPECT(Build().start(2, 0).tensor("a", {64}, 0, 0).tensor("b", {1}, 0, 32).data(512), Code::range);
  EXPECT(Build().start(1, 0).tensor("w", {1}, 0, 0), Code::truncated);
  EXPECT(one({2}, 0, 0, 7), Code::truncated);
  EXPECT(Build().start(2, 0).tensor("a", {1}, 0, 0).tensor("b", {1}, 0, 32).data(4).raw("x").data(4),
         Code::layout);
  EXPECT(Build().start(2, 0).tensor("a", {1}, 0, 0).tensor("a", {1}, 0, 32).data(36), Code::duplicate);
  EXPECT(Build().start(1, 0).tensor(std::string(1 << 20, 'n'), {1}, 0, 0).data(4), Code::limit);
  EXPECT(Build().start(1, 0).tensor("\xFF", {1}, 0, 0).data(4), Code::utf8);
  EXPECT(Build()
             .start(1, 1)
             .key("comfy.gguf.orig_shape.w", 9)
             .number(5, 4)
             .number(1, 8)
             .number(3, 4)
             .tensor("w", {2}, 0, 0)
             .data(8),
         Code::shape);
  // A shape that is text, a number or a list of texts is none.
  const std::string key = "comfy.gguf.orig_shape.w";
  const auto with = [](Build start) { return start.tensor("w", {2}, 0, 0).data(8); };
  EXPECT(with(Build().start(1, 1).key(key, 8).text("2,1")), Code::type);
  EXPECT(with(Build().start(1, 1).key(key, 4).number(2, 4)), Code::type);
  EXPECT(with(Build().start(1, 1).key(key, 9).number(8, 4).number(0, 8)), Code::type);
  EXPECT(with(Build().start(1, 1).key(key, 9).number(5, 4).number(2, 8).number(1, 4).number(2, 4)), Code::ok);
}

TEST_ONCE(weights_gguf_cut_anywhere_is_an_error) {
  const ipa::Result<std::string> whole =
      ipa::read_file(ipa_test::golden_folder() + "/gguf_types.gguf", uint64_t{1} << 20);
  CHECK_OK(whole.status());
  if (!whole.ok()) return;
  for (size_t size = 0; size + 64 < whole.value().size(); size += 7) {
    const Bytes cut(whole.value().begin(), whole.value().begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(!ipa::open_gguf_bytes(cut, "test").ok());
  }
}
