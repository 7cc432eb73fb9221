// Conversions against PyTorch's own (test/golden/dtypes.safetensors, made by tools/goldens/dtypes.py).
#include <cmath>
#include <cstring>

#include "base/float16.h"
#include "safetensors_build.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/write/safetensors_writer.h"

namespace {

std::unique_ptr<ipa::TensorSource> goldens() {
  auto source = ipa::open_safetensors(ipa_test::golden_folder() + "/dtypes.safetensors");
  CHECK_OK(source.status());
  return source.ok() ? source.take() : nullptr;
}

// Same bits, except that any NaN equals any NaN.
bool same(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::memcmp(&a, &b, sizeof a) == 0;
}

size_t differences(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return a.size() + b.size();
  size_t count = 0;
  for (size_t i = 0; i < a.size(); ++i) count += same(a[i], b[i]) ? 0 : 1;
  return count;
}

}  // namespace

TEST_ONCE(weights_every_dtype_converts_as_torch) {
  const auto source = goldens();
  if (!source) return;
  for (const char* type : {"BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "I16", "U16", "F16", "BF16", "I32", "U32",
                           "F32", "F64", "I64", "U64"}) {
    const std::string name = type;
    const ipa::TensorInfo* stored = source->find(name + ".stored");
    CHECK(stored && stored->type == *ipa::dtype_from_name(name));
    const std::vector<float> ours = ipa_test::values_of(*source, name + ".stored");
    const std::vector<float> theirs = ipa_test::values_of(*source, name + ".f32");
    CHECK(!ours.empty());
    if (differences(ours, theirs) != 0) {
      ipa_test::fail(__FILE__, __LINE__,
                     name + ": " + std::to_string(differences(ours, theirs)) + " values differ");
    }
  }
}

TEST_ONCE(weights_f16_writing_rounds_as_torch) {
  const auto source = goldens();
  if (!source) return;
  const std::vector<float> input = ipa_test::values_of(*source, "half.input");
  const std::vector<float> theirs = ipa_test::values_of(*source, "half.output");
  std::vector<float> ours;
  for (const float value : input) ours.push_back(ipa::f16_to_f32(ipa::f32_to_f16(value)));
  CHECK(input.size() > 8000);
  CHECK_EQ(differences(ours, theirs), size_t{0});
}

TEST_ONCE(weights_f16_survives_the_round_trip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint16_t half = static_cast<uint16_t>(bits);
    const float value = ipa::f16_to_f32(half);
    if (std::isnan(value)) {
      CHECK(std::isnan(ipa::f16_to_f32(ipa::f32_to_f16(value))));
    } else if (ipa::f32_to_f16(value) != half) {
      ipa_test::fail(__FILE__, __LINE__, "half " + std::to_string(bits));
    }
  }
}

TEST_ONCE(weights_dtype_names_and_sizes) {
  for (const char* name : {"BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"}) {
    CHECK(ipa::dtype_from_name(name) && ipa::dtype_size(*ipa::dtype_from_name(name)) == 1);
    CHECK_EQ(std::string(ipa::dtype_name(*ipa::dtype_from_name(name))), name);
  }
  for (const char* name : {"I16", "U16", "F16", "BF16"})
    CHECK_EQ(ipa::dtype_bits(*ipa::dtype_from_name(name)), size_t{16});
  for (const char* name : {"I32", "U32", "F32"})
    CHECK_EQ(ipa::dtype_bits(*ipa::dtype_from_name(name)), size_t{32});
  for (const char* name : {"F64", "I64", "U64", "C64"})
    CHECK_EQ(ipa::dtype_bits(*ipa::dtype_from_name(name)), size_t{64});
  CHECK_EQ(ipa::dtype_bits(ipa::DType::f4), size_t{4});
  CHECK_EQ(ipa::dtype_bits(ipa::DType::f6_e2m3), size_t{6});
  CHECK_EQ(ipa::dtype_size(ipa::DType::f4), size_t{0});
  for (const char* name : {"", "F17", "f32", "F32 ", "FLOAT"}) CHECK(!ipa::dtype_from_name(name));
}

TEST_ONCE(weights_exotic_types_open_but_do_not_read) {
  const std::pair<const char*, const char*> types[] = {
      {"F4", "[4]"},          {"F6_E2M3", "[4]"},     {"F6_E3M2", "[8]"}, {"F8_E8M0", "[3]"},
      {"F8_E4M3FNUZ", "[3]"}, {"F8_E5M2FNUZ", "[3]"}, {"C64", "[2]"}};
  const size_t bytes[] = {2, 3, 6, 3, 3, 3, 16};
  for (size_t i = 0; i < 7; ++i) {
    const std::string end = std::to_string(bytes[i]);
    const auto source = ipa::open_safetensors_bytes(
        ipa_test::raw_safetensors(
            "{" + ipa_test::entry("t", types[i].first, types[i].second, "[0," + end + "]") + "}",
            std::string(bytes[i], 'x')),
        "exotic");
    CHECK_OK(source.status());
    if (!source.ok()) continue;
    float out[16];
    const ipa::Status status = source.value()->read_f32(source.value()->tensors()[0], out);
    CHECK(status.code() == ipa::Code::unsupported);
    CHECK(status.message().find(types[i].first) != std::string::npos);
  }
  // Three 4-bit numbers are no whole bytes.
  const auto odd = ipa::open_safetensors_bytes(
      ipa_test::raw_safetensors("{" + ipa_test::entry("t", "F4", "[3]", "[0,1]") + "}", "x"), "odd");
  CHECK(odd.status().code() == ipa::Code::layout);
}
