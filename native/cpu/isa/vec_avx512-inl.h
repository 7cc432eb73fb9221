// Vectors of AVX-512. Included inside an instruction set's namespace and target region (kernels_avx512.cc).
#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes the deliberately undefined operands inside its own intrinsics for a mistake (gcc bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
using V = __m512;
constexpr int L = 16;
constexpr int kTileRows = 6, kTileVectors = 4;

inline V load(const float* p) { return _mm512_loadu_ps(p); }
inline V load_part(const float* p, int n) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
}
inline void store(float* p, V x) { _mm512_storeu_ps(p, x); }
inline void store_part(float* p, V x, int n) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), x);
}
inline V set1(float x) { return _mm512_set1_ps(x); }
inline V add(V a, V b) { return _mm512_add_ps(a, b); }
inline V sub(V a, V b) { return _mm512_sub_ps(a, b); }
inline V mul(V a, V b) { return _mm512_mul_ps(a, b); }
inline V div(V a, V b) { return _mm512_div_ps(a, b); }
inline V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
inline V max(V a, V b) { return _mm512_max_ps(a, b); }
inline V min(V a, V b) { return _mm512_min_ps(a, b); }
inline V abs(V a) { return _mm512_abs_ps(a); }
inline V round_even(V a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// x * 2^n for integral n in [-126, 127].
inline V scale2(V x, V n) { return _mm512_scalef_ps(x, n); }
// What x is above the next whole number below, and y times 2 to that number, 0 where it is too small a float.
inline V above_floor(V x) { return _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
inline V times_exp2_floor(V y, V x) { return _mm512_scalef_ps(y, x); }
// a < b ? x : y
inline V select_less(V a, V b, V x, V y) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
inline V copy_sign(V magnitude, V sign) {
  const __m512i mask = _mm512_set1_epi32(static_cast<int>(0x80000000u));
  return _mm512_castsi512_ps(_mm512_or_si512(_mm512_andnot_si512(mask, _mm512_castps_si512(magnitude)),
                                             _mm512_and_si512(mask, _mm512_castps_si512(sign))));
}
inline float reduce_add(V a) { return _mm512_reduce_add_ps(a); }
inline float reduce_max(V a) { return _mm512_reduce_max_ps(a); }

// Integers for int8 products: sums of four products of unsigned and signed bytes.
// IPA_VNNI: by one instruction, else in two halves of 16 bits so that none saturates.
using VI = __m512i;
inline VI zero_int() { return _mm512_setzero_si512(); }
#if defined(IPA_VNNI)
constexpr bool kFastBytes = true;
using A4 = __m512i;
using B4 = __m512i;
inline A4 broadcast_bytes(const uint8_t* p) {
  int32_t four;
  std::memcpy(&four, p, 4);
  return _mm512_set1_epi32(four);
}
inline B4 load_bytes(const int8_t* p) { return _mm512_loadu_si512(p); }
inline VI dot4(VI acc, A4 a, B4 b) {
#if defined(__GNUC__)
  // gcc 12 copies the accumulators of the intrinsic back and forth, at half the speed.
  __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
  return acc;
#else
  return _mm512_dpbusd_epi32(acc, a, b);
#endif
}
#else
constexpr bool kFastBytes = false;
struct Halves {
  __m512i even, odd;
};
using A4 = Halves;
using B4 = Halves;
inline A4 broadcast_bytes(const uint8_t* p) {
  int32_t four;
  std::memcpy(&four, p, 4);
  const __m512i x = _mm512_set1_epi32(four);
  return {_mm512_and_si512(x, _mm512_set1_epi16(0xff)), _mm512_srli_epi16(x, 8)};
}
inline B4 load_bytes(const int8_t* p) {
  const __m512i x = _mm512_loadu_si512(p);
  return {_mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8), _mm512_srai_epi16(x, 8)};
}
inline VI dot4(VI acc, A4 a, B4 b) {
  acc = _mm512_add_epi32(acc, _mm512_madd_epi16(a.even, b.even));
  return _mm512_add_epi32(acc, _mm512_madd_epi16(a.odd, b.odd));
}
#endif
// Sums of two products of signed 16-bit words.
using W2 = __m512i;
inline W2 broadcast_pair(const int16_t* p) {
  int32_t two;
  std::memcpy(&two, p, 4);
  return _mm512_set1_epi32(two);
}
inline W2 load_pairs(const int16_t* p) { return _mm512_loadu_si512(p); }
inline W2 load_pairs(const int8_t* p) {
  return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline VI dot2(VI acc, W2 a, W2 b) {
#if defined(IPA_VNNI) && defined(__GNUC__)
  __asm__("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));  // as in dot4
  return acc;
#elif defined(IPA_VNNI)
  return _mm512_dpwssd_epi32(acc, a, b);
#else
  return _mm512_add_epi32(acc, _mm512_madd_epi16(a, b));
#endif
}
inline V load(const BFloat16* p) {
  const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16));
}
// Sums of two products of bf16; what lies between the products and the sum is rounded as the instruction does.
#if defined(IPA_BF16)
constexpr bool kFastBf16 = true;
using H2 = __m512bh;
inline H2 load_pairs(const BFloat16* p) { return reinterpret_cast<H2>(_mm512_loadu_si512(p)); }
inline H2 broadcast_pair(const BFloat16* p) {
  int32_t two;
  std::memcpy(&two, p, 4);
  return reinterpret_cast<H2>(_mm512_set1_epi32(two));
}
inline V dot2(V acc, H2 a, H2 b) {
#if defined(__GNUC__)
  __asm__("vdpbf16ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));  // as in dot4
  return acc;
#else
  return _mm512_dpbf16_ps(acc, a, b);
#endif
}
inline V even_to_float(H2 x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(reinterpret_cast<__m512i>(x), 16));
}
inline V odd_to_float(H2 x) {
  return _mm512_castsi512_ps(
      _mm512_and_si512(reinterpret_cast<__m512i>(x), _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
}
inline void store(BFloat16* p, V x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
}
inline void store(BFloat16* p, V x, V y) {
  _mm512_storeu_si512(p, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(y, x)));
}
inline void store_pairs(BFloat16* p, V even, V odd) {
  // Element i of either half to 2 i and 2 i + 1.
  alignas(64) static constexpr uint16_t order[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                     21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                     11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const auto halves = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even));
  _mm512_storeu_si512(p, _mm512_permutexvar_epi16(_mm512_load_si512(order), halves));
}
#else
constexpr bool kFastBf16 = false;
struct H2 {
  V even, odd;
};
inline H2 split_pairs(__m512i x) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(x, 16)),
          _mm512_castsi512_ps(_mm512_and_si512(x, _mm512_set1_epi32(static_cast<int>(0xffff0000u))))};
}
inline H2 load_pairs(const BFloat16* p) { return split_pairs(_mm512_loadu_si512(p)); }
inline H2 broadcast_pair(const BFloat16* p) {
  int32_t two;
  std::memcpy(&two, p, 4);
  return split_pairs(_mm512_set1_epi32(two));
}
inline V dot2(V acc, H2 a, H2 b) { return fma(a.even, b.even, fma(a.odd, b.odd, acc)); }
inline V even_to_float(H2 x) { return x.even; }
inline V odd_to_float(H2 x) { return x.odd; }
// In the upper half of every lane.
inline __m512i rounded_bf16(V x) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  return _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
}
inline void store(BFloat16* p, V x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded_bf16(x), 16)));
}
inline void store(BFloat16* p, V x, V y) {
  store(p, x);
  store(p + L, y);
}
inline void store_pairs(BFloat16* p, V even, V odd) {
  _mm512_storeu_si512(
      p, _mm512_mask_blend_epi16(0xaaaaaaaau, _mm512_srli_epi32(rounded_bf16(even), 16), rounded_bf16(odd)));
}
#endif
// Half vectors of pairs: where the upper half would be padding they take half the time (head size 40).
#if defined(IPA_BF16)
#define IPA_HALF_VECTORS
template <class T>
struct HalfPairs;
template <>
struct HalfPairs<int16_t> {
  using Sum = __m256i;
  using Pair = __m256i;
  static Sum zero() { return _mm256_setzero_si256(); }
  static Pair load(const int16_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static Pair lower(W2 x) { return _mm512_castsi512_si256(x); }
  static Sum dot(Sum acc, Pair a, Pair b) {
#if defined(__GNUC__)
    __asm__("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
    return acc;
#else
    return _mm256_dpwssd_epi32(acc, a, b);
#endif
  }
  static __m256 total(Sum sum) { return _mm256_cvtepi32_ps(sum); }
};
template <>
struct HalfPairs<BFloat16> {
  using Sum = __m256;
  using Pair = __m256bh;
  static Sum zero() { return _mm256_setzero_ps(); }
  static Pair load(const BFloat16* p) {
    return reinterpret_cast<Pair>(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static Pair lower(H2 x) {
    return reinterpret_cast<Pair>(_mm512_castsi512_si256(reinterpret_cast<__m512i>(x)));
  }
  static Sum dot(Sum acc, Pair a, Pair b) {
#if defined(__GNUC__)
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
    return acc;
#else
    return _mm256_dpbf16_ps(acc, a, b);
#endif
  }
  static __m256 total(Sum sum) { return sum; }
};
inline void store_half(float* p, __m256 x, bool accumulate) {
  _mm256_storeu_ps(p, accumulate ? _mm256_add_ps(x, _mm256_loadu_ps(p)) : x);
}
#endif
// From -128 to 127.
inline void store_signed_bytes(int8_t* p, VI x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(x));
}
inline V int_to_float(VI a) { return _mm512_cvtepi32_ps(a); }
inline VI round_int(V x) { return _mm512_cvtps_epi32(x); }
inline VI add_int(VI a, VI b) { return _mm512_add_epi32(a, b); }
// The first and the second word of every pair.
inline V even_to_float(W2 x) { return _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(x, 16), 16)); }
inline V odd_to_float(W2 x) { return _mm512_cvtepi32_ps(_mm512_srai_epi32(x, 16)); }
inline void store_pairs(int16_t* p, VI even, VI odd) {
  _mm512_storeu_si512(p, _mm512_mask_blend_epi16(0xaaaaaaaau, even, _mm512_slli_epi32(odd, 16)));
}
// From -32768 to 32767.
inline void store_words(int16_t* p, VI x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(x));
}

inline V difference_to_float(VI a, const int32_t* b) {
  return _mm512_cvtepi32_ps(_mm512_sub_epi32(a, _mm512_loadu_si512(b)));
}
// Whole numbers from 0 to 255.
inline void store_bytes(uint8_t* p, V x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x)));
}

// IEEE binary16 in memory.
inline V load_half(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
