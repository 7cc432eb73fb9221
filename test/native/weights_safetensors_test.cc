// The reader against good files, and against every kind of bad one with the exact code it must give.
#include "weights/formats/safetensors/safetensors.h"

#include <cstring>
#include <filesystem>
#include <thread>

#include "safetensors_build.h"

using ipa::Code;
using ipa_test::Bytes;
using ipa_test::entry;
using ipa_test::raw_safetensors;

namespace {

ipa::Status open(const Bytes& bytes) { return ipa::open_safetensors_bytes(bytes, "test").status(); }

// Opens and, on success, reads every tensor.
Code open_and_read(const Bytes& bytes) {
  const auto source = ipa::open_safetensors_bytes(bytes, "test");
  if (!source.ok()) return source.status().code();
  for (const ipa::TensorInfo& info : source.value()->tensors()) {
    std::vector<float> out(static_cast<size_t>(info.elements()));
    const ipa::Status status = source.value()->read_f32(info, out.data());
    if (!status.ok()) return status.code();
  }
  return Code::ok;
}

void expect_code(int line, const Bytes& bytes, Code code) {
  const ipa::Status status = open(bytes);
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

// A header with one tensor, over `data` bytes of data.
Bytes one(const std::string& dtype, const std::string& shape, const std::string& offsets, size_t data) {
  return raw_safetensors("{" + entry("w", dtype, shape, offsets) + "}", std::string(data, '\1'));
}
Bytes header_only(const std::string& header) { return raw_safetensors(header, ""); }
Bytes two(const std::string& a, const std::string& b, size_t data) {
  return raw_safetensors("{" + a + "," + b + "}", std::string(data, '\1'));
}

}  // namespace

TEST_ONCE(weights_safetensors_good_files) {
  EXPECT(header_only("{}"), Code::ok);
  EXPECT(header_only(" \n\t{}\r\n   "), Code::ok);
  EXPECT(header_only("{\"__metadata__\":{\"format\":\"pt\",\"\":\"\"}}"), Code::ok);
  EXPECT(one("F32", "[]", "[0,4]", 4), Code::ok);
  EXPECT(one("F32", "[0]", "[0,0]", 0), Code::ok);
  EXPECT(one("F32", "[5,0,3]", "[0,0]", 0), Code::ok);
  EXPECT(one("U8", "[1,1,1,1,1,1,1,1]", "[0,1]", 1), Code::ok);
  EXPECT(
      raw_safetensors("{\"\\u0077\\n\":{\"shape\":[2],\"data_offsets\":[0,4],\"dtype\":\"F16\"}}   ", "abcd"),
      Code::ok);
  EXPECT(two(entry("a", "U8", "[3]", "[0,3]"), entry("b", "F32", "[1]", "[3,7]"), 7), Code::ok);  // unaligned
  EXPECT(two(entry("b", "U8", "[3]", "[4,7]"), entry("a", "F32", "[1]", "[0,4]"), 7),
         Code::ok);  // out of order
  EXPECT(two(entry("a", "U8", "[0]", "[2,2]"), entry("b", "U8", "[2]", "[0,2]"), 2), Code::ok);
  EXPECT(two(entry("a", "U8", "[0]", "[0,0]"), entry("b", "U8", "[0]", "[0,0]"), 0), Code::ok);
}

TEST_ONCE(weights_safetensors_values) {
  const auto source = ipa::open_safetensors_bytes(
      raw_safetensors("{" + entry("b", "U8", "[3]", "[0,3]") + "," + entry("a", "I16", "[1,2]", "[3,7]") + "," +
                          entry("s", "BOOL", "[]", "[7,8]") + "}",
                      std::string("\x01\x02\xFF\x00\x01\xFF\xFF\x01", 8)),
      "test");
  CHECK_OK(source.status());
  if (!source.ok()) return;
  const ipa::TensorSource& tensors = *source.value();
  CHECK(ipa_test::values_of(tensors, "b") == (std::vector<float>{1, 2, 255}));
  CHECK(ipa_test::values_of(tensors, "a") == (std::vector<float>{256, -1}));
  CHECK(ipa_test::values_of(tensors, "s") == (std::vector<float>{1}));
  CHECK_EQ(tensors.tensors().size(), size_t{3});
  CHECK_EQ(tensors.tensors()[0].name, "b");  // data order
  CHECK(tensors.find("a")->shape == (std::vector<int64_t>{1, 2}));
  CHECK(tensors.find("") == nullptr && tensors.find("c") == nullptr);
  CHECK_EQ(tensors.path(), "test");
  // A description that is not this file's must not decide how much is written.
  ipa::TensorInfo foreign = *tensors.find("s");
  foreign.name = "b";
  float out = 0;
  CHECK(tensors.read_f32(foreign, &out).code() == Code::missing_tensor);
}

TEST_ONCE(weights_safetensors_refuses_bad_lengths) {
  EXPECT(Bytes{}, Code::truncated);
  EXPECT(Bytes(7, 0), Code::truncated);
  EXPECT(raw_safetensors(UINT64_MAX, "{}", ""), Code::limit);
  EXPECT(raw_safetensors(UINT64_MAX - 7, "{}", ""), Code::limit);
  EXPECT(raw_safetensors(10, "{}", ""), Code::limit);  // the file's size
  EXPECT(raw_safetensors(3, "{}", ""), Code::limit);
  EXPECT(raw_safetensors(0, "", ""), Code::syntax);
  const std::string sparse = ipa_test::write_bytes(ipa_test::scratch_folder() + "/sparse.safetensors",
                                                   raw_safetensors(100'000'001, "{}", ""));
  std::filesystem::resize_file(sparse, 101'000'000);
  CHECK(ipa::open_safetensors(sparse).status().code() == Code::limit);
}

TEST_ONCE(weights_safetensors_refuses_bad_json) {
  for (const char* header : {"{", "[]", "{}x", "{}{}", "null", "\"a\"", "1", "{,}", "{\"a\":{},}",
                             "\xEF\xBB\xBF{}", "{\"__metadata__\":{\"a\":\"b\",}}"}) {
    EXPECT(header_only(header), Code::syntax);
  }
  EXPECT(header_only(std::string("{}\0", 3)), Code::syntax);
  EXPECT(one("F32", "[01]", "[0,4]", 4), Code::syntax);
  EXPECT(one("F32", "[NaN]", "[0,4]", 4), Code::syntax);
  EXPECT(raw_safetensors("{" + entry("\xFF", "U8", "[1]", "[0,1]") + "}", "x"), Code::utf8);
  EXPECT(raw_safetensors("{" + entry("\\ud800", "U8", "[1]", "[0,1]") + "}", "x"), Code::utf8);
  EXPECT(raw_safetensors("{" + entry("a\nb", "U8", "[1]", "[0,1]") + "}", "x"), Code::syntax);
  const std::string deep(100000, '[');
  EXPECT(header_only(deep), Code::limit);
  EXPECT(header_only("{\"a\":" + deep + std::string(100000, ']') + "}"), Code::limit);
  EXPECT(header_only("{\"__metadata__\":" + deep + std::string(100000, ']') + "}"), Code::limit);
}

TEST_ONCE(weights_safetensors_refuses_duplicates) {
  const std::string w = entry("w", "U8", "[4]", "[0,4]");
  EXPECT(two(w, entry("w", "F32", "[1]", "[0,4]"), 4), Code::duplicate);
  EXPECT(two(w, entry("\\u0077", "F32", "[1]", "[0,4]"), 4), Code::duplicate);
  EXPECT(two(w, entry("w", "U8", "[4]", "[4,8]"), 8), Code::duplicate);
  EXPECT(
      raw_safetensors("{\"w\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "x"),
      Code::duplicate);
  EXPECT(raw_safetensors("{\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"sha\\u0070e\":[1],\"data_offsets\":[0,1]}}",
                         "x"),
         Code::duplicate);
  EXPECT(header_only("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}"), Code::duplicate);
  EXPECT(header_only("{\"__metadata__\":{},\"__metadata__\":{}}"), Code::duplicate);
}

TEST_ONCE(weights_safetensors_refuses_wrong_types) {
  for (const char* metadata :
       {"1", "[]", "null", "\"a\"", "{\"a\":1}", "{\"a\":{}}", "{\"a\":null}", "{\"a\":\"b\",\"c\":[]}"}) {
    EXPECT(header_only(std::string("{\"__metadata__\":") + metadata + "}"), Code::type);
  }
  for (const char* bad :
       {"1", "[]", "null", "\"a\"", "{}", "{\"dtype\":\"U8\"}", "{\"dtype\":\"U8\",\"shape\":[]}",
        "{\"shape\":[],\"data_offsets\":[0,0]}", "{\"dtype\":32,\"shape\":[0],\"data_offsets\":[0,0]}",
        "{\"dtype\":null,\"shape\":[0],\"data_offsets\":[0,0]}",
        "{\"dtype\":\"U8\",\"shape\":0,\"data_offsets\":[0,0]}",
        "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":{}}",
        "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"x\":1}",
        "{\"dtype\":\"U8\",\"shape\":[[0]],\"data_offsets\":[0,0]}",
        "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,\"0\"]}",
        "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[-0,0]}",
        "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0.0,0]}"}) {
    EXPECT(header_only(std::string("{\"w\":") + bad + "}"), Code::type);
  }
  EXPECT(one("F17", "[1]", "[0,4]", 4), Code::type);
  EXPECT(one("f32", "[1]", "[0,4]", 4), Code::type);
  for (const char* size : {"-1", "1.0", "1e2", "18446744073709551616", "\"3\"", "null", "true"}) {
    EXPECT(one("U8", std::string("[") + size + "]", "[0,1]", 1), Code::type);
  }
}

TEST_ONCE(weights_safetensors_refuses_sizes_that_do_not_fit) {
  EXPECT(one("I32", "[2,18446744073709551614]", "[0,16]", 16), Code::overflow);
  EXPECT(one("F32", "[4194305,4194305,211106198978564]", "[0,16]", 16), Code::overflow);
  EXPECT(one("U8", "[18446744073709551615]", "[0,16]", 16), Code::overflow);
  EXPECT(one("F32", "[4611686018427387905]", "[0,4]", 4), Code::overflow);  // wraps to 4 bytes
  EXPECT(one("F64", "[2305843009213693952]", "[0,0]", 0), Code::overflow);
  EXPECT(one("U8", "[0,9223372036854775808]", "[0,0]", 0), Code::overflow);  // no int64_t
  EXPECT(one("U8", "[4611686018427387904,4,0]", "[0,0]", 0), Code::overflow);
  EXPECT(one("U8", "[4611686018427387904,2,0]", "[0,0]", 0), Code::ok);
}

TEST_ONCE(weights_safetensors_refuses_bad_ranges) {
  EXPECT(one("U8", "[1]", "[1,0]", 1), Code::range);
  EXPECT(one("U8", "[1]", "[18446744073709551615,0]", 1), Code::range);
  for (const char* offsets : {"[0]", "[]", "[0,1,1]", "[0,1,1,1,1]"})
    EXPECT(one("U8", "[1]", offsets, 1), Code::range);
  EXPECT(one("U8", "[1]", "[0,2]", 1), Code::range);
  EXPECT(one("U8", "[1]", "[1,2]", 1), Code::range);
  EXPECT(one("U8", "[1]", "[0,18446744073709551615]", 1), Code::range);
  EXPECT(two(entry("a", "U8", "[1]", "[0,1]"), entry("b", "U8", "[2]", "[9,11]"), 3), Code::range);
}

TEST_ONCE(weights_safetensors_refuses_bad_layouts) {
  EXPECT(two(entry("a", "U8", "[4]", "[0,4]"), entry("b", "U8", "[4]", "[2,6]"), 6), Code::layout);
  EXPECT(two(entry("a", "U8", "[4]", "[0,4]"), entry("b", "U8", "[4]", "[0,4]"), 4), Code::layout);
  std::string many = "{" + entry("0", "U8", "[4]", "[0,4]");
  for (int i = 1; i < 1000; ++i) many += "," + entry(std::to_string(i), "U8", "[4]", "[0,4]");
  EXPECT(raw_safetensors(many + "}", "abcd"), Code::layout);
  EXPECT(two(entry("a", "U8", "[4]", "[0,4]"), entry("b", "U8", "[4]", "[5,9]"), 9), Code::layout);
  EXPECT(one("U8", "[4]", "[8,12]", 12), Code::layout);
  EXPECT(one("U8", "[4]", "[0,4]", 5), Code::layout);
  EXPECT(raw_safetensors("{}", "PK\3\4"), Code::layout);  // an archive behind it
  EXPECT(one("F32", "[3]", "[0,8]", 8), Code::layout);
  EXPECT(one("F32", "[1]", "[0,8]", 8), Code::layout);
  EXPECT(one("F32", "[1]", "[0,0]", 0), Code::layout);
  // An empty tensor in the middle of another one's data.
  EXPECT(two(entry("a", "U8", "[4]", "[0,4]"), entry("b", "U8", "[0]", "[2,2]"), 4), Code::layout);
  // Complete but for its last bytes.
  EXPECT(one("U8", "[4]", "[0,4]", 2), Code::truncated);
  EXPECT(two(entry("a", "U8", "[4]", "[0,4]"), entry("b", "U8", "[4]", "[4,8]"), 3), Code::truncated);
}

TEST_ONCE(weights_safetensors_limits_hold) {
  const auto with_names = [](int count) {
    std::string header = "{";
    for (int i = 0; i < count; ++i) header += (i ? "," : "") + entry(std::to_string(i), "U8", "[0]", "[0,0]");
    return header_only(header + "}");
  };
  EXPECT(with_names(65536), Code::ok);
  EXPECT(with_names(65537), Code::limit);
  EXPECT(with_names(100000), Code::limit);
  EXPECT(one("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]", 1), Code::limit);
  EXPECT(raw_safetensors("{" + entry(std::string(512, 'n'), "U8", "[0]", "[0,0]") + "}", ""), Code::ok);
  EXPECT(raw_safetensors("{" + entry(std::string(513, 'n'), "U8", "[0]", "[0,0]") + "}", ""), Code::limit);
  EXPECT(raw_safetensors("{" + entry("", "U8", "[0]", "[0,0]") + "}", ""), Code::limit);
  const Bytes long_name =
      raw_safetensors("{" + entry(std::string(1 << 20, 'n'), "U8", "[0]", "[0,0]") + "}", "");
  EXPECT(long_name, Code::limit);
  CHECK(open(long_name).message().size() < 400);
}

TEST_ONCE(weights_safetensors_names_other_formats) {
  const auto renamed = [](const std::string& start) {
    const std::string text = start + std::string(600, '\x11');
    return Bytes(text.begin(), text.end());
  };
  std::string tar(257, 'a');
  tar += "ustar";
  const std::pair<std::string, const char*> formats[] = {
      {std::string("PK\x03\x04\x14\x00\x00\x00", 8), "PyTorch"},
      {"\x80\x02}q\x01X\x05", "pickle"},
      {"\x80\x02\x8A\x0Al\xFC\x9C"
       "F",
       "PyTorch"},
      {"GGUF\x03", "GGUF"},
      {tar, "tar"},
      {"<!DOCTYPE html>", "HTML"},
      {"version https://git-lfs.github.com/spec/v1", "LFS"},
  };
  for (const auto& format : formats) {
    EXPECT(renamed(format.first), Code::unsupported);
    CHECK(open(renamed(format.first)).message().find(format.second) != std::string::npos);
  }
  const std::string notes = "Notes: caf\xC3\xA9\r\n\tat nine\n";
  CHECK(open(Bytes(notes.begin(), notes.end())).message().find("a text file") != std::string::npos);
}

TEST_ONCE(weights_safetensors_messages_are_clean) {
  const ipa::Status status =
      open(raw_safetensors("{" + entry("a\\u001b[31m\\n", "F99", "[1]", "[0,1]") + "}", "x"));
  CHECK(status.code() == Code::type);
  for (const char c : status.message()) CHECK(static_cast<unsigned char>(c) >= 0x20);
  CHECK(status.message().find("a\\x1b[31m\\x0a") != std::string::npos);
  CHECK(status.message().find("F99") != std::string::npos);
}

TEST_ONCE(weights_safetensors_files) {
  const std::string folder = ipa_test::scratch_folder();
  const Bytes good = one("U8", "[4]", "[0,4]", 4);
  const std::string path = ipa_test::write_bytes(folder + "/gr\xC3\xBC\xC3\x9F \xE5\x9B\xBE.safetensors", good);
  auto source = ipa::open_safetensors(path);
  CHECK_OK(source.status());
  CHECK(ipa::open_safetensors(folder + "/none.safetensors").status().code() == Code::not_found);
  CHECK(ipa::open_safetensors("").status().code() == Code::not_found);
  CHECK(ipa::open_safetensors(path + std::string("\0x", 2)).status().code() == Code::not_found);
  CHECK(ipa::open_safetensors(folder).status().code() == Code::type);
  if (!source.ok()) return;
  // Written to since it was opened: old content must not be mixed with new.
  std::filesystem::last_write_time(
      std::filesystem::u8path(path),
      std::filesystem::last_write_time(std::filesystem::u8path(path)) + std::chrono::seconds(2));
  float out[4];
  CHECK(source.value()->read_f32(source.value()->tensors()[0], out).code() == Code::changed);
  source = ipa::open_safetensors(path);
  std::filesystem::resize_file(std::filesystem::u8path(path), good.size() - 3);
  CHECK(source.value()->read_f32(source.value()->tensors()[0], out).code() == Code::changed);
}

TEST_ONCE(weights_safetensors_reads_from_many_threads) {
  // Two tensors larger than the conversion's chunk, each read by two threads at once.
  std::string data;
  for (int i = 0; i < 600000; ++i) data.push_back(static_cast<char>(i * 7 + i / 256));
  const std::string path =
      ipa_test::write_bytes(ipa_test::scratch_folder() + "/threads.safetensors",
                            raw_safetensors("{" + entry("a", "U8", "[300001]", "[0,300001]") + "," +
                                                entry("b", "I8", "[299999]", "[300001,600000]") + "}",
                                            data));
  const auto source = ipa::open_safetensors(path);
  CHECK_OK(source.status());
  if (!source.ok()) return;
  std::vector<std::vector<float>> out(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < out.size(); ++t) {
    const ipa::TensorInfo& info = source.value()->tensors()[t % 2];
    out[t].resize(static_cast<size_t>(info.elements()));
    threads.emplace_back([&, t] { (void)source.value()->read_f32(info, out[t].data()); });
  }
  for (std::thread& thread : threads) thread.join();
  size_t wrong = 0;
  for (size_t t = 0; t < out.size(); ++t) {
    for (size_t i = 0; i < out[t].size(); ++i) {
      const char byte = data[i + (t % 2 ? 300001 : 0)];
      const float expected = t % 2 ? static_cast<float>(static_cast<signed char>(byte))
                                   : static_cast<float>(static_cast<unsigned char>(byte));
      wrong += out[t][i] == expected ? 0 : 1;
    }
  }
  CHECK_EQ(wrong, size_t{0});
}

TEST_ONCE(weights_safetensors_survives_every_cut_and_bit_flip) {
  const Bytes good = raw_safetensors(
      "{\"__metadata__\":{\"format\":\"pt\"}," + entry("a.weight", "F16", "[2,3]", "[0,12]") + "," +
          entry("b", "F32", "[]", "[12,16]") + "," + entry("c", "I64", "[0,2]", "[16,16]") + "}  ",
      std::string(16, '\x3C'));
  CHECK(open_and_read(good) == Code::ok);
  for (size_t length = 0; length < good.size(); ++length) {
    const Code code = open_and_read(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)));
    const Code expected = length < 8 || length >= good.size() - 16 ? Code::truncated : Code::limit;
    if (code != expected)
      ipa_test::fail(__FILE__, __LINE__, "cut at " + std::to_string(length) + ": " + ipa::error_name(code));
  }
  size_t accepted = 0;
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes flipped = good;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1u << (bit % 8)));
    const Code code = open_and_read(flipped);
    CHECK(code != Code::internal && code != Code::io && code != Code::no_memory);
    accepted += code == Code::ok ? 1 : 0;
    if (bit / 8 >= good.size() - 16) CHECK(code == Code::ok);  // data are anything
  }
  CHECK(accepted >= 16 * 8 && accepted < good.size() * 8 / 2);
}
