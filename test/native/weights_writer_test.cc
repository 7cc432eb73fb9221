#include "weights/write/safetensors_writer.h"

#include <cmath>
#include <filesystem>

#include "safetensors_build.h"
#include "weights/formats/safetensors/safetensors.h"

using ipa::Code;
using ipa::TensorToWrite;

namespace {

size_t files_in(const std::string& folder) {
  const auto names = ipa::list_folder(folder);
  CHECK_OK(names.status());
  return names.ok() ? names.value().size() : 0;
}

std::string fresh_folder(const std::string& name) {
  const std::string folder = ipa_test::scratch_folder() + "/" + name;
  std::filesystem::create_directory(folder);
  return folder;
}

}  // namespace

TEST_ONCE(weights_writer_round_trip) {
  const std::string folder = fresh_folder("writer");
  const std::string path = folder + "/out.safetensors";
  std::vector<float> a, b = {1.5f};
  for (int i = 0; i < 70000; ++i) a.push_back(static_cast<float>(i % 2048) - 1024.0f);
  const std::string odd_name = "quote\" slash\\ tab\t \xE5\x9B\xBE";
  const std::vector<TensorToWrite> tensors = {{"half", {70, 1000}, a.data(), ipa::DType::f16},
                                              {odd_name, {1}, b.data(), ipa::DType::f32},
                                              {"scalar", {}, b.data(), ipa::DType::f32},
                                              {"empty", {3, 0}, nullptr, ipa::DType::f32},
                                              {"full", {70000}, a.data(), ipa::DType::f32}};
  for (int round = 0; round < 2; ++round) {  // the second replaces the first
    CHECK_OK(ipa::write_safetensors(path, tensors));
    CHECK_EQ(files_in(folder), size_t{1});
    const auto source = ipa::open_safetensors(path);
    CHECK_OK(source.status());
    if (!source.ok()) return;
    CHECK_EQ(source.value()->tensors().size(), tensors.size());
    CHECK(ipa_test::values_of(*source.value(), "half") == a);
    CHECK(ipa_test::values_of(*source.value(), "full") == a);
    CHECK(ipa_test::values_of(*source.value(), odd_name) == b);
    CHECK(ipa_test::values_of(*source.value(), "scalar") == b);
    CHECK(source.value()->find("half")->type == ipa::DType::f16);
    CHECK(source.value()->find("empty")->shape == (std::vector<int64_t>{3, 0}));
    CHECK(source.value()->find("scalar")->shape.empty());
  }
  const auto bytes = ipa::read_file(path, 1 << 20);
  CHECK_OK(bytes.status());
  if (bytes.ok()) CHECK(bytes.value()[8] == '{' && static_cast<uint8_t>(bytes.value()[0]) % 8 == 0);
  CHECK_OK(ipa::write_safetensors(path, {}));
  CHECK(ipa::open_safetensors(path).ok());
}

TEST_ONCE(weights_writer_refuses_and_leaves_nothing) {
  const std::string folder = fresh_folder("refused");
  const std::string path = folder + "/out.safetensors";
  const float data[4] = {};
  const auto code = [&](const TensorToWrite& tensor) { return ipa::write_safetensors(path, {tensor}).code(); };
  CHECK(code({"", {1}, data}) == Code::invalid_option);
  CHECK(code({std::string(513, 'x'), {1}, data}) == Code::invalid_option);
  CHECK(code({"__metadata__", {1}, data}) == Code::invalid_option);
  CHECK(code({"\xFF", {1}, data}) == Code::invalid_option);
  CHECK(code({"a", {-1}, data}) == Code::invalid_option);
  CHECK(code({"a", {int64_t{1} << 40, int64_t{1} << 40}, data}) == Code::invalid_option);
  CHECK(code({"a", {1, 1, 1, 1, 1, 1, 1, 1, 1}, data}) == Code::invalid_option);
  CHECK(code({"a", {1}, nullptr}) == Code::invalid_option);
  CHECK(code({"a", {1}, data, ipa::DType::i8}) == Code::invalid_option);
  CHECK(ipa::write_safetensors(path, {{"a", {1}, data}, {"b", {1}, data}, {"a", {2}, data}}).code() ==
        Code::duplicate);
  CHECK(ipa::write_safetensors(folder + "/none/out.safetensors", {{"a", {1}, data}}).code() == Code::not_found);
  CHECK(ipa::write_safetensors(folder, {{"a", {1}, data}}).code() == Code::type);
  CHECK(ipa::write_safetensors("", {{"a", {1}, data}}).code() == Code::not_found);
  CHECK_EQ(files_in(folder), size_t{0});
}
