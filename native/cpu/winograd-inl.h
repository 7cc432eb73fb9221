// 3x3 convolutions by Winograd's minimal filtering, see cpu/winograd.h: inputs are transformed tile by tile
// (B' d B), every position of the transformed tiles is a matrix product of its own, and its results are
// transformed back (A' m A) into m x m outputs.

// One dimension of B' d B, in place, over `step` vectors apart.
inline void winograd_in(V* d, int step, std::integral_constant<int, 2>) {
  const V d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
  d[0] = sub(d0, d2);
  d[step] = add(d1, d2);
  d[2 * step] = sub(d2, d1);
  d[3 * step] = sub(d1, d3);
}
inline void winograd_in(V* d, int step, std::integral_constant<int, 4>) {
  constexpr float a = winograd_a, b = winograd_b;
  const V d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
  const V less_aa = set1(-a * a), less_bb = set1(-b * b);
  const V product = set1(a * a * b * b), less_sum = set1(-(a * a + b * b));
  const V even_a = fma(less_bb, d2, d4), odd_a = mul(set1(a), fma(less_bb, d1, d3));
  const V even_b = fma(less_aa, d2, d4), odd_b = mul(set1(b), fma(less_aa, d1, d3));
  d[0] = fma(product, d0, fma(less_sum, d2, d4));
  d[step] = add(even_a, odd_a);
  d[2 * step] = sub(even_a, odd_a);
  d[3 * step] = add(even_b, odd_b);
  d[4 * step] = sub(even_b, odd_b);
  d[5 * step] = fma(product, d1, fma(less_sum, d3, d5));
}

// One dimension of A' m A: the m results replace the first of the m + 2 values.
inline void winograd_out(V* m, int step, std::integral_constant<int, 2>) {
  const V m0 = m[0], m1 = m[step], m2 = m[2 * step], m3 = m[3 * step];
  m[0] = add(m0, add(m1, m2));
  m[step] = sub(sub(m1, m2), m3);
}
inline void winograd_out(V* m, int step, std::integral_constant<int, 4>) {
  constexpr float a = winograd_a, b = winograd_b;
  const V m0 = m[0], m5 = m[5 * step];
  const V even_a = add(m[step], m[2 * step]), odd_a = sub(m[step], m[2 * step]);
  const V even_b = add(m[3 * step], m[4 * step]), odd_b = sub(m[3 * step], m[4 * step]);
  m[0] = add(m0, add(even_a, even_b));
  m[step] = fma(set1(a), odd_a, mul(set1(b), odd_b));
  m[2 * step] = fma(set1(a * a), even_a, mul(set1(b * b), even_b));
  m[3 * step] = fma(set1(a * a * a), odd_a, fma(set1(b * b * b), odd_b, m5));
}

template <int M>
void winograd_input_tile(const WinogradArgs& w, int64_t index) {
  constexpr int side = M + 2;
  const GemmArgs& g = w.product;
  const int64_t tile = w.first_tile + index;
  const int64_t tx = tile % w.tiles_w, rest = tile / w.tiles_w;
  const int64_t ty = rest % w.tiles_h, item = rest / w.tiles_h;
  const float* pixels[side * side];
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      int64_t iy = ty * M - 1 + y, ix = tx * M - 1 + x;
      const bool inside = iy >= 0 && iy < g.over_h && ix >= 0 && ix < g.over_w;
      if (inside && g.map_h) {
        iy = g.map_h[iy];
        ix = g.map_w[ix];
      }
      pixels[y * side + x] = inside ? g.a + ((item * g.in_h + iy) * g.in_w + ix) * g.a_stride : g.zeros;
    }
  float* out = w.transformed + index * g.k;
  const int64_t position_stride = w.tile_count * g.k;
  for (int64_t c = 0; c < g.k; c += L) {
    const int left = static_cast<int>(g.k - c < L ? g.k - c : L);
    V d[side * side];
    for (int i = 0; i < side * side; ++i)
      d[i] = left == L ? load(pixels[i] + c) : load_part(pixels[i] + c, left);
    for (int x = 0; x < side; ++x) winograd_in(d + x, side, std::integral_constant<int, M>());
    for (int y = 0; y < side; ++y) winograd_in(d + y * side, 1, std::integral_constant<int, M>());
    for (int i = 0; i < side * side; ++i) {
      float* to = out + i * position_stride + c;
      if (left == L)
        store(to, d[i]);
      else
        store_part(to, d[i], left);
    }
  }
}

// A few tiles of the part.
void winograd_input(const WinogradArgs& w, int64_t task) {
  const int64_t first = task * w.input_tiles;
  const int64_t last = first + w.input_tiles < w.tile_count ? first + w.input_tiles : w.tile_count;
  for (int64_t i = first; i < last; ++i) {
    if (w.outputs == 4)
      winograd_input_tile<4>(w, i);
    else
      winograd_input_tile<2>(w, i);
  }
}

// G g G' of a panel's filters for the input channels [first, first + count): `out` is (positions, count,
// width).
inline void winograd_filter(V* g, int step, int out_step, V* out, std::integral_constant<int, 2>) {
  const V half = set1(0.5f);
  const V ends = mul(half, add(g[0], g[2 * step])), middle = mul(half, g[step]);
  out[0] = g[0];
  out[out_step] = add(ends, middle);
  out[2 * out_step] = sub(ends, middle);
  out[3 * out_step] = g[2 * step];
}
inline void winograd_filter(V* g, int step, int out_step, V* out, std::integral_constant<int, 4>) {
  // Rows (1, x, x^2) / f(x), where f(x) is the product of the distances of x to the other points.
  constexpr float a = winograd_a, b = winograd_b;
  constexpr float f0 = a * a * b * b, fa = 2 * a * a * (a * a - b * b), fb = 2 * b * b * (b * b - a * a);
  const V g0 = g[0], g1 = g[step], g2 = g[2 * step];
  const V even_a = fma(set1(a * a / fa), g2, mul(set1(1 / fa), g0)), odd_a = mul(set1(a / fa), g1);
  const V even_b = fma(set1(b * b / fb), g2, mul(set1(1 / fb), g0)), odd_b = mul(set1(b / fb), g1);
  out[0] = mul(set1(1 / f0), g0);
  out[out_step] = add(even_a, odd_a);
  out[2 * out_step] = sub(even_a, odd_a);
  out[3 * out_step] = add(even_b, odd_b);
  out[4 * out_step] = sub(even_b, odd_b);
  out[5 * out_step] = g2;
}

template <int M, class Load>
void winograd_weights(const GemmArgs& g, int64_t panel_start, int64_t width, int64_t first, int64_t count,
                      float* out, Load load_weights) {
  constexpr int side = M + 2;
  for (int64_t c = 0; c < count; ++c)
    for (int64_t j = 0; j < width; j += L) {
      V filter[9], half[side * 3], whole[side * side];
      for (int64_t tap = 0; tap < 9; ++tap)
        filter[tap] = load_weights(panel_start + (tap * g.k + first + c) * width + j);
      for (int x = 0; x < 3; ++x) winograd_filter(filter + x, 3, 3, half + x, std::integral_constant<int, M>());
      for (int y = 0; y < side; ++y)
        winograd_filter(half + y * 3, 1, 1, whole + y * side, std::integral_constant<int, M>());
      for (int i = 0; i < side * side; ++i) store(out + (i * count + c) * width + j, whole[i]);
    }
}

template <int M>
void winograd_product_tiles(const WinogradArgs& w, int64_t task, float* scratch) {
  constexpr int side = M + 2;
  constexpr int64_t panel = kTileVectors * L;
  const GemmArgs& g = w.product;
  const auto [index, first, count, column, columns, width] = panel_block(g, w.tile_count, task);
  const int64_t start = index * panel * g.k * 9;
  float* weights = scratch;
  float* products = scratch + side * side * winograd_chunk * panel;  // (positions, count, width)
  const float* rows[winograd_block_tiles];
  for (int64_t k = 0; k < g.k; k += winograd_chunk) {
    const int64_t length = g.k - k < winograd_chunk ? g.k - k : winograd_chunk;
    if (g.halves)
      winograd_weights<M>(g, start, width, k, length, weights,
                          [&](int64_t i) { return load_half(static_cast<const uint16_t*>(g.b) + i); });
    else
      winograd_weights<M>(g, start, width, k, length, weights,
                          [&](int64_t i) { return load(static_cast<const float*>(g.b) + i); });
    for (int i = 0; i < side * side; ++i) {
      for (int64_t r = 0; r < count; ++r) rows[r] = w.transformed + (i * w.tile_count + first + r) * g.k + k;
      panel_product(count, length, rows, weights + i * length * width, width, products + i * count * width,
                    width, k > 0);
    }
  }
  float* pixels = products + side * side * count * width;  // M * M rows
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t j = 0; j < width; j += L) {
      V m[side * side];
      for (int i = 0; i < side * side; ++i) m[i] = load(products + (i * count + r) * width + j);
      for (int x = 0; x < side; ++x) winograd_out(m + x, side, std::integral_constant<int, M>());
      for (int y = 0; y < M; ++y) winograd_out(m + y * side, 1, std::integral_constant<int, M>());
      for (int y = 0; y < M; ++y)
        for (int x = 0; x < M; ++x) store(pixels + (y * M + x) * width + j, m[y * side + x]);
    }
    const int64_t tile = w.first_tile + first + r;
    const int64_t tx = tile % w.tiles_w, rest = tile / w.tiles_w;
    const int64_t ty = rest % w.tiles_h, item = rest / w.tiles_h;
    for (int y = 0; y < M && ty * M + y < g.out_h; ++y) {
      const int64_t inside = g.out_w - tx * M < M ? g.out_w - tx * M : M;
      gemm_epilogue(g, (item * g.out_h + ty * M + y) * g.out_w + tx * M, inside, column, columns, width,
                    pixels + y * M * width);
    }
  }
}

// One panel of outputs for a block of the part's tiles. scratch: see thread_scratch_floats.
void winograd_product(const WinogradArgs& w, int64_t task, float* scratch) {
  if (w.outputs == 4)
    winograd_product_tiles<4>(w, task, scratch);
  else
    winograd_product_tiles<2>(w, task, scratch);
}
