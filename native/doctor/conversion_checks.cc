#include "doctor/conversion_checks.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/bfloat16.h"
#include "check/split_mix.h"
#include "cpu/pack/int8.h"
#include "cpu/pack/pairs.h"
#include "doctor/kernel_names.h"
#include "weights/dtype.h"
#include "weights/formats/gguf/ggml_blocks.h"
#include "weights/formats/gguf/ggml_codes.h"

namespace ipa {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

double value_of_half(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double magnitude = exponent == 31  ? (mantissa ? std::numeric_limits<double>::quiet_NaN() : infinite)
                           : exponent == 0 ? std::ldexp(mantissa, -24)
                                           : std::ldexp(1024 + mantissa, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

// To eight bits of mantissa, ties to even.
double nearest_bf16(double x) {
  int exponent;
  const double fraction = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
}

// Of halves that are widened, the share that is not what it stands for; in all lengths up to whole vectors and beyond.
double widen_error(const Kernels& table) {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i * 40503);  // odd: each once
  const auto wrong = [&](size_t first, size_t count) {
    constexpr float guard = 123.0f;
    std::vector<float> wide(count + 1, guard);
    table.widen(halves.data() + first, static_cast<int64_t>(count), wide.data());
    double errors = wide[count] != guard;
    for (size_t i = 0; i < count; ++i) {
      const double expected = value_of_half(halves[first + i]), found = static_cast<double>(wide[i]);
      errors += !(std::isnan(expected) ? std::isnan(found) : found == expected);
    }
    return errors;
  };
  double errors = wrong(0, halves.size());
  for (size_t count = 1; count < 40; ++count) errors += wrong(count * 100, count);
  return errors / static_cast<double>(halves.size());
}

// Numbers of both signs, about as large as `reach`, none of them subnormal.
std::vector<float> drawn(SplitMix64& random, int64_t count, float reach) {
  std::vector<float> numbers(static_cast<size_t>(count));
  for (float& x : numbers) x = static_cast<float>(random.below(1 << 24) - (1 << 23) + 0.5) / (1 << 23) * reach;
  return numbers;
}

// What numbers are rounded to.
struct Target {
  Compute compute;
  double limit;  // the largest integer; 0: bf16
  bool bytes;
};

// How far codes are from the nearest ones, in steps, over the half step that they may be; or the relative error of their scale.
double integer_error(const float* x, int64_t count, double scale, double limit, const int32_t* codes) {
  double largest = 0, error = 0;
  for (int64_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(static_cast<double>(x[i])));
  if (largest == 0) {
    for (int64_t i = 0; i < count; ++i) error += std::fabs(static_cast<double>(codes[i]));
    return scale == 0 ? error : infinite;
  }
  const double right = largest / limit;
  error = std::fabs(scale / right - 1);
  for (int64_t i = 0; i < count; ++i) {
    const double code = codes[i];
    if (std::fabs(code) > limit) return infinite;
    error = std::max(error, std::fabs(static_cast<double>(x[i]) / right - code) - 0.5);
  }
  return std::isfinite(error) ? error : infinite;
}

double bf16_error(const float* x, int64_t count, const BFloat16* rounded) {
  double error = 0;
  for (int64_t i = 0; i < count; ++i)
    error += static_cast<double>(to_float(rounded[i])) != nearest_bf16(static_cast<double>(x[i]));
  return error;
}

template <class T>
std::vector<int32_t> codes_of(const T* codes, int64_t count, int32_t middle = 0) {
  std::vector<int32_t> out(codes, codes + count);
  for (int32_t& code : out) code -= middle;
  return out;
}

double weights_error(const ComputeKernels& kernels, const Target& target) {
  SplitMix64 random(3);
  double error = 0;
  for (const float reach : {1.0f, 3e-5f, 70.0f, 0.0f})
    for (const int64_t count : {1, 3, 7, 8, 15, 16, 17, 33, 63, 64, 65, 100, 1000}) {
      const std::vector<float> x = drawn(random, count, reach);
      // Room for what a type of 16 bits takes, and something behind it that stays.
      std::vector<uint16_t> out(static_cast<size_t>(count) + 1, 0x5a5a);
      const auto scale = static_cast<double>(kernels.round_weights(x.data(), count, out.data()));
      const void* const end = target.bytes
                                  ? static_cast<const void*>(reinterpret_cast<uint8_t*>(out.data()) + count)
                                  : out.data() + count;
      if (*static_cast<const uint8_t*>(end) != 0x5a) return infinite;
      if (target.limit == 0)
        error += bf16_error(x.data(), count, reinterpret_cast<const BFloat16*>(out.data())) + (scale != 1);
      else
        error = std::max(
            error,
            integer_error(x.data(), count, scale, target.limit,
                          target.bytes ? codes_of(reinterpret_cast<const int8_t*>(out.data()), count).data()
                                       : codes_of(reinterpret_cast<const int16_t*>(out.data()), count).data()));
    }
  return error;
}

// Rows that lie apart, one of them zeros, from f32 or bf16.
class RoundedRowsCheck {
 public:
  RoundedRowsCheck(const ComputeKernels& kernels, const Target& target, int64_t k, bool from_bf16)
      : kernels_(kernels), target_(target), k_(k), from_bf16_(from_bf16) {}

  double error() {
    draw();
    round();
    double error = 0;
    for (int64_t row = 0; row < rows; ++row)
      error = target_.limit == 0 ? error + row_error(row) : std::max(error, row_error(row));
    return error;
  }

 private:
  static constexpr int64_t rows = 5;

  void draw() {
    SplitMix64 random(static_cast<uint64_t>(k_));
    stride_ = k_ + 3;
    numbers_ = drawn(random, rows * stride_, 2);
    std::fill_n(numbers_.begin() + 2 * stride_, stride_, 0.0f);
    if (!from_bf16_) return;
    for (float& x : numbers_) x = static_cast<float>(nearest_bf16(static_cast<double>(x)));
    for (const float x : numbers_) narrow_.push_back(to_bfloat16(x));
  }

  void round() {
    QuantizeArgs g;
    g.a = from_bf16_ ? reinterpret_cast<const float*>(narrow_.data()) : numbers_.data();
    g.a_bf16 = from_bf16_;
    g.a_stride = stride_;
    g.rows = rows;
    g.k = k_;
    g.row_size = row_size_ = target_.bytes ? int8_row_bytes(k_) : pairs_row_size(k_);
    rounded_.assign(static_cast<size_t>(rows * row_size_), 0x5a5a);
    scales_.assign(static_cast<size_t>(rows * chunks()), -1);
    g.rounded = rounded_.data();
    g.scales = scales_.data();
    g.block_rows = 2;
    for (int64_t task = 0; task < (rows + 1) / 2; ++task) kernels_.round_rows(g, task, nullptr);
  }

  int64_t chunks() const { return target_.bytes ? 1 : int16_chunks(k_); }

  double row_error(int64_t row) const {
    const float* x = numbers_.data() + row * stride_;
    if (target_.limit == 0) {
      const auto* out = reinterpret_cast<const BFloat16*>(rounded_.data()) + row * row_size_;
      double error = bf16_error(x, k_, out);
      for (int64_t i = k_; i < row_size_; ++i) error += out[i].bits != 0;
      return error;
    }
    const std::vector<int32_t> codes =
        target_.bytes
            ? codes_of(reinterpret_cast<const uint8_t*>(rounded_.data()) + row * row_size_, row_size_, 128)
            : codes_of(reinterpret_cast<const int16_t*>(rounded_.data()) + row * row_size_, row_size_);
    double error = 0;
    for (int64_t i = k_; i < row_size_; ++i)
      if (codes[static_cast<size_t>(i)] != 0) return infinite;
    const int64_t each = target_.bytes ? k_ : int16_chunk;
    for (int64_t first = 0, chunk = 0; first < k_; first += each, ++chunk)
      error = std::max(error,
                       integer_error(x + first, std::min(each, k_ - first),
                                     static_cast<double>(scales_[static_cast<size_t>(row * chunks() + chunk)]),
                                     target_.limit, codes.data() + first));
    return error;
  }

  const ComputeKernels& kernels_;
  const Target& target_;
  const int64_t k_;
  const bool from_bf16_;
  int64_t stride_ = 0, row_size_ = 0;
  std::vector<float> numbers_, scales_;
  std::vector<BFloat16> narrow_;
  std::vector<uint16_t> rounded_;
};

double rows_error(const ComputeKernels& kernels, const Target& target) {
  double error = 0;
  for (const int64_t k : {1, 3, 16, 37, 128, 129, 300})
    for (const bool from_bf16 : {false, true})
      if (!(from_bf16 && target.bytes))
        error = std::max(error, RoundedRowsCheck(kernels, target, k, from_bf16).error());
  return error;
}

// Fields that are not what layouts.h says, over some sizes.
double layout_errors(const Kernels& table) {
  const int lanes = table.panels.lanes, panel = table.panels.panel;
  double errors = 0;
  for (const int64_t tokens : {1, 4, 77, 257, 600, 4096})
    for (const int head_size : {1, 40, 64, 80, 160, 512}) {
      const KvLayout layout = table.kv_layout(tokens, head_size);
      const int padded_head = (head_size + lanes - 1) / lanes * lanes;
      errors += layout.tokens != tokens || layout.head_size != head_size;
      errors += layout.padded_tokens != table.panels.padded(tokens);
      errors += layout.padded_head != padded_head;
      errors += layout.value_panels != (padded_head + panel - 1) / panel;
    }
  return errors;
}

// Integers may be a thousandth of a step from the nearest one: their factor is rounded to f32.
constexpr double step_limit = 1e-3;

constexpr Target targets[] = {{Compute::bf16, 0, false},
                              {Compute::int16, static_cast<double>(int16_limit), false},
                              {Compute::int8_weights, 127, true},
                              {Compute::int8, 127, true}};

// Activations beside weights of bytes are words.
Target rows_target(const Target& target) {
  return target.compute == Compute::int8_weights ? targets[1] : target;
}

}  // namespace

std::vector<ConversionCheck> check_conversions(const Kernels& table, const std::string& wanted) {
  std::vector<ConversionCheck> checks;
  const std::vector<NamedKernel> names = kernels_of(table);
  // A kernel once, under its name; those that share it have the same to do.
  const auto check = [&](auto* kernel, const char* size, double limit, auto error) {
    for (const NamedKernel& named : names) {
      if (named.address != reinterpret_cast<KernelAddress>(kernel)) continue;
      const bool known = std::any_of(checks.begin(), checks.end(),
                                     [&](const ConversionCheck& one) { return one.kernel == named.name; });
      if (known || !(wanted.empty() || wanted == named.name)) return;
      checks.push_back({named.name, size, error(), limit});
    }
  };
  check(table.kv_layout, "36 sizes", 0, [&] { return layout_errors(table); });
  check(table.widen, "all numbers of binary16", 0, [&] { return widen_error(table); });
  for (const Target& target : targets) {
    const ComputeKernels& kernels = table.of(target.compute);
    const double limit = target.limit == 0 ? 0 : step_limit;
    check(kernels.round_weights, "52 rows", limit, [&] { return weights_error(kernels, target); });
    check(kernels.round_rows, "5 rows in 7 lengths", limit,
          [&] { return rows_error(kernels, rows_target(target)); });
  }
  return checks;
}

namespace {

// Random bytes but for the scales, which are finite.
std::vector<uint8_t> drawn_blocks(DType type, size_t count) {
  const BlockLayout layout = block_layout(type);
  SplitMix64 random(static_cast<uint64_t>(type));
  std::vector<uint8_t> bytes(count * layout.bytes);
  // No half of any two bytes is infinite where each second byte is below 0x7c.
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<uint8_t>(random.below(i % 2 == 0 ? 256 : 0x50));
  return bytes;
}

double block_error(DType type) {
  constexpr size_t count = 8;
  const size_t values = count * block_layout(type).values;
  const std::vector<uint8_t> bytes = drawn_blocks(type, count);
  std::vector<float> read(values);
  BlockCodes codes;
  if (!dequantise_blocks(type, bytes.data(), count, read.data()) ||
      !split_blocks(type, bytes.data(), count, codes))
    return infinite;
  double error = 0, largest = 0;
  for (size_t i = 0; i < values; ++i) {
    const BlockCodes::Outer outer = codes.outer_of(i);
    const BlockCodes::Inner inner = codes.inner_of(i);
    const double right =
        value_of_half(outer.scale) * inner.scale * codes.codes[i] + value_of_half(outer.offset) * inner.offset;
    error = std::max(error, std::fabs(static_cast<double>(read[i]) - right));
    largest = std::max(largest, std::fabs(right));
  }
  return largest > 0 ? error / largest : infinite;
}

}  // namespace

std::vector<ConversionCheck> check_blocks() {
  // Products are exact, a sum rounds once.
  constexpr double limit = 1.0 / (1 << 24);
  std::vector<ConversionCheck> checks;
  for (const DType type : {DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1, DType::q2_k,
                           DType::q3_k, DType::q4_k, DType::q5_k, DType::q6_k})
    checks.push_back({"", dtype_name(type), block_error(type), limit});
  return checks;
}

}  // namespace ipa
