// "Vectors" in plain C++ for every machine: four lanes, so that a compiler may use whatever its baseline has.
// Four lanes are no register here: unrolled, nothing would be inlined any more.
#undef IPA_UNROLL
#define IPA_UNROLL
// Compilers give up inlining these in so large a file, which makes everything many times slower.
#if defined(__GNUC__)
#define IPA_FORCE_INLINE inline __attribute__((always_inline))
#else
#define IPA_FORCE_INLINE inline
#endif
struct V {
  float lane[4];
};
constexpr int L = 4;
constexpr int kTileRows = 4, kTileVectors = 2;

template <class F>
IPA_FORCE_INLINE V each(F f) {
  V r;
  for (int i = 0; i < L; ++i) r.lane[i] = f(i);
  return r;
}
IPA_FORCE_INLINE V load(const float* p) {
  return each([=](int i) { return p[i]; });
}
IPA_FORCE_INLINE V load_part(const float* p, int n) {
  return each([=](int i) { return i < n ? p[i] : 0.0f; });
}
IPA_FORCE_INLINE void store(float* p, V x) {
  for (int i = 0; i < L; ++i) p[i] = x.lane[i];
}
IPA_FORCE_INLINE void store_part(float* p, V x, int n) {
  for (int i = 0; i < n; ++i) p[i] = x.lane[i];
}
IPA_FORCE_INLINE V set1(float x) {
  return each([=](int) { return x; });
}
IPA_FORCE_INLINE V add(V a, V b) {
  return each([=](int i) { return a.lane[i] + b.lane[i]; });
}
IPA_FORCE_INLINE V sub(V a, V b) {
  return each([=](int i) { return a.lane[i] - b.lane[i]; });
}
IPA_FORCE_INLINE V mul(V a, V b) {
  return each([=](int i) { return a.lane[i] * b.lane[i]; });
}
IPA_FORCE_INLINE V div(V a, V b) {
  return each([=](int i) { return a.lane[i] / b.lane[i]; });
}
// Two roundings where the other instruction sets have one.
IPA_FORCE_INLINE V fma(V a, V b, V c) {
  return each([=](int i) { return a.lane[i] * b.lane[i] + c.lane[i]; });
}
IPA_FORCE_INLINE V max(V a, V b) {
  return each([=](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
IPA_FORCE_INLINE V min(V a, V b) {
  return each([=](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
}
IPA_FORCE_INLINE V abs(V a) {
  return each([=](int i) { return std::fabs(a.lane[i]); });
}
IPA_FORCE_INLINE V round_even(V a) {
  return each([=](int i) { return std::nearbyintf(a.lane[i]); });
}
// x * 2^n for integral n in [-126, 127].
IPA_FORCE_INLINE V scale2(V x, V n) {
  return each([=](int i) {
    const uint32_t bits = static_cast<uint32_t>(static_cast<int32_t>(n.lane[i]) + 127) << 23;
    float factor;
    std::memcpy(&factor, &bits, sizeof factor);
    return x.lane[i] * factor;
  });
}
IPA_FORCE_INLINE V floor_of(V x) {
  return each([=](int i) { return std::floor(x.lane[i]); });
}
// What x is above the next whole number below, and y times 2 to that number, 0 where it is too small a float.
IPA_FORCE_INLINE V above_floor(V x) { return sub(x, floor_of(x)); }
IPA_FORCE_INLINE V times_exp2_floor(V y, V x) { return scale2(y, max(floor_of(x), set1(-126.0f))); }
// a < b ? x : y
IPA_FORCE_INLINE V select_less(V a, V b, V x, V y) {
  return each([=](int i) { return a.lane[i] < b.lane[i] ? x.lane[i] : y.lane[i]; });
}
IPA_FORCE_INLINE V copy_sign(V magnitude, V sign) {
  return each([=](int i) { return std::copysign(magnitude.lane[i], sign.lane[i]); });
}
IPA_FORCE_INLINE float reduce_add(V a) { return (a.lane[0] + a.lane[2]) + (a.lane[1] + a.lane[3]); }
IPA_FORCE_INLINE float reduce_max(V a) {
  const V b = max(a, V{{a.lane[2], a.lane[3], a.lane[2], a.lane[3]}});
  return b.lane[0] > b.lane[1] ? b.lane[0] : b.lane[1];
}

// Integers for int8 products: four lanes of 32 bits; sums of four products of unsigned and signed bytes.
constexpr bool kFastBytes = false;
struct VI {
  int32_t lane[4];
};
using A4 = const uint8_t*;  // four bytes of a row
using B4 = const int8_t*;   // four bytes of each of L columns
IPA_FORCE_INLINE VI zero_int() { return VI{{0, 0, 0, 0}}; }
inline A4 broadcast_bytes(const uint8_t* p) { return p; }
inline B4 load_bytes(const int8_t* p) { return p; }
IPA_FORCE_INLINE VI dot4(VI acc, A4 a, B4 b) {
  for (int i = 0; i < L; ++i)
    for (int j = 0; j < 4; ++j) acc.lane[i] += static_cast<int32_t>(a[j]) * b[4 * i + j];
  return acc;
}
// Sums of two products of signed 16-bit words.
struct W2 {
  int16_t lane[2 * L];
};
IPA_FORCE_INLINE W2 broadcast_pair(const int16_t* p) {
  W2 pair;
  for (int i = 0; i < 2 * L; ++i) pair.lane[i] = p[i % 2];
  return pair;
}
IPA_FORCE_INLINE W2 load_pairs(const int16_t* p) {
  W2 pairs;
  std::memcpy(pairs.lane, p, sizeof pairs.lane);
  return pairs;
}
IPA_FORCE_INLINE W2 load_pairs(const int8_t* p) {
  W2 pairs;
  for (int i = 0; i < 2 * L; ++i) pairs.lane[i] = p[i];
  return pairs;
}
IPA_FORCE_INLINE VI dot2(VI acc, W2 a, W2 b) {
  for (int i = 0; i < L; ++i)
    acc.lane[i] += static_cast<int32_t>(a.lane[2 * i]) * b.lane[2 * i] +
                   static_cast<int32_t>(a.lane[2 * i + 1]) * b.lane[2 * i + 1];
  return acc;
}
IPA_FORCE_INLINE V load(const BFloat16* p) {
  return each([=](int i) { return to_float(p[i]); });
}
// Sums of two products of bf16, in f32.
constexpr bool kFastBf16 = false;
struct H2 {
  uint16_t lane[2 * L];
};
IPA_FORCE_INLINE float widened(uint16_t x) { return to_float(BFloat16{x}); }
IPA_FORCE_INLINE H2 load_pairs(const BFloat16* p) {
  H2 pairs;
  std::memcpy(pairs.lane, p, sizeof pairs.lane);
  return pairs;
}
IPA_FORCE_INLINE H2 broadcast_pair(const BFloat16* p) {
  H2 pair;
  for (int i = 0; i < 2 * L; ++i) pair.lane[i] = p[i % 2].bits;
  return pair;
}
IPA_FORCE_INLINE V even_to_float(H2 x) {
  return each([=](int i) { return widened(x.lane[2 * i]); });
}
IPA_FORCE_INLINE V odd_to_float(H2 x) {
  return each([=](int i) { return widened(x.lane[2 * i + 1]); });
}
IPA_FORCE_INLINE V dot2(V acc, H2 a, H2 b) {
  return fma(even_to_float(a), even_to_float(b), fma(odd_to_float(a), odd_to_float(b), acc));
}
IPA_FORCE_INLINE void store(BFloat16* p, V x) {
  for (int i = 0; i < L; ++i) p[i] = to_bfloat16(x.lane[i]);
}
IPA_FORCE_INLINE void store(BFloat16* p, V x, V y) {
  store(p, x);
  store(p + L, y);
}
IPA_FORCE_INLINE void store_pairs(BFloat16* p, V even, V odd) {
  for (int i = 0; i < L; ++i) {
    p[2 * i] = to_bfloat16(even.lane[i]);
    p[2 * i + 1] = to_bfloat16(odd.lane[i]);
  }
}
// From -128 to 127.
IPA_FORCE_INLINE void store_signed_bytes(int8_t* p, VI x) {
  for (int i = 0; i < L; ++i) p[i] = static_cast<int8_t>(x.lane[i]);
}
IPA_FORCE_INLINE V int_to_float(VI a) {
  return each([=](int i) { return static_cast<float>(a.lane[i]); });
}
// To nearest, ties to even; what is no number becomes the least.
IPA_FORCE_INLINE VI round_int(V x) {
  VI r;
  for (int i = 0; i < L; ++i)
    r.lane[i] = x.lane[i] > -2147483648.0f ? static_cast<int32_t>(std::nearbyintf(x.lane[i])) : INT32_MIN;
  return r;
}
IPA_FORCE_INLINE VI add_int(VI a, VI b) {
  for (int i = 0; i < L; ++i) a.lane[i] += b.lane[i];
  return a;
}
// The first and the second word of every pair.
IPA_FORCE_INLINE V even_to_float(W2 x) {
  return each([=](int i) { return static_cast<float>(x.lane[2 * i]); });
}
IPA_FORCE_INLINE V odd_to_float(W2 x) {
  return each([=](int i) { return static_cast<float>(x.lane[2 * i + 1]); });
}
IPA_FORCE_INLINE void store_pairs(int16_t* p, VI even, VI odd) {
  for (int i = 0; i < L; ++i) {
    p[2 * i] = static_cast<int16_t>(even.lane[i]);
    p[2 * i + 1] = static_cast<int16_t>(odd.lane[i]);
  }
}
// From -32768 to 32767.
IPA_FORCE_INLINE void store_words(int16_t* p, VI x) {
  for (int i = 0; i < L; ++i) p[i] = static_cast<int16_t>(x.lane[i]);
}

IPA_FORCE_INLINE V difference_to_float(VI a, const int32_t* b) {
  return each([=](int i) { return static_cast<float>(a.lane[i] - b[i]); });
}
// Whole numbers from 0 to 255.
IPA_FORCE_INLINE void store_bytes(uint8_t* p, V x) {
  for (int i = 0; i < L; ++i) p[i] = x.lane[i] > 0.0f ? static_cast<uint8_t>(x.lane[i]) : uint8_t{0};
}

// IEEE binary16 in memory.
IPA_FORCE_INLINE V load_half(const uint16_t* p) {
  return each([=](int i) { return f16_to_f32(p[i]); });
}
