// Matrix multiplication. The register tile is kTileRows rows of A by kTileVectors vectors of B:
// A is read where it lies, one broadcast a multiplication, B from packed panels,
// so neither a copy of A nor an im2col buffer exists.

// c[r][0..NV*L) (+)= sum over k of rows[r][k] * b[k][0..NV*L).
template <int MR, int NV>
void tile(int64_t k, const float* const* rows, const float* b, float* c, int64_t c_stride, bool accumulate) {
  V acc[MR][NV];
  const float* a[MR];
  IPA_UNROLL
  for (int i = 0; i < MR; ++i) a[i] = rows[i];
  IPA_UNROLL
  for (int i = 0; i < MR; ++i) IPA_UNROLL
  for (int j = 0; j < NV; ++j) acc[i][j] = accumulate ? load(c + i * c_stride + j * L) : set1(0.0f);
  for (int64_t p = 0; p < k; ++p) {
    V bv[NV];
    IPA_UNROLL
    for (int j = 0; j < NV; ++j) bv[j] = load(b + j * L);
    b += NV * L;
    IPA_UNROLL
    for (int i = 0; i < MR; ++i) {
      const V x = set1(a[i][p]);
      IPA_UNROLL
      for (int j = 0; j < NV; ++j) acc[i][j] = fma(x, bv[j], acc[i][j]);
    }
  }
  IPA_UNROLL
  for (int i = 0; i < MR; ++i) IPA_UNROLL
  for (int j = 0; j < NV; ++j) store(c + i * c_stride + j * L, acc[i][j]);
}

template <int NV>
void tile_tail(int rows_left, int64_t k, const float* const* rows, const float* b, float* c, int64_t c_stride,
               bool accumulate) {
  switch (rows_left) {
    case 1: tile<1, NV>(k, rows, b, c, c_stride, accumulate); break;
    case 2: tile<2, NV>(k, rows, b, c, c_stride, accumulate); break;
    case 3: tile<3, NV>(k, rows, b, c, c_stride, accumulate); break;
    case 4: tile<4, NV>(k, rows, b, c, c_stride, accumulate); break;
    case 5: tile<5, NV>(k, rows, b, c, c_stride, accumulate); break;
    default: break;
  }
}

template <int NV>
void row_tiles(int64_t count, int64_t k, const float* const* rows, const float* b, float* c, int64_t c_stride,
               bool accumulate) {
  int64_t r = 0;
  for (; r + kTileRows <= count; r += kTileRows)
    tile<kTileRows, NV>(k, rows + r, b, c + r * c_stride, c_stride, accumulate);
  tile_tail<NV>(static_cast<int>(count - r), k, rows + r, b, c + r * c_stride, c_stride, accumulate);
}

// `count` rows against a panel of `width` columns.
inline void panel_product(int64_t count, int64_t k, const float* const* rows, const float* b, int64_t width,
                          float* c, int64_t c_stride, bool accumulate) {
  switch (width / L) {
    case 1: row_tiles<1>(count, k, rows, b, c, c_stride, accumulate); break;
    case 2: row_tiles<2>(count, k, rows, b, c, c_stride, accumulate); break;
    case 3: row_tiles<(kTileVectors >= 3 ? 3 : 1)>(count, k, rows, b, c, c_stride, accumulate); break;
    case 4: row_tiles<(kTileVectors >= 4 ? 4 : 1)>(count, k, rows, b, c, c_stride, accumulate); break;
    default: break;
  }
}

// Where a place of what a convolution sees is stored along one side: -1 for zeros, which pad what does not wrap.
inline int64_t stored_place(int64_t place, int64_t side, bool wrap, const int32_t* map) {
  if (place < 0 || place >= side) {
    if (!wrap) return -1;
    place %= side;
    if (place < 0) place += side;
  }
  return map ? map[place] : place;
}

// Rows of the input under one tap of a convolution, for the output pixels [first, first + count): -1 for zeros.
inline void tap_sources(const GemmArgs& g, int64_t first, int64_t count, int tap_y, int tap_x, int64_t* rows) {
  int64_t x = first % g.out_w, rest = first / g.out_w;
  int64_t y = rest % g.out_h, item = rest / g.out_h;
  for (int64_t r = 0; r < count; x = 0) {
    const int64_t iy = stored_place(y * g.stride - g.pad_top + tap_y, g.over_h, g.wrap.y, g.map_h);
    const int64_t row = (item * g.in_h + iy) * g.in_w;
    for (; x < g.out_w && r < count; ++x, ++r) {
      const int64_t ix = stored_place(x * g.stride - g.pad_left + tap_x, g.over_w, g.wrap.x, g.map_w);
      rows[r] = iy < 0 || ix < 0 ? -1 : row + ix;
    }
    if (++y == g.out_h) {
      y = 0;
      ++item;
    }
  }
}

template <class R, class C>
void gemm_epilogue_of(const GemmArgs& g, int64_t first, int64_t count, int64_t column, int64_t columns,
                      int64_t width, const float* acc) {
  const int64_t gate = width / 2;  // geglu: where the gates start inside the panel
  const float* scale = g.column_scale ? g.column_scale + (g.geglu ? 2 * column : column) : nullptr;
  for (int64_t r = 0; r < count; ++r) {
    const int64_t row = first + r;
    const float* item_bias =
        g.item_bias ? g.item_bias + row / g.rows_per_item * g.item_bias_stride + column : nullptr;
    const R* residual =
        g.residual ? as<R>(g.residual) +
                         (g.residual_period ? row % g.residual_period : row) * g.residual_stride + column
                   : nullptr;
    C* out = as<C>(g.c) + row * g.c_stride + column;
    const float* x = acc + r * width;
    for (int64_t j = 0; j < columns; j += L) {
      const int64_t left = columns - j;
      V y = load(x + j);
      if (scale) y = mul(y, load(scale + j));
      if (g.bias) y = add(y, load_columns(g.bias + column + j, left));
      if (g.geglu) {
        V z = load(x + gate + j);
        if (scale) z = mul(z, load(scale + gate + j));
        if (g.bias) z = add(z, load_columns(g.bias + g.n + column + j, left));
        y = mul(y, gelu(z));
      }
      if (item_bias) y = add(y, load_columns(item_bias + j, left));
      y = activate_vector(g.activation, y);
      if (residual) y = add(y, load_columns(residual + j, left));
      store_columns(out + j, y, left);
    }
  }
}

inline void gemm_epilogue(const GemmArgs& g, int64_t first, int64_t count, int64_t column, int64_t columns,
                          int64_t width, const float* acc) {
  if (g.c_bf16)
    g.residual_bf16 ? gemm_epilogue_of<BFloat16, BFloat16>(g, first, count, column, columns, width, acc)
                    : gemm_epilogue_of<float, BFloat16>(g, first, count, column, columns, width, acc);
  else
    g.residual_bf16 ? gemm_epilogue_of<BFloat16, float>(g, first, count, column, columns, width, acc)
                    : gemm_epilogue_of<float, float>(g, first, count, column, columns, width, acc);
}

void widen(const uint16_t* from, int64_t count, float* to) {
  int64_t i = 0;
  for (; i + L <= count; i += L) store(to + i, load_half(from + i));
  for (; i < count; ++i) to[i] = f16_to_f32(from[i]);
}

// What a task is: some rows against one panel.
struct PanelBlock {
  int64_t index;            // of the panel
  int64_t first, count;     // rows
  int64_t column, columns;  // of the output
  int64_t width;            // of the packed panel: columns rounded up, twice for geglu
};
inline PanelBlock panel_block(const GemmArgs& g, int64_t rows, int64_t task) {
  constexpr int64_t panel = kTileVectors * L;
  PanelBlock block;
  block.index = g.by_blocks ? task % g.panels : task / g.blocks;
  block.first = (g.by_blocks ? task / g.panels : task % g.blocks) * g.block_rows;
  block.count = rows - block.first < g.block_rows ? rows - block.first : g.block_rows;
  const int64_t per_panel = g.geglu ? panel / 2 : panel;
  block.column = block.index * per_panel;
  block.columns = g.n - block.column < per_panel ? g.n - block.column : per_panel;
  block.width = (block.columns + L - 1) / L * L * (g.geglu ? 2 : 1);
  return block;
}

// One block of rows against one panel. K is cut so that a chunk of the panel stays in the second-level cache
// while the block's rows pass over it. scratch: (gemm_block_rows + gemm_halves_chunk) * panel floats.
void gemm(const GemmArgs& g, int64_t task, float* scratch) {
  constexpr int64_t panel = kTileVectors * L;
  const int64_t k_chunk = g.halves ? gemm_halves_chunk : 1024;
  const auto [index, first, count, column, columns, width] = panel_block(g, g.m, task);
  int64_t b = index * panel * g.k * g.taps_h * g.taps_w;
  float* widened = scratch + gemm_block_rows * panel;

  const float* rows[gemm_block_rows];
  const float* at[gemm_block_rows];
  int64_t sources[gemm_block_rows];
  bool accumulate = false;
  for (int ty = 0; ty < g.taps_h; ++ty) {
    for (int tx = 0; tx < g.taps_w; ++tx) {
      if (g.conv) {
        tap_sources(g, first, count, ty, tx, sources);
        for (int64_t r = 0; r < count; ++r) rows[r] = sources[r] < 0 ? g.zeros : g.a + sources[r] * g.a_stride;
      } else {
        for (int64_t r = 0; r < count; ++r) rows[r] = g.a + (first + r) * g.a_stride;
      }
      for (int64_t k = 0; k < g.k; k += k_chunk) {
        const int64_t length = g.k - k < k_chunk ? g.k - k : k_chunk;
        for (int64_t r = 0; r < count; ++r) at[r] = rows[r] + k;
        const float* chunk = widened;
        if (g.halves)
          widen(static_cast<const uint16_t*>(g.b) + b, length * width, widened);
        else
          chunk = static_cast<const float*>(g.b) + b;
        panel_product(count, length, at, chunk, width, scratch, width, accumulate);
        b += length * width;
        accumulate = true;
      }
    }
  }
  gemm_epilogue(g, first, count, column, columns, width, scratch);
}
