#include "weights/dtype.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/float16.h"
#include "base/utf8.h"

namespace ipa {
namespace {

struct DTypeRow {
  DType type;
  const char* name;
  size_t bits;
};

// Names and sizes as in safetensors' format description.
constexpr DTypeRow rows[] = {
    {DType::boolean, "BOOL", 8},
    {DType::u8, "U8", 8},
    {DType::i8, "I8", 8},
    {DType::f8_e4m3, "F8_E4M3", 8},
    {DType::f8_e5m2, "F8_E5M2", 8},
    {DType::i16, "I16", 16},
    {DType::u16, "U16", 16},
    {DType::f16, "F16", 16},
    {DType::bf16, "BF16", 16},
    {DType::i32, "I32", 32},
    {DType::u32, "U32", 32},
    {DType::f32, "F32", 32},
    {DType::f64, "F64", 64},
    {DType::i64, "I64", 64},
    {DType::u64, "U64", 64},
    {DType::c64, "C64", 64},
    {DType::f8_e8m0, "F8_E8M0", 8},
    {DType::f8_e4m3fnuz, "F8_E4M3FNUZ", 8},
    {DType::f8_e5m2fnuz, "F8_E5M2FNUZ", 8},
    {DType::f6_e2m3, "F6_E2M3", 6},
    {DType::f6_e3m2, "F6_E3M2", 6},
    {DType::f4, "F4", 4},
    // Of GGUF, as ggml names them.
    {DType::q4_0, "Q4_0", 0},
    {DType::q4_1, "Q4_1", 0},
    {DType::q5_0, "Q5_0", 0},
    {DType::q5_1, "Q5_1", 0},
    {DType::q8_0, "Q8_0", 0},
    {DType::q2_k, "Q2_K", 0},
    {DType::q3_k, "Q3_K", 0},
    {DType::q4_k, "Q4_K", 0},
    {DType::q5_k, "Q5_K", 0},
    {DType::q6_k, "Q6_K", 0},
};

const DTypeRow& row_of(DType type) { return rows[static_cast<size_t>(type)]; }

float float_of_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// A small IEEE-like float with `exponent` and `mantissa` bits, every value of which f32 holds exactly.
float decode_f8(uint8_t bits, int exponent_bits, int mantissa_bits, bool finite_only) {
  const int mantissa_mask = (1 << mantissa_bits) - 1;
  const int exponent_mask = (1 << exponent_bits) - 1;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int mantissa = bits & mantissa_mask;
  const int exponent = (bits >> mantissa_bits) & exponent_mask;
  const bool negative = (bits & 0x80) != 0;
  float magnitude;
  if (exponent == exponent_mask && !finite_only) {
    magnitude = mantissa ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
  } else if (exponent == exponent_mask && mantissa == mantissa_mask) {
    magnitude = std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(mantissa), 1 - bias - mantissa_bits);
  } else {
    magnitude = std::ldexp(static_cast<float>(mantissa + mantissa_mask + 1), exponent - bias - mantissa_bits);
  }
  return negative ? -magnitude : magnitude;
}

using F8Table = std::array<float, 256>;

const F8Table& f8_table(bool e4m3) {
  static const auto make = [](int exponent_bits, int mantissa_bits, bool finite_only) {
    F8Table table{};
    for (size_t i = 0; i < table.size(); ++i) {
      table[i] = decode_f8(static_cast<uint8_t>(i), exponent_bits, mantissa_bits, finite_only);
    }
    return table;
  };
  static const F8Table e4m3_table = make(4, 3, true);
  static const F8Table e5m2_table = make(5, 2, false);
  return e4m3 ? e4m3_table : e5m2_table;
}

template <class T, class Convert>
void convert_each(const void* data, size_t count, float* out, Convert convert) {
  const char* in = static_cast<const char*>(data);
  for (size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, in + i * sizeof(T), sizeof(T));
    out[i] = convert(value);
  }
}

template <class T>
void cast_each(const void* data, size_t count, float* out) {
  convert_each<T>(data, count, out, [](T value) { return static_cast<float>(value); });
}

}  // namespace

const char* dtype_name(DType type) { return row_of(type).name; }
size_t dtype_bits(DType type) { return row_of(type).bits; }
size_t dtype_size(DType type) { return row_of(type).bits / 8; }
bool dtype_readable(DType type) { return type < DType::c64; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const DTypeRow& row : rows) {
    if (row.bits > 0 && name == row.name) return row.type;
  }
  return std::nullopt;
}

bool is_integer(DType type) {
  switch (type) {
    case DType::boolean:
    case DType::u8:
    case DType::i8:
    case DType::i16:
    case DType::u16:
    case DType::i32:
    case DType::u32:
    case DType::i64:
    case DType::u64: return true;
    default: return false;
  }
}

Status refuse_integers(const TensorInfo& tensor, const std::string& of) {
  if (!is_integer(tensor.type)) return {};
  return Status(Code::type,
                "tensor " + in_quotes(tensor.name) + " of " + of + " is stored as " + dtype_name(tensor.type) +
                    " without a scale, so that its numbers mean nothing: use a file in f16, f32, fp8 "
                    "or GGUF");
}

bool convert_to_f32(DType type, const void* data, size_t count, float* out) {
  if (count == 0) return dtype_readable(type);
  switch (type) {
    case DType::boolean:
      convert_each<uint8_t>(data, count, out, [](uint8_t v) { return v ? 1.0f : 0.0f; });
      return true;
    case DType::u8: cast_each<uint8_t>(data, count, out); return true;
    case DType::i8: cast_each<int8_t>(data, count, out); return true;
    case DType::f8_e4m3:
    case DType::f8_e5m2: {
      const F8Table& table = f8_table(type == DType::f8_e4m3);
      convert_each<uint8_t>(data, count, out, [&table](uint8_t v) { return table[v]; });
      return true;
    }
    case DType::i16: cast_each<int16_t>(data, count, out); return true;
    case DType::u16: cast_each<uint16_t>(data, count, out); return true;
    case DType::f16: convert_each<uint16_t>(data, count, out, f16_to_f32); return true;
    case DType::bf16:
      convert_each<uint16_t>(data, count, out,
                             [](uint16_t v) { return float_of_bits(static_cast<uint32_t>(v) << 16); });
      return true;
    case DType::i32: cast_each<int32_t>(data, count, out); return true;
    case DType::u32: cast_each<uint32_t>(data, count, out); return true;
    case DType::f32: std::memcpy(out, data, count * sizeof(float)); return true;
    case DType::f64: cast_each<double>(data, count, out); return true;
    case DType::i64: cast_each<int64_t>(data, count, out); return true;
    case DType::u64: cast_each<uint64_t>(data, count, out); return true;
    case DType::c64:
    case DType::f8_e8m0:
    case DType::f8_e4m3fnuz:
    case DType::f8_e5m2fnuz:
    case DType::f6_e2m3:
    case DType::f6_e3m2:
    case DType::f4:
    case DType::q4_0:
    case DType::q4_1:
    case DType::q5_0:
    case DType::q5_1:
    case DType::q8_0:
    case DType::q2_k:
    case DType::q3_k:
    case DType::q4_k:
    case DType::q5_k:
    case DType::q6_k: return false;
  }
  return false;
}

int64_t TensorInfo::elements() const {
  uint64_t product = 1;  // unsigned: [2^62, 2, 0] is legal, and its way to zero must not overflow
  for (const int64_t size : shape) product *= static_cast<uint64_t>(size);
  return static_cast<int64_t>(product);
}

}  // namespace ipa
