// Vectors of AVX2 with FMA. Included inside an instruction set's namespace and target region (kernels_avx2.cc).
using V = __m256;
constexpr int L = 8;
constexpr int kTileRows = 6, kTileVectors = 2;

inline __m256i part_mask(int n) {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), index);
}
inline V load(const float* p) { return _mm256_loadu_ps(p); }
inline V load_part(const float* p, int n) { return _mm256_maskload_ps(p, part_mask(n)); }
inline void store(float* p, V x) { _mm256_storeu_ps(p, x); }
inline void store_part(float* p, V x, int n) { _mm256_maskstore_ps(p, part_mask(n), x); }
inline V set1(float x) { return _mm256_set1_ps(x); }
inline V add(V a, V b) { return _mm256_add_ps(a, b); }
inline V sub(V a, V b) { return _mm256_sub_ps(a, b); }
inline V mul(V a, V b) { return _mm256_mul_ps(a, b); }
inline V div(V a, V b) { return _mm256_div_ps(a, b); }
inline V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
inline V max(V a, V b) { return _mm256_max_ps(a, b); }
inline V min(V a, V b) { return _mm256_min_ps(a, b); }
inline V abs(V a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
inline V round_even(V a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// x * 2^n for integral n in [-126, 127].
inline V scale2(V x, V n) {
  const __m256i exponent =
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(x, _mm256_castsi256_ps(exponent));
}
// What x is above the next whole number below, and y times 2 to that number, 0 where it is too small a float.
inline V above_floor(V x) { return sub(x, _mm256_floor_ps(x)); }
inline V times_exp2_floor(V y, V x) { return scale2(y, max(_mm256_floor_ps(x), set1(-126.0f))); }
// a < b ? x : y
inline V select_less(V a, V b, V x, V y) { return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
inline V copy_sign(V magnitude, V sign) {
  const V mask = _mm256_set1_ps(-0.0f);
  return _mm256_or_ps(_mm256_andnot_ps(mask, magnitude), _mm256_and_ps(mask, sign));
}
inline float reduce_add(V a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  s = _mm_add_ss(s, _mm_shuffle_ps(s, s, 1));
  return _mm_cvtss_f32(s);
}
inline float reduce_max(V a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  s = _mm_max_ss(s, _mm_shuffle_ps(s, s, 1));
  return _mm_cvtss_f32(s);
}

// Integers for int8 products: sums of four products of unsigned and signed bytes.
// IPA_VNNI: by one instruction, else in two halves of 16 bits so that none saturates.
using VI = __m256i;
inline VI zero_int() { return _mm256_setzero_si256(); }
#if defined(IPA_VNNI)
constexpr bool kFastBytes = true;
using A4 = __m256i;
using B4 = __m256i;
inline A4 broadcast_bytes(const uint8_t* p) {
  int32_t four;
  std::memcpy(&four, p, 4);
  return _mm256_set1_epi32(four);
}
inline B4 load_bytes(const int8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline VI dot4(VI acc, A4 a, B4 b) {
#if defined(__GNUC__) && !defined(__clang__)
  // gcc 12 copies the accumulators of the intrinsic back and forth.
  __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b));
  return acc;
#else
  return _mm256_dpbusd_avx_epi32(acc, a, b);
#endif
}
#else
constexpr bool kFastBytes = false;
struct Halves {
  __m256i even, odd;
};
using A4 = Halves;
using B4 = Halves;
inline A4 broadcast_bytes(const uint8_t* p) {
  int32_t four;
  std::memcpy(&four, p, 4);
  const __m256i x = _mm256_set1_epi32(four);
  return {_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(x, 8)};
}
inline B4 load_bytes(const int8_t* p) {
  const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8), _mm256_srai_epi16(x, 8)};
}
inline VI dot4(VI acc, A4 a, B4 b) {
  acc = _mm256_add_epi32(acc, _mm256_madd_epi16(a.even, b.even));
  return _mm256_add_epi32(acc, _mm256_madd_epi16(a.odd, b.odd));
}
#endif
// Sums of two products of signed 16-bit words.
using W2 = __m256i;
inline W2 broadcast_pair(const int16_t* p) {
  int32_t two;
  std::memcpy(&two, p, 4);
  return _mm256_set1_epi32(two);
}
inline W2 load_pairs(const int16_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline W2 load_pairs(const int8_t* p) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline VI dot2(VI acc, W2 a, W2 b) {
#if defined(IPA_VNNI) && defined(__GNUC__) && !defined(__clang__)
  __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b));  // as in dot4
  return acc;
#elif defined(IPA_VNNI)
  return _mm256_dpwssd_avx_epi32(acc, a, b);
#else
  return _mm256_add_epi32(acc, _mm256_madd_epi16(a, b));
#endif
}
inline V load(const BFloat16* p) {
  const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(words), 16));
}
// Sums of two products of bf16, in f32.
constexpr bool kFastBf16 = false;
struct H2 {
  V even, odd;
};
inline H2 split_pairs(__m256i x) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(x, 16)),
          _mm256_castsi256_ps(_mm256_and_si256(x, _mm256_set1_epi32(static_cast<int>(0xffff0000u))))};
}
inline H2 load_pairs(const BFloat16* p) {
  return split_pairs(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline H2 broadcast_pair(const BFloat16* p) {
  int32_t two;
  std::memcpy(&two, p, 4);
  return split_pairs(_mm256_set1_epi32(two));
}
inline V dot2(V acc, H2 a, H2 b) { return fma(a.even, b.even, fma(a.odd, b.odd, acc)); }
inline V even_to_float(H2 x) { return x.even; }
inline V odd_to_float(H2 x) { return x.odd; }
// In the upper half of every lane.
inline __m256i rounded_bf16(V x) {
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  return _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
}
inline void store(BFloat16* p, V x) {
  const __m256i words = _mm256_srli_epi32(rounded_bf16(x), 16);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}
inline void store(BFloat16* p, V x, V y) {
  store(p, x);
  store(p + L, y);
}
inline void store_pairs(BFloat16* p, V even, V odd) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm256_blend_epi16(_mm256_srli_epi32(rounded_bf16(even), 16), rounded_bf16(odd), 0xaa));
}
// From -128 to 127.
inline void store_signed_bytes(int8_t* p, VI x) {
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(words, words));
}
inline V int_to_float(VI a) { return _mm256_cvtepi32_ps(a); }
inline VI round_int(V x) { return _mm256_cvtps_epi32(x); }
inline VI add_int(VI a, VI b) { return _mm256_add_epi32(a, b); }
// The first and the second word of every pair.
inline V even_to_float(W2 x) { return _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(x, 16), 16)); }
inline V odd_to_float(W2 x) { return _mm256_cvtepi32_ps(_mm256_srai_epi32(x, 16)); }
inline void store_pairs(int16_t* p, VI even, VI odd) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm256_blend_epi16(even, _mm256_slli_epi32(odd, 16), 0xaa));
}
// From -32768 to 32767.
inline void store_words(int16_t* p, VI x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1)));
}

inline V difference_to_float(VI a, const int32_t* b) {
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(a, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b))));
}
// Whole numbers from 0 to 255.
inline void store_bytes(uint8_t* p, V x) {
  const __m256i wide = _mm256_cvtps_epi32(x);
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
}

// IEEE binary16 in memory.
inline V load_half(const uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
