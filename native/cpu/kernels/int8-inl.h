// Matrix multiplication in int8, see RoundedRows: bytes of a row against groups of four bytes per column,
// summed in 32 bits over one tap, then scaled by the row's scale into f32.
// Integer sums are exact, so every instruction set gives the same bits up to the epilogue.

void quantize(const QuantizeArgs& g, int64_t task, float*) {
  const int64_t first = task * g.block_rows;
  const int64_t last = first + g.block_rows < g.rows ? first + g.block_rows : g.rows;
  for (int64_t row = first; row < last; ++row) {
    const float* a = g.a + row * g.a_stride;
    uint8_t* out = static_cast<uint8_t*>(g.rounded) + row * g.row_size;
    const Rounding rounding = rounding_to(127.0f, largest_of(a, g.k));
    const V factor = set1(rounding.factor), middle = set1(128.0f);
    g.scales[row] = rounding.scale;
    int64_t c = 0;
    for (; c + L <= g.k; c += L) store_bytes(out + c, add(round_even(mul(load(a + c), factor)), middle));
    if (c < g.row_size) {
      uint8_t rest[L];
      store_bytes(rest, add(round_even(mul(load_part(a + c, static_cast<int>(g.k - c)), factor)), middle));
      for (int64_t i = c; i < g.row_size; ++i) out[i] = rest[i - c];
    }
  }
}

float quantize_weights(const float* from, int64_t count, void* bytes) {
  auto* to = static_cast<int8_t*>(bytes);
  const Rounding rounding = rounding_to(127.0f, largest_of(from, count));
  const V factor = set1(rounding.factor);
  int64_t i = 0;
  for (; i + L <= count; i += L) store_signed_bytes(to + i, round_int(mul(load(from + i), factor)));
  if (i < count) {
    const int left = static_cast<int>(count - i);
    int8_t rest[L];
    store_signed_bytes(rest, round_int(mul(load_part(from + i, left), factor)));
    for (int j = 0; j < left; ++j) to[i + j] = rest[j];
  }
  return rounding.scale;
}

// c[r][0..NV*L) (+)= scale[r] * (sum over groups of rows[r] . b - excess).
template <int MR, int NV>
void int8_tile(int64_t groups, const uint8_t* const* rows, const float* scales, const int8_t* b,
               const int32_t* excess, float* c, int64_t c_stride, bool accumulate) {
  VI acc[MR][NV];
  const uint8_t* a[MR];
  IPA_UNROLL
  for (int i = 0; i < MR; ++i) a[i] = rows[i];
  IPA_UNROLL
  for (int i = 0; i < MR; ++i) IPA_UNROLL
  for (int j = 0; j < NV; ++j) acc[i][j] = zero_int();
  for (int64_t p = 0; p < groups; ++p) {
    B4 bv[NV];
    IPA_UNROLL
    for (int j = 0; j < NV; ++j) bv[j] = load_bytes(b + j * L * 4);
    b += NV * L * 4;
    IPA_UNROLL
    for (int i = 0; i < MR; ++i) {
      const A4 x = broadcast_bytes(a[i] + 4 * p);
      IPA_UNROLL
      for (int j = 0; j < NV; ++j) acc[i][j] = dot4(acc[i][j], x, bv[j]);
    }
  }
  IPA_UNROLL
  for (int i = 0; i < MR; ++i) {
    const V scale = set1(scales[i]);
    IPA_UNROLL
    for (int j = 0; j < NV; ++j) {
      float* to = c + i * c_stride + j * L;
      const V sum = difference_to_float(acc[i][j], excess + j * L);
      store(to, accumulate ? fma(sum, scale, load(to)) : mul(sum, scale));
    }
  }
}

template <int NV>
void int8_rows(int64_t count, int64_t groups, const uint8_t* const* rows, const float* scales, const int8_t* b,
               const int32_t* excess, float* c, int64_t c_stride, bool accumulate) {
  int64_t r = 0;
  for (; r + kTileRows <= count; r += kTileRows)
    int8_tile<kTileRows, NV>(groups, rows + r, scales + r, b, excess, c + r * c_stride, c_stride, accumulate);
  for (; r < count; ++r)
    int8_tile<1, NV>(groups, rows + r, scales + r, b, excess, c + r * c_stride, c_stride, accumulate);
}

// One block of rows against one panel. scratch: gemm_block_rows * panel floats.
void gemm_int8(const GemmArgs& g, int64_t task, float* scratch) {
  constexpr int64_t panel = kTileVectors * L;
  const RoundedRows& q = g.rounded;
  const auto* bytes = static_cast<const uint8_t*>(q.rows);
  const auto* zero_row = static_cast<const uint8_t*>(q.zero_row);
  const auto [index, first, count, column, columns, width] = panel_block(g, g.m, task);
  const int8_t* b = static_cast<const int8_t*>(g.b) + index * panel * q.size * g.taps_h * g.taps_w;
  const int32_t* excess = q.excess + index * panel;

  int64_t sources[gemm_block_rows];
  const uint8_t* rows[gemm_block_rows];
  float scales[gemm_block_rows];
  for (int tap = 0; tap < g.taps_h * g.taps_w; ++tap) {
    if (g.conv) {
      tap_sources(g, first, count, tap / g.taps_w, tap % g.taps_w, sources);
    } else {
      for (int64_t r = 0; r < count; ++r) sources[r] = first + r;
    }
    for (int64_t r = 0; r < count; ++r) {
      rows[r] = sources[r] < 0 ? zero_row : bytes + sources[r] * q.stride;
      scales[r] = sources[r] < 0 ? 0.0f : q.scales[sources[r]];
    }
    const int64_t groups = q.size / 4;
    switch (width / L) {
      case 1: int8_rows<1>(count, groups, rows, scales, b, excess, scratch, width, tap > 0); break;
      case 2: int8_rows<2>(count, groups, rows, scales, b, excess, scratch, width, tap > 0); break;
      case 3:
        int8_rows<(kTileVectors >= 3 ? 3 : 1)>(count, groups, rows, scales, b, excess, scratch, width, tap > 0);
        break;
      case 4:
        int8_rows<(kTileVectors >= 4 ? 4 : 1)>(count, groups, rows, scales, b, excess, scratch, width, tap > 0);
        break;
      default: break;
    }
    b += width * q.size;
    excess += q.padded_columns;
  }
  gemm_epilogue(g, first, count, column, columns, width, scratch);
}
