// Matrix products whose factors are 16 bits wide and lie in pairs along k:
// 16-bit integers summed in 32 bits, or bf16 summed in f32.
// One instruction multiplies pairs (VNNI, AVX-512 BF16, NEON's BFDOT), so either takes half the time of f32.

template <class T>
struct Pairs;
template <>
struct Pairs<int16_t> {
  using Sum = VI;
  static Sum zero() { return zero_int(); }
  static V total(Sum sum) { return int_to_float(sum); }
};
template <>
struct Pairs<BFloat16> {
  using Sum = V;
  static Sum zero() { return set1(0.0f); }
  static V total(Sum sum) { return sum; }
};

// c[r][0..NV*L) (+)= scales[r] * sum over pairs of rows[r] . b; without scales where not Scaled.
// `b` is of the rows' type, or bytes that become words.
template <int MR, int NV, bool Scaled, class T, class B>
void pairs_tile(int64_t pairs, const T* const* rows, const float* scales, const B* b, float* c,
                int64_t c_stride, bool accumulate) {
  typename Pairs<T>::Sum acc[MR][NV];
  const T* a[MR];
  IPA_UNROLL
  for (int i = 0; i < MR; ++i) a[i] = rows[i];
  IPA_UNROLL
  for (int i = 0; i < MR; ++i) IPA_UNROLL
  for (int j = 0; j < NV; ++j) acc[i][j] = Pairs<T>::zero();
  for (int64_t p = 0; p < pairs; ++p) {
    decltype(load_pairs(b)) bv[NV];
    IPA_UNROLL
    for (int j = 0; j < NV; ++j) bv[j] = load_pairs(b + j * L * 2);
    b += NV * L * 2;
    IPA_UNROLL
    for (int i = 0; i < MR; ++i) {
      const auto x = broadcast_pair(a[i] + 2 * p);
      IPA_UNROLL
      for (int j = 0; j < NV; ++j) acc[i][j] = dot2(acc[i][j], x, bv[j]);
    }
  }
  IPA_UNROLL
  for (int i = 0; i < MR; ++i) {
    float* to = c + i * c_stride;
    const V scale = set1(Scaled ? scales[i] : 1.0f);
    IPA_UNROLL
    for (int j = 0; j < NV; ++j) {
      V sum = Pairs<T>::total(acc[i][j]);
      if constexpr (Scaled)
        sum = accumulate ? fma(sum, scale, load(to + j * L)) : mul(sum, scale);
      else if (accumulate)
        sum = add(sum, load(to + j * L));
      store(to + j * L, sum);
    }
  }
}

template <int NV, bool Scaled, class T, class B>
void pairs_rows(int64_t count, int64_t pairs, const T* const* rows, const float* scales, const B* b, float* c,
                int64_t c_stride, bool accumulate) {
  int64_t r = 0;
  for (; r + kTileRows <= count; r += kTileRows)
    pairs_tile<kTileRows, NV, Scaled>(pairs, rows + r, Scaled ? scales + r : nullptr, b, c + r * c_stride,
                                      c_stride, accumulate);
  for (; r + 2 <= count; r += 2)
    pairs_tile<2, NV, Scaled>(pairs, rows + r, Scaled ? scales + r : nullptr, b, c + r * c_stride, c_stride,
                              accumulate);
  for (; r < count; ++r)
    pairs_tile<1, NV, Scaled>(pairs, rows + r, Scaled ? scales + r : nullptr, b, c + r * c_stride, c_stride,
                              accumulate);
}

#if defined(IPA_AMX)
#include "cpu/kernels/amx-inl.h"
constexpr int kAttentionGroup = kTileSide;  // queries whose scores are computed together
template <int NV, bool Scaled, class T, class B>
void panel_rows(int64_t count, int64_t pairs, const T* const* rows, const float* scales, const B* b, float* c,
                int64_t c_stride, bool accumulate) {
  if constexpr (std::is_same<T, BFloat16>::value)
    amx_product<NV>(count, pairs, rows, b, c, c_stride, accumulate);
  else
    pairs_rows<NV, Scaled>(count, pairs, rows, scales, b, c, c_stride, accumulate);
}
#else
struct AmxSession {
  AmxSession() {}  // not trivial, so that one may stand unused
};
constexpr int kAttentionGroup = kTileRows;
template <int NV, bool Scaled, class T, class B>
void panel_rows(int64_t count, int64_t pairs, const T* const* rows, const float* scales, const B* b, float* c,
                int64_t c_stride, bool accumulate) {
  pairs_rows<NV, Scaled>(count, pairs, rows, scales, b, c, c_stride, accumulate);
}
#endif

// `count` rows against a panel of `width` columns.
template <bool Scaled, class T, class B>
void pairs_product(int64_t count, int64_t pairs, const T* const* rows, const float* scales, const B* b,
                   int64_t width, float* c, int64_t c_stride, bool accumulate) {
  constexpr int most = kTileVectors;
  switch (width / L) {
    case 1: panel_rows<1, Scaled>(count, pairs, rows, scales, b, c, c_stride, accumulate); break;
    case 2: panel_rows<2, Scaled>(count, pairs, rows, scales, b, c, c_stride, accumulate); break;
    case 3:
      panel_rows<most >= 3 ? 3 : 1, Scaled>(count, pairs, rows, scales, b, c, c_stride, accumulate);
      break;
    case 4:
      panel_rows<most >= 4 ? 4 : 1, Scaled>(count, pairs, rows, scales, b, c, c_stride, accumulate);
      break;
    default: break;
  }
}

#if defined(IPA_HALF_VECTORS)
// NV whole vectors and a half one: c[r][0..NV*L + L/2). A row of b has room for NV + 1.
template <int MR, int NV, class T>
void pairs_tile_and_half(int64_t pairs, const T* const* rows, const T* b, float* c, int64_t c_stride,
                         bool accumulate) {
  using Half = HalfPairs<T>;
  typename Pairs<T>::Sum acc[MR][NV];
  typename Half::Sum half[MR];
  IPA_UNROLL
  for (int i = 0; i < MR; ++i) {
    half[i] = Half::zero();
    IPA_UNROLL
    for (int j = 0; j < NV; ++j) acc[i][j] = Pairs<T>::zero();
  }
  for (int64_t p = 0; p < pairs; ++p) {
    decltype(load_pairs(b)) bv[NV];
    IPA_UNROLL
    for (int j = 0; j < NV; ++j) bv[j] = load_pairs(b + j * L * 2);
    const auto rest = Half::load(b + NV * L * 2);
    b += (NV + 1) * L * 2;
    IPA_UNROLL
    for (int i = 0; i < MR; ++i) {
      const auto x = broadcast_pair(rows[i] + 2 * p);
      IPA_UNROLL
      for (int j = 0; j < NV; ++j) acc[i][j] = dot2(acc[i][j], x, bv[j]);
      half[i] = Half::dot(half[i], Half::lower(x), rest);
    }
  }
  IPA_UNROLL
  for (int i = 0; i < MR; ++i) {
    float* to = c + i * c_stride;
    IPA_UNROLL
    for (int j = 0; j < NV; ++j) {
      const V sum = Pairs<T>::total(acc[i][j]);
      store(to + j * L, accumulate ? add(sum, load(to + j * L)) : sum);
    }
    store_half(to + NV * L, Half::total(half[i]), accumulate);
  }
}

// Whether a full tile of rows against a panel of `width`, of which `columns` count, was done so.
template <class T>
bool half_vector_product(int64_t count, int64_t pairs, const T* const* rows, const T* b, int64_t width,
                         int64_t columns, float* c, int64_t c_stride, bool accumulate) {
  if (count != kTileRows || columns > width - L / 2) return false;
  switch (width / L) {
    case 2: pairs_tile_and_half<kTileRows, 1>(pairs, rows, b, c, c_stride, accumulate); return true;
    case 3: pairs_tile_and_half<kTileRows, 2>(pairs, rows, b, c, c_stride, accumulate); return true;
    case 4: pairs_tile_and_half<kTileRows, 3>(pairs, rows, b, c, c_stride, accumulate); return true;
    default: return false;
  }
}
#else
template <class T>
bool half_vector_product(int64_t, int64_t, const T* const*, const T*, int64_t, int64_t, float*, int64_t, bool) {
  return false;
}
#endif

template <class T, class B>
void gemm_pairs(const GemmArgs& g, int64_t task, float* scratch) {
  constexpr bool scaled = std::is_same<T, int16_t>::value;
  constexpr int64_t chunk_size = scaled ? int16_chunk : bf16_chunk;
  constexpr int64_t panel = kTileVectors * L;
  const RoundedRows& q = g.rounded;
  const auto [index, first, count, column, columns, width] = panel_block(g, g.m, task);
  const T* a = static_cast<const T*>(q.rows);
  const B* b = static_cast<const B*>(g.b) + index * panel * q.size * g.taps_h * g.taps_w;
  const int64_t chunks = (q.size + chunk_size - 1) / chunk_size;

  int64_t sources[gemm_block_rows];
  const T* rows[gemm_block_rows];
  float scales[gemm_block_rows];
  for (int tap = 0; tap < g.taps_h * g.taps_w; ++tap) {
    if (g.conv) {
      tap_sources(g, first, count, tap / g.taps_w, tap % g.taps_w, sources);
    } else {
      for (int64_t r = 0; r < count; ++r) sources[r] = first + r;
    }
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t k = chunk * chunk_size;
      const int64_t length = q.size - k < chunk_size ? q.size - k : chunk_size;
      for (int64_t r = 0; r < count; ++r) {
        rows[r] = sources[r] < 0 ? static_cast<const T*>(q.zero_row) : a + sources[r] * q.stride + k;
        if constexpr (scaled) scales[r] = sources[r] < 0 ? 0.0f : q.scales[sources[r] * chunks + chunk];
      }
      pairs_product<scaled>(count, length / 2, rows, scales, b, width, scratch, width, tap + chunk > 0);
      b += width * length;
    }
  }
  gemm_epilogue(g, first, count, column, columns, width, scratch);
}

// One block of rows against one panel. scratch: gemm_block_rows * panel floats.
void gemm_int16(const GemmArgs& g, int64_t task, float* scratch) {
  gemm_pairs<int16_t, int16_t>(g, task, scratch);
}

void gemm_int8_weights(const GemmArgs& g, int64_t task, float* scratch) {
  gemm_pairs<int16_t, int8_t>(g, task, scratch);
}

void gemm_bf16(const GemmArgs& g, int64_t task, float* scratch) {
  const AmxSession session;
  gemm_pairs<BFloat16, BFloat16>(g, task, scratch);
}
