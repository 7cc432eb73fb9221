// Matrix multiplication in 16-bit integers, see Int16Args: words of a row against pairs of words a column,
// summed in 32 bits over a chunk of k, then scaled into f32. As many products an instruction as bf16 has
// (VNNI), and four bits more of each.

// Rounded x * factor; `out` has room for whole vectors.
inline void to_words(const float* x, int64_t count, V factor, int16_t* out) {
  int64_t i = 0;
  for (; i + L <= count; i += L) store_words(out + i, round_int(mul(load(x + i), factor)));
  if (i < count) store_words(out + i, round_int(mul(load_part(x + i, static_cast<int>(count - i)), factor)));
}

// The same without touching what lies past `count`; returns the scale.
inline float to_words_scaled(const float* x, int64_t count, float limit, int16_t* out) {
  const Rounding rounding = rounding_to(limit, largest_of(x, count));
  const V factor = set1(rounding.factor);
  const int64_t whole = count / L * L;
  to_words(x, whole, factor, out);
  if (whole < count) {
    int16_t rest[L];
    to_words(x + whole, count - whole, factor, rest);
    for (int64_t i = whole; i < count; ++i) out[i] = rest[i - whole];
  }
  return rounding.scale;
}

float quantize_weight_words(const float* from, int64_t count, int16_t* to) {
  return to_words_scaled(from, count, int16_limit, to);
}

void quantize_words(const QuantizeArgs& g, int64_t task) {
  const int64_t first = task * g.block_rows;
  const int64_t last = first + g.block_rows < g.rows ? first + g.block_rows : g.rows;
  float* scales = g.scales + first * ((g.k + int16_chunk - 1) / int16_chunk);
  for (int64_t row = first; row < last; ++row) {
    int16_t* words = static_cast<int16_t*>(g.rounded) + row * g.row_size;
    for (int64_t k = 0; k < g.k; k += int16_chunk)
      *scales++ = to_words_scaled(g.a + row * g.a_stride + k, g.k - k < int16_chunk ? g.k - k : int16_chunk,
                                  int16_limit, words + k);
    for (int64_t k = g.k; k < g.row_size; ++k) words[k] = 0;
  }
}

// c[r][0..NV*L) (+)= scales[r] * sum over pairs of rows[r] . b, words or bytes; without scales where not
// Scaled.
template <int MR, int NV, bool Scaled, class B>
void words_tile(int64_t pairs, const int16_t* const* rows, const float* scales, const B* b, float* c,
                int64_t c_stride, bool accumulate) {
  VI acc[MR][NV];
  const int16_t* a[MR];
  for (int i = 0; i < MR; ++i) a[i] = rows[i];
  for (int i = 0; i < MR; ++i)
    for (int j = 0; j < NV; ++j) acc[i][j] = zero_int();
  for (int64_t p = 0; p < pairs; ++p) {
    W2 bv[NV];
    for (int j = 0; j < NV; ++j) bv[j] = load_pairs(b + j * L * 2);
    b += NV * L * 2;
    for (int i = 0; i < MR; ++i) {
      const W2 x = broadcast_pair(a[i] + 2 * p);
      for (int j = 0; j < NV; ++j) acc[i][j] = dot2(acc[i][j], x, bv[j]);
    }
  }
  for (int i = 0; i < MR; ++i)
    for (int j = 0; j < NV; ++j) {
      float* to = c + i * c_stride + j * L;
      const V sum = int_to_float(acc[i][j]);
      if constexpr (Scaled)
        store(to, accumulate ? fma(sum, set1(scales[i]), load(to)) : mul(sum, set1(scales[i])));
      else
        store(to, accumulate ? add(sum, load(to)) : sum);
    }
}

template <int NV, bool Scaled, class B>
void words_rows(int64_t count, int64_t pairs, const int16_t* const* rows, const float* scales, const B* b,
                float* c, int64_t c_stride, bool accumulate) {
  int64_t r = 0;
  for (; r + kTileRows <= count; r += kTileRows)
    words_tile<kTileRows, NV, Scaled>(pairs, rows + r, Scaled ? scales + r : nullptr, b, c + r * c_stride,
                                      c_stride, accumulate);
  for (; r < count; ++r)
    words_tile<1, NV, Scaled>(pairs, rows + r, Scaled ? scales + r : nullptr, b, c + r * c_stride, c_stride,
                              accumulate);
}

template <bool Scaled, class B>
void words_product(int64_t count, int64_t pairs, const int16_t* const* rows, const float* scales, const B* b,
                   int64_t width, float* c, int64_t c_stride, bool accumulate) {
  constexpr int most = kTileVectors;
  switch (width / L) {
    case 1: words_rows<1, Scaled>(count, pairs, rows, scales, b, c, c_stride, accumulate); break;
    case 2: words_rows<2, Scaled>(count, pairs, rows, scales, b, c, c_stride, accumulate); break;
    case 3:
      words_rows<most >= 3 ? 3 : 1, Scaled>(count, pairs, rows, scales, b, c, c_stride, accumulate);
      break;
    case 4:
      words_rows<most >= 4 ? 4 : 1, Scaled>(count, pairs, rows, scales, b, c, c_stride, accumulate);
      break;
    default: break;
  }
}

template <class B>
void gemm_words(const Int16Args& q, int64_t task, float* scratch) {
  constexpr int64_t panel = kTileVectors * L;
  const GemmArgs& g = q.product;
  const auto [index, first, count, column, columns, width] = panel_block(g, g.m, task);
  const B* b = static_cast<const B*>(q.weights) + index * panel * q.row_words * g.taps_h * g.taps_w;
  const int64_t chunks = (g.k + int16_chunk - 1) / int16_chunk;

  int64_t sources[gemm_block_rows];
  const int16_t* rows[gemm_block_rows];
  float scales[gemm_block_rows];
  for (int tap = 0; tap < g.taps_h * g.taps_w; ++tap) {
    if (g.conv) {
      tap_sources(g, first, count, tap / g.taps_w, tap % g.taps_w, sources);
    } else {
      for (int64_t r = 0; r < count; ++r) sources[r] = first + r;
    }
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t k = chunk * int16_chunk;
      const int64_t length = q.row_words - k < int16_chunk ? q.row_words - k : int16_chunk;
      for (int64_t r = 0; r < count; ++r) {
        rows[r] = sources[r] < 0 ? q.zero_row : q.words + sources[r] * q.row_words + k;
        scales[r] = sources[r] < 0 ? 0.0f : q.row_scales[sources[r] * chunks + chunk];
      }
      words_product<true>(count, length / 2, rows, scales, b, width, scratch, width, tap + chunk > 0);
      b += width * length;
    }
  }
  gemm_epilogue(g, first, count, column, columns, width, scratch);
}

// One block of rows against one panel. scratch: gemm_block_rows * panel floats.
void gemm_int16(const Int16Args& q, int64_t task, float* scratch) {
  if (q.byte_weights)
    gemm_words<int8_t>(q, task, scratch);
  else
    gemm_words<int16_t>(q, task, scratch);
}
