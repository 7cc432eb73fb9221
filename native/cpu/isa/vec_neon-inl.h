// Vectors of ARMv8 NEON. Included inside an instruction set's namespace (kernels_neon.cc).
using V = float32x4_t;
constexpr int L = 4;
constexpr int kTileRows = 6, kTileVectors = 4;

inline V load(const float* p) { return vld1q_f32(p); }
inline V load_part(const float* p, int n) {
  float lanes[4] = {0, 0, 0, 0};
  for (int i = 0; i < n; ++i) lanes[i] = p[i];
  return vld1q_f32(lanes);
}
inline void store(float* p, V x) { vst1q_f32(p, x); }
inline void store_part(float* p, V x, int n) {
  float lanes[4];
  vst1q_f32(lanes, x);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}
inline V set1(float x) { return vdupq_n_f32(x); }
inline V add(V a, V b) { return vaddq_f32(a, b); }
inline V sub(V a, V b) { return vsubq_f32(a, b); }
inline V mul(V a, V b) { return vmulq_f32(a, b); }
inline V div(V a, V b) { return vdivq_f32(a, b); }
inline V fma(V a, V b, V c) { return vfmaq_f32(c, a, b); }
inline V max(V a, V b) { return vmaxq_f32(a, b); }
inline V min(V a, V b) { return vminq_f32(a, b); }
inline V abs(V a) { return vabsq_f32(a); }
inline V round_even(V a) { return vrndnq_f32(a); }
// x * 2^n for integral n in [-126, 127].
inline V scale2(V x, V n) {
  const int32x4_t exponent = vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23);
  return vmulq_f32(x, vreinterpretq_f32_s32(exponent));
}
// What x is above the next whole number below, and y times 2 to that number, 0 where it is too small a float.
inline V above_floor(V x) { return sub(x, vrndmq_f32(x)); }
inline V times_exp2_floor(V y, V x) { return scale2(y, max(vrndmq_f32(x), set1(-126.0f))); }
// a < b ? x : y
inline V select_less(V a, V b, V x, V y) { return vbslq_f32(vcltq_f32(a, b), x, y); }
inline V copy_sign(V magnitude, V sign) { return vbslq_f32(vdupq_n_u32(0x80000000u), sign, magnitude); }
inline float reduce_add(V a) { return vaddvq_f32(a); }
inline float reduce_max(V a) { return vmaxvq_f32(a); }

// Integers for int8 products: sums of four products of unsigned and signed bytes.
// IPA_DOT: by one instruction of signed bytes, which leaves nothing to subtract.
using VI = int32x4_t;
inline VI zero_int() { return vdupq_n_s32(0); }
#if defined(IPA_DOT)
constexpr bool kFastBytes = true;
using A4 = int8x16_t;
using B4 = int8x16_t;
inline A4 broadcast_bytes(const uint8_t* p) {
  uint32_t four;
  std::memcpy(&four, p, 4);
  return vreinterpretq_s8_u32(vdupq_n_u32(four ^ 0x80808080u));
}
inline B4 load_bytes(const int8_t* p) { return vld1q_s8(p); }
inline VI dot4(VI acc, A4 a, B4 b) { return vdotq_s32(acc, a, b); }
inline V difference_to_float(VI a, const int32_t*) { return vcvtq_f32_s32(a); }
#else
constexpr bool kFastBytes = false;
using A4 = int16x4_t;
struct B4 {
  int16x8_t low, high;  // columns 0 and 1, 2 and 3
};
inline A4 broadcast_bytes(const uint8_t* p) {
  const int16_t four[4] = {p[0], p[1], p[2], p[3]};
  return vld1_s16(four);
}
inline B4 load_bytes(const int8_t* p) {
  const int8x16_t x = vld1q_s8(p);
  return {vmovl_s8(vget_low_s8(x)), vmovl_s8(vget_high_s8(x))};
}
inline VI dot4(VI acc, A4 a, B4 b) {
  const int32x4_t c0 = vmull_s16(a, vget_low_s16(b.low)), c1 = vmull_s16(a, vget_high_s16(b.low));
  const int32x4_t c2 = vmull_s16(a, vget_low_s16(b.high)), c3 = vmull_s16(a, vget_high_s16(b.high));
  return vaddq_s32(acc, vpaddq_s32(vpaddq_s32(c0, c1), vpaddq_s32(c2, c3)));
}
inline V difference_to_float(VI a, const int32_t* b) { return vcvtq_f32_s32(vsubq_s32(a, vld1q_s32(b))); }
#endif
// Sums of two products of signed 16-bit words.
using W2 = int16x8_t;
inline W2 broadcast_pair(const int16_t* p) {
  int32_t two;
  std::memcpy(&two, p, 4);
  return vreinterpretq_s16_s32(vdupq_n_s32(two));
}
inline W2 load_pairs(const int16_t* p) { return vld1q_s16(p); }
inline W2 load_pairs(const int8_t* p) { return vmovl_s8(vld1_s8(p)); }
inline VI dot2(VI acc, W2 a, W2 b) {
  return vaddq_s32(acc, vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)),
                                   vmull_s16(vget_high_s16(a), vget_high_s16(b))));
}
// By memcpy, like all access to bf16: attention writes it over floats,
// and what is loaded and stored by the pointers of vectors may be reordered around that.
inline V load(const BFloat16* p) {
  uint16x4_t words;
  std::memcpy(&words, p, sizeof words);
  return vreinterpretq_f32_u32(vshll_n_u16(words, 16));
}
// Sums of two products of bf16: by one instruction (IPA_BF16), or in f32.
inline uint32x4_t pair_bits(const BFloat16* p) {
  uint32_t two;
  std::memcpy(&two, p, 4);
  return vdupq_n_u32(two);
}
inline uint32x4_t pairs_bits(const BFloat16* p) {
  uint32x4_t pairs;
  std::memcpy(&pairs, p, sizeof pairs);
  return pairs;
}
inline V even_bits_to_float(uint32x4_t x) { return vreinterpretq_f32_u32(vshlq_n_u32(x, 16)); }
inline V odd_bits_to_float(uint32x4_t x) {
  return vreinterpretq_f32_u32(vandq_u32(x, vdupq_n_u32(0xffff0000u)));
}
#if defined(IPA_BF16)
constexpr bool kFastBf16 = true;
using H2 = bfloat16x8_t;
inline H2 load_pairs(const BFloat16* p) { return vreinterpretq_bf16_u32(pairs_bits(p)); }
inline H2 broadcast_pair(const BFloat16* p) {
  uint32x4_t pair = pair_bits(p);
#if defined(__GNUC__) && !defined(__clang__)
  __asm__("" : "+w"(pair));  // gcc 12 makes a constant 1 of bf16 with the bits of a half-precision one
#endif
  return vreinterpretq_bf16_u32(pair);
}
inline V dot2(V acc, H2 a, H2 b) { return vbfdotq_f32(acc, a, b); }
inline V even_to_float(H2 x) { return even_bits_to_float(vreinterpretq_u32_bf16(x)); }
inline V odd_to_float(H2 x) { return odd_bits_to_float(vreinterpretq_u32_bf16(x)); }
#else
constexpr bool kFastBf16 = false;
struct H2 {
  V even, odd;
};
inline H2 load_pairs(const BFloat16* p) {
  const uint32x4_t x = pairs_bits(p);
  return {even_bits_to_float(x), odd_bits_to_float(x)};
}
inline H2 broadcast_pair(const BFloat16* p) {
  const uint32x4_t x = pair_bits(p);
  return {even_bits_to_float(x), odd_bits_to_float(x)};
}
inline V dot2(V acc, H2 a, H2 b) { return fma(a.even, b.even, fma(a.odd, b.odd, acc)); }
inline V even_to_float(H2 x) { return x.even; }
inline V odd_to_float(H2 x) { return x.odd; }
#endif
inline uint16x4_t rounded_bf16(V x) {
  const uint32x4_t bits = vreinterpretq_u32_f32(x);
  const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  return vshrn_n_u32(vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff))), 16);
}
inline void store(BFloat16* p, V x) {
  const uint16x4_t words = rounded_bf16(x);
  std::memcpy(static_cast<void*>(p), &words, sizeof words);
}
inline void store(BFloat16* p, V x, V y) {
  store(p, x);
  store(p + L, y);
}
inline void store_pairs(BFloat16* p, V even, V odd) {
  const uint16x4x2_t pairs = vzip_u16(rounded_bf16(even), rounded_bf16(odd));
  std::memcpy(static_cast<void*>(p), &pairs, sizeof pairs);
}
// From -128 to 127.
inline void store_signed_bytes(int8_t* p, VI x) {
  const int16x4_t words = vmovn_s32(x);
  const int8x8_t bytes = vmovn_s16(vcombine_s16(words, words));
  std::memcpy(p, &bytes, 4);
}
inline V int_to_float(VI a) { return vcvtq_f32_s32(a); }
inline VI round_int(V x) { return vcvtnq_s32_f32(x); }
inline VI add_int(VI a, VI b) { return vaddq_s32(a, b); }
// The first and the second word of every pair.
inline V even_to_float(W2 x) {
  return vcvtq_f32_s32(vshrq_n_s32(vshlq_n_s32(vreinterpretq_s32_s16(x), 16), 16));
}
inline V odd_to_float(W2 x) { return vcvtq_f32_s32(vshrq_n_s32(vreinterpretq_s32_s16(x), 16)); }
inline void store_pairs(int16_t* p, VI even, VI odd) {
  const int16x4x2_t pairs = {{vmovn_s32(even), vmovn_s32(odd)}};
  vst2_s16(p, pairs);
}
// From -32768 to 32767.
inline void store_words(int16_t* p, VI x) { vst1_s16(p, vmovn_s32(x)); }

// Whole numbers from 0 to 255.
inline void store_bytes(uint8_t* p, V x) {
  uint32_t lanes[4];
  vst1q_u32(lanes, vcvtnq_u32_f32(x));
  for (int i = 0; i < L; ++i) p[i] = static_cast<uint8_t>(lanes[i]);
}

// IEEE binary16 in memory.
inline V load_half(const uint16_t* p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
