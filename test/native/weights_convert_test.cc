// Writing of weight files: the quantised types against the gguf package's own bytes
// (tools/goldens/gguf_types.py), and whole files read back by our readers, which have references of their own.
#include "weights/write/convert.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "base/file_writer.h"
#include "safetensors_build.h"
#include "weights/formats/gguf/ggml_blocks.h"
#include "weights/formats/gguf/gguf.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/formats/weight_file.h"
#include "weights/write/encode.h"

using ipa::Code;
using ipa::DType;
using ipa_test::Bytes;
using ipa_test::values_of;

namespace {

using Source = std::unique_ptr<ipa::TensorSource>;
using Shape = std::vector<int64_t>;

std::string fresh_folder(const std::string& name) {
  const std::string folder = ipa_test::scratch_folder() + "/" + name;
  std::filesystem::create_directory(folder);
  return folder;
}

size_t files_in(const std::string& folder) {
  const auto names = ipa::list_folder(folder);
  CHECK_OK(names.status());
  return names.ok() ? names.value().size() : 0;
}

Bytes bytes_of(const ipa::TensorSource& source, const std::string& name) {
  const ipa::TensorInfo* info = source.find(name);
  if (!info) {
    ipa_test::fail(__FILE__, __LINE__, "no tensor " + name);
    return {};
  }
  Bytes bytes(static_cast<size_t>(info->bytes));
  CHECK_OK(source.read(*info, info->type, bytes.data()));
  return bytes;
}

std::string file_text(const std::string& path) {
  const auto text = ipa::read_file(path, 1 << 24);
  CHECK_OK(text.status());
  return text.ok() ? text.value() : "";
}

// Values that f16, bf16 and f32 all hold, of both signs.
std::vector<float> numbers(size_t count) {
  std::vector<float> values;
  for (size_t i = 0; i < count; ++i) values.push_back((static_cast<float>(i * 37 % 251) - 125) / 64);
  return values;
}

struct InputTensor {
  std::string name, type;
  Shape shape;
};

// A safetensors file of numbers() in F32, F16 or BF16, and of bytes that count up in I64.
std::string write_input(const std::string& path, const std::vector<InputTensor>& tensors,
                        const std::string& metadata = "") {
  std::string header = metadata, data;
  for (const InputTensor& tensor : tensors) {
    size_t count = 1;
    std::string shape;
    for (const int64_t size : tensor.shape) {
      shape += (shape.empty() ? "" : ",") + std::to_string(size);
      count *= static_cast<size_t>(size);
    }
    const size_t begin = data.size();
    const DType type = tensor.type == "F32" ? DType::f32 : tensor.type == "F16" ? DType::f16 : DType::bf16;
    if (tensor.type == "I64") {
      for (size_t i = 0; i < count; ++i) data += std::string(1, static_cast<char>(i)) + std::string(7, '\0');
    } else {
      Bytes bytes(static_cast<size_t>(ipa::stored_bytes(type, count)));
      CHECK(ipa::encode_f32(type, numbers(count).data(), count, bytes.data()));
      data.append(bytes.begin(), bytes.end());
    }
    header += header.empty() ? "" : ",";
    header += ipa_test::entry(tensor.name, tensor.type, "[" + shape + "]",
                              "[" + std::to_string(begin) + "," + std::to_string(data.size()) + "]");
  }
  return ipa_test::write_bytes(path, ipa_test::raw_safetensors("{" + header + "}", data));
}

Source open(const std::string& path) {
  auto source = ipa::open_weight_file(path);
  CHECK_OK(source.status());
  return source.ok() ? source.take() : nullptr;
}

// Converts and opens the result.
Source converted(const std::string& input, const std::string& output, DType type) {
  ipa::ConvertRequest request{input, output, type, true};
  const auto done = ipa::convert(request);
  CHECK_OK(done.status());
  if (!done.ok()) return nullptr;
  CHECK_EQ(done.value().bytes, static_cast<uint64_t>(std::filesystem::file_size(output)));
  return open(output);
}

void expect_tensor(int line, const ipa::TensorSource& source, const std::string& name, DType type,
                   const Shape& shape) {
  const ipa::TensorInfo* info = source.find(name);
  if (!info || info->type != type || info->shape != shape)
    ipa_test::fail(__FILE__, line,
                   name + (info ? std::string(": is ") + ipa::dtype_name(info->type) : ": is not there"));
}
#define EXPECT_TENSOR(source, name, type, ...) expect_tensor(__LINE__, source, name, type, __VA_ARGS__)

void expect_error(int line, const ipa::Status& status, Code code, const std::string& says) {
  if (status.code() != code || status.text().find(says) == std::string::npos)
    ipa_test::fail(__FILE__, line, std::string(ipa::error_name(status.code())) + " " + status.message());
}
#define EXPECT_ERROR(status, code, says) expect_error(__LINE__, status, code, says)

}  // namespace

TEST_ONCE(weights_convert_quantises_to_the_bytes_of_the_gguf_package) {
  const Source golden = open(ipa_test::golden_folder() + "/gguf_quantised.safetensors");
  if (!golden) return;
  for (const DType type : {DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1}) {
    const std::vector<float> values = values_of(*golden, "values");
    const Bytes expected = bytes_of(*golden, ipa::dtype_name(type));
    const size_t size = ipa::block_layout(type).bytes;
    CHECK_EQ(expected.size(), values.size() / 32 * size);
    CHECK(values.size() >= 120 * 32);
    for (size_t block = 0; block < values.size() / 32; ++block) {
      Bytes ours(size);
      const bool fits = ipa::encode_f32(type, values.data() + block * 32, 32, ours.data());
      if (std::memcmp(ours.data(), expected.data() + block * size, size) != 0)
        ipa_test::fail(__FILE__, __LINE__,
                       std::string(ipa::dtype_name(type)) + ": block " + std::to_string(block) + " differs");
      // What does not fit is what reads back as something infinite.
      std::vector<float> back(32);
      ipa::dequantise_blocks(type, expected.data() + block * size, 1, back.data());
      bool finite = true;
      for (const float value : back) finite = finite && std::isfinite(value);
      CHECK_EQ(fits, finite);
    }
  }
}

TEST_ONCE(weights_convert_rounds_to_16_bits_as_the_gguf_package) {
  const Source golden = open(ipa_test::golden_folder() + "/gguf_quantised.safetensors");
  if (!golden) return;
  const std::vector<float> specials = values_of(*golden, "specials");
  for (const DType type : {DType::f16, DType::bf16}) {
    Bytes ours(specials.size() * 2);
    CHECK(!ipa::encode_f32(type, specials.data(), specials.size(), ours.data()));  // 65520 and 3.4028235e38
    CHECK(ours == bytes_of(*golden, ipa::dtype_name(type)));
    CHECK(ipa::encode_f32(type, specials.data(), 5, ours.data()));  // NaN and infinities are kept
  }
}

TEST_ONCE(weights_convert_values_without_a_quantised_form_are_told) {
  for (const DType type : {DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1}) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity(), 3e7f, -3e7f}) {
      std::vector<float> values = numbers(64);
      Bytes out(2 * ipa::block_layout(type).bytes);
      CHECK(ipa::encode_f32(type, values.data(), 64, out.data()));
      values[40] = bad;
      CHECK(!ipa::encode_f32(type, values.data(), 64, out.data()));
    }
  }
}

TEST_ONCE(weights_convert_gives_each_tensor_its_type) {
  const std::string folder = fresh_folder("convert-types");
  const std::string input =
      write_input(folder + "/in.safetensors", {{"linear.weight", "F32", {64, 96}},
                                               {"half.weight", "F16", {64, 96}},
                                               {"conv.weight", "F32", {16, 16, 3, 3}},
                                               {"odd.weight", "F32", {20, 20, 3, 3}},
                                               {"odd_brain.weight", "BF16", {20, 20, 3, 3}},
                                               {"small.weight", "F32", {32, 32}},
                                               {"norm.weight", "F32", {2048}},
                                               {"norm_half.weight", "F16", {2048}},
                                               {"norm_brain.weight", "BF16", {2048}},
                                               {"time_embedding.linear_1.weight", "F32", {64, 64}},
                                               {"scalar", "F32", {}},
                                               {"empty", "F32", {3, 0}},
                                               {"five", "F16", {2, 3, 4, 5, 6}},
                                               {"five.weight", "F16", {2, 3, 4, 16, 32}},
                                               {"ids", "I64", {1, 77}}});
  const Source from = open(input);
  const Source to = converted(input, folder + "/out.gguf", DType::q8_0);
  if (!from || !to) return;
  CHECK_EQ(to->tensors().size(), from->tensors().size());
  EXPECT_TENSOR(*to, "linear.weight", DType::q8_0, {64, 96});
  EXPECT_TENSOR(*to, "half.weight", DType::q8_0, {64, 96});
  EXPECT_TENSOR(*to, "conv.weight", DType::q8_0, {16, 16, 3, 3});
  EXPECT_TENSOR(*to, "odd.weight", DType::f16, {20, 20, 3, 3});
  EXPECT_TENSOR(*to, "odd_brain.weight", DType::bf16, {20, 20, 3, 3});
  EXPECT_TENSOR(*to, "small.weight", DType::f32, {32, 32});
  EXPECT_TENSOR(*to, "norm.weight", DType::f32, {2048});
  EXPECT_TENSOR(*to, "norm_half.weight", DType::f16, {2048});
  EXPECT_TENSOR(*to, "norm_brain.weight", DType::f32, {2048});
  EXPECT_TENSOR(*to, "time_embedding.linear_1.weight", DType::f32, {64, 64});
  EXPECT_TENSOR(*to, "scalar", DType::f32, {});
  EXPECT_TENSOR(*to, "empty", DType::f32, {3, 0});
  EXPECT_TENSOR(*to, "five", DType::f16, {2, 3, 4, 5, 6});
  EXPECT_TENSOR(*to, "five.weight", DType::q8_0, {2, 3, 4, 16, 32});
  EXPECT_TENSOR(*to, "ids", DType::i64, {1, 77});
  for (const ipa::TensorInfo& info : to->tensors()) {
    const std::vector<float> a = values_of(*from, info.name), b = values_of(*to, info.name);
    // Half a step of the scale, which the largest value, at most 125/64, divides by 127.
    const double limit = info.type == DType::q8_0 ? 125.0 / 64 / 127 * 0.51 : 0;
    for (size_t i = 0; i < a.size(); ++i) CHECK_NEAR(a[i], b[i], limit);
  }
}

TEST_ONCE(weights_convert_keeps_bits_between_the_formats) {
  const std::string folder = fresh_folder("convert-bits");
  const std::string torch = ipa_test::golden_folder() + "/torch/adapter.bin";
  const std::string half =
      write_input(folder + "/half.safetensors", {{"a", "F16", {3, 5}}, {"b", "BF16", {70, 1000}}});
  for (const std::string& input : {torch, half}) {
    const Source from = open(input);
    const Source gguf = converted(input, folder + "/a.gguf", DType::f32);
    const Source tensors = converted(folder + "/a.gguf", folder + "/b.safetensors", DType::f32);
    if (!from || !gguf || !tensors) continue;
    for (const ipa::TensorInfo& info : from->tensors()) {
      const std::vector<float> values = values_of(*from, info.name);
      CHECK(values_of(*gguf, info.name) == values);
      CHECK(values_of(*tensors, info.name) == values);
      CHECK(gguf->find(info.name)->shape == info.shape && tensors->find(info.name)->shape == info.shape);
    }
  }
  // Back to the types they had, which hold the values exactly.
  const Source from = open(half);
  const Source f16 = converted(folder + "/a.gguf", folder + "/c.safetensors", DType::f16);
  const Source bf16 = converted(folder + "/a.gguf", folder + "/c.gguf", DType::bf16);
  if (!from || !f16 || !bf16) return;
  CHECK(bytes_of(*f16, "a") == bytes_of(*from, "a"));
  CHECK(bytes_of(*bf16, "b") == bytes_of(*from, "b"));
}

TEST_ONCE(weights_convert_reads_quantised_files_of_other_tools) {
  const std::string folder = fresh_folder("convert-golden");
  const std::string stem = ipa_test::golden_folder() + "/gguf_types";
  const Source expected = open(stem + ".safetensors");
  const Source ours = converted(stem + ".gguf", folder + "/out.safetensors", DType::f32);
  if (!expected || !ours) return;
  CHECK_EQ(ours->tensors().size(), size_t{14});
  for (const ipa::TensorInfo& info : expected->tensors()) {
    EXPECT_TENSOR(*ours, info.name, DType::f32, info.shape);
    CHECK(bytes_of(*ours, info.name) == bytes_of(*expected, info.name));
  }
  CHECK_EQ(std::string(ours->metadata("general.name")), std::string("every type"));
  // Blocks that have the type already are copied, not quantised again.
  const Source from = open(stem + ".gguf");
  const Source again = converted(stem + ".gguf", folder + "/again.gguf", DType::q4_1);
  if (from && again) CHECK(bytes_of(*again, "Q4_1") == bytes_of(*from, "Q4_1"));
}

TEST_ONCE(weights_convert_keeps_texts) {
  const std::string folder = fresh_folder("convert-texts");
  const std::string input = write_input(
      folder + "/in.safetensors", {{"a", "F32", {2, 2}}},
      R"("__metadata__":{"modelspec.predict_key":"v","na\u00efve":"caf\u00e9 \"1\"\n","general.alignment":"x"})");
  const Source tensors = converted(input, folder + "/out.safetensors", DType::f16);
  const Source gguf = converted(input, folder + "/out.gguf", DType::f16);
  const Source back = converted(folder + "/out.gguf", folder + "/back.safetensors", DType::f16);
  if (!tensors || !gguf || !back) return;
  CHECK_EQ(std::string(tensors->metadata("na\xC3\xAFve")), std::string("caf\xC3\xA9 \"1\"\n"));
  CHECK_EQ(std::string(tensors->metadata("general.alignment")), std::string("x"));
  for (const Source* source : {&tensors, &gguf, &back})
    CHECK_EQ(std::string((*source)->metadata("modelspec.predict_key")), std::string("v"));
  CHECK_EQ(std::string(tensors->metadata("format")), std::string("pt"));
  CHECK_EQ(std::string(gguf->metadata("general.architecture")), std::string("tensors"));
}

TEST_ONCE(weights_convert_names_the_architecture) {
  const std::string folder = fresh_folder("convert-architecture");
  const std::string models = ipa_test::golden_folder() + "/models/";
  const auto architecture = [&](const std::string& input) {
    const Source source = converted(models + input, folder + "/out.gguf", DType::f16);
    return source ? std::string(source->metadata("general.architecture")) : "";
  };
  CHECK_EQ(architecture("sdxl/unet"), std::string("sdxl"));
  CHECK_EQ(architecture("sd15/adapters/base.safetensors"), std::string("ip-adapter"));
  CHECK_EQ(architecture("sd15/text_encoder"), std::string("text_encoder"));
}

TEST_ONCE(weights_convert_refuses_with_the_reason) {
  const std::string folder = fresh_folder("convert-refused");
  const std::string input = write_input(folder + "/in.safetensors", {{"a", "F32", {64, 64}}});
  const std::string before = file_text(input);
  const auto error = [&](const std::string& from, const std::string& to, DType type, bool overwrite = false) {
    return ipa::convert({from, to, type, overwrite}).status();
  };
  EXPECT_ERROR(error(input, folder + "/out.bin", DType::f16), Code::invalid_option, ".gguf and .safetensors");
  EXPECT_ERROR(error(input, folder + "/out.safetensors", DType::q8_0), Code::invalid_option, "type: ");
  EXPECT_ERROR(error(input, folder, DType::q8_0), Code::invalid_option, ".gguf");
  EXPECT_ERROR(error(input, folder + "/none/out.gguf", DType::f16), Code::not_found, "cannot write there");
  EXPECT_ERROR(error(folder + "/none", folder + "/out.gguf", DType::f16), Code::not_found, "no such file");
  EXPECT_ERROR(error(input, input, DType::f16, true), Code::invalid_option, "is the input itself");
  std::filesystem::create_hard_link(input, folder + "/link.safetensors");
  EXPECT_ERROR(error(input, folder + "/link.safetensors", DType::f16, true), Code::invalid_option,
               "input itself");
  std::filesystem::remove(folder + "/link.safetensors");
  EXPECT_ERROR(error(ipa_test::golden_folder() + "/models/sd15", folder + "/out.gguf", DType::f16),
               Code::unsupported, "one by one");
  EXPECT_ERROR(error(folder, folder + "/out.gguf", DType::f16), Code::not_found, "diffusion_pytorch_model");
  std::filesystem::create_directory(folder + "/folder.gguf");
  EXPECT_ERROR(error(input, folder + "/folder.gguf", DType::f16, true), Code::invalid_option, "is a folder");
  std::filesystem::remove(folder + "/folder.gguf");
  CHECK_EQ(files_in(folder), size_t{1});

  const std::string output = ipa_test::write_text(folder + "/out.gguf", "what was there");
  EXPECT_ERROR(error(input, output, DType::f16), Code::invalid_option, "exists");
  CHECK_EQ(file_text(output), std::string("what was there"));
  CHECK_OK(error(input, output, DType::f16, true));
  CHECK(file_text(output).compare(0, 4, "GGUF") == 0);
  CHECK_EQ(file_text(input), before);
  CHECK_EQ(files_in(folder), size_t{2});
}

TEST_ONCE(weights_convert_refuses_a_file_of_the_folder_it_reads) {
  const std::string folder = fresh_folder("convert-component");
  write_input(folder + "/model.safetensors", {{"a", "F32", {64, 64}}});
  CHECK_OK(ipa::convert({folder, folder + "/other.gguf", DType::f16}).status());
  EXPECT_ERROR(ipa::convert({folder, folder + "/model.safetensors", DType::f16, true}).status(),
               Code::invalid_option, "the input folder");
}

TEST_ONCE(weights_convert_values_that_do_not_fit_leave_nothing) {
  const std::string folder = fresh_folder("convert-values");
  const std::string input = folder + "/in.safetensors";
  const auto with = [&](float value) {
    std::vector<float> values = numbers(64 * 64);
    values[4000] = value;
    const std::string data(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
    ipa_test::write_bytes(input,
                          ipa_test::raw_safetensors(
                              "{" + ipa_test::entry("deep.weight", "F32", "[64,64]", "[0,16384]") + "}", data));
  };
  const auto error = [&](DType type) { return ipa::convert({input, folder + "/out.gguf", type}).status(); };
  with(1e5f);
  EXPECT_ERROR(error(DType::f16), Code::unsupported, "\"deep.weight\": holds values up to 100000");
  CHECK_EQ(files_in(folder), size_t{1});
  with(std::numeric_limits<float>::quiet_NaN());
  EXPECT_ERROR(error(DType::q5_1), Code::unsupported, "a NaN or an infinity");
  CHECK_EQ(files_in(folder), size_t{1});
  CHECK_OK(error(DType::f16));
}

TEST_ONCE(weights_convert_types_that_gguf_has_not) {
  const std::string folder = fresh_folder("convert-types-not");
  const auto error = [&](const std::string& type, const std::string& size, const std::string& output,
                         const std::string& shape = "[2]") {
    const std::string input = ipa_test::write_bytes(
        folder + "/in.safetensors",
        ipa_test::raw_safetensors("{" + ipa_test::entry("w", type, shape, "[0," + size + "]") + "}",
                                  std::string(static_cast<size_t>(std::stoi(size)), '\0')));
    return ipa::convert({input, folder + "/" + output, DType::f16, true}).status();
  };
  EXPECT_ERROR(error("U8", "2", "out.gguf"), Code::unsupported, "GGUF has no type U8");
  CHECK_OK(error("U8", "2", "out.safetensors"));
  EXPECT_ERROR(error("C64", "16", "out.safetensors"), Code::unsupported, "stored as C64");
  CHECK_OK(error("F8_E5M2", "2", "out.gguf"));
  const std::string large = "[0,4611686018427387904,2]";
  EXPECT_ERROR(error("F16", "0", "out.gguf", large), Code::unsupported, "GGUF has no such shape");
  EXPECT_ERROR(error("F16", "0", "out.gguf", "[0,2,3,4,5]"), Code::unsupported, "GGUF has no such shape");
  CHECK_OK(error("F16", "0", "out.safetensors", "[0,2,3,4,5]"));
}

TEST_ONCE(weights_convert_cancel_leaves_nothing) {
  const std::string folder = fresh_folder("convert-cancel");
  const std::string input = write_input(
      folder + "/in.safetensors", {{"a", "F32", {64, 64}}, {"b", "F32", {64, 64}}, {"c", "F32", {64, 64}}});
  std::atomic<bool> cancel{false};
  std::vector<uint64_t> seen;
  const auto done = ipa::convert({input, folder + "/out.gguf", DType::q4_0}, &cancel,
                                 [&](const ipa::ConvertProgress& progress) {
                                   seen.push_back(progress.tensors);
                                   CHECK_EQ(progress.total_tensors, uint64_t{3});
                                   CHECK_EQ(files_in(folder), size_t{2});  // the input and the unfinished file
                                   if (progress.tensors == 2) cancel.store(true);
                                 });
  CHECK(done.status().code() == Code::cancelled);
  CHECK(seen == (std::vector<uint64_t>{1, 2}));
  CHECK_EQ(files_in(folder), size_t{1});
}

TEST_ONCE(weights_convert_asks_for_room_first) {
  const std::string folder = fresh_folder("convert-room");
  ipa::FileWriter file(folder + "/out");
  CHECK_OK(file.open());
  CHECK_OK(file.check_room(1));
  EXPECT_ERROR(file.check_room(UINT64_MAX / 2), Code::io, "are free");
}

TEST_ONCE(weights_convert_scalars_are_never_bf16) {
  // gguf.GGUFReader fails on those.
  const std::string folder = fresh_folder("convert-scalars");
  const std::string input =
      write_input(folder + "/in.safetensors", {{"x.alpha", "F16", {}}, {"x.weight", "F16", {2, 2}}});
  const Source bf16 = converted(input, folder + "/bf16.gguf", DType::bf16);
  const Source f16 = converted(input, folder + "/f16.gguf", DType::f16);
  if (!bf16 || !f16) return;
  EXPECT_TENSOR(*bf16, "x.alpha", DType::f32, {});
  EXPECT_TENSOR(*bf16, "x.weight", DType::bf16, {2, 2});
  EXPECT_TENSOR(*f16, "x.alpha", DType::f16, {});
}
