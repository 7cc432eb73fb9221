// 3x3 convolutions by Winograd's minimal filtering, see cpu/pack/winograd.h:
// inputs are transformed tile by tile (B' d B), every position of the transformed tiles is a matrix product
// of its own, and its results are transformed back (A' m A) into m x m outputs.

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

// Where the pixels under a tile lie.
template <int M, class X>
void winograd_pixels(const WinogradArgs& w, int64_t index, const X** pixels) {
  constexpr int side = M + 2;
  const GemmArgs& g = w.product;
  const int64_t tile = w.first_tile + index;
  const int64_t tx = tile % w.tiles_w, rest = tile / w.tiles_w;
  const int64_t ty = rest % w.tiles_h, item = rest / w.tiles_h;
  int64_t rows[side], columns[side];
  for (int i = 0; i < side; ++i) {
    rows[i] = stored_place(ty * M - 1 + i, g.over_h, g.wrap.y, g.map_h);
    columns[i] = stored_place(tx * M - 1 + i, g.over_w, g.wrap.x, g.map_w);
  }
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x)
      pixels[y * side + x] = rows[y] < 0 || columns[x] < 0
                                 ? as<X>(g.zeros)
                                 : as<X>(g.a) + ((item * g.in_h + rows[y]) * g.in_w + columns[x]) * g.a_stride;
}

// B' d B of a vector of channels from c on, of which `left` exist.
template <int M, class X>
void winograd_input_vector(const X* const* pixels, int64_t c, int64_t left, V* d) {
  constexpr int side = M + 2;
  for (int i = 0; i < side * side; ++i) d[i] = load_columns(pixels[i] + c, left);
  for (int x = 0; x < side; ++x) winograd_in(d + x, side, std::integral_constant<int, M>());
  for (int y = 0; y < side; ++y) winograd_in(d + y * side, 1, std::integral_constant<int, M>());
}

template <int M>
void winograd_input_tile(const WinogradArgs& w, int64_t index) {
  constexpr int side = M + 2;
  const GemmArgs& g = w.product;
  const float* pixels[side * side];
  winograd_pixels<M>(w, index, pixels);
  const int64_t chunk_stride = w.tile_count * winograd_chunk;
  const int64_t position_stride = (g.k + winograd_chunk - 1) / winograd_chunk * chunk_stride;
  for (int64_t c = 0; c < g.k; c += L) {
    const int64_t left = g.k - c;
    V d[side * side];
    winograd_input_vector<M>(pixels, c, left, d);
    float* out =
        w.transformed + c / winograd_chunk * chunk_stride + index * winograd_chunk + c % winograd_chunk;
    for (int i = 0; i < side * side; ++i) {
      float* to = out + i * position_stride;
      if (left >= L)
        store(to, d[i]);
      else
        store_part(to, d[i], static_cast<int>(left));
    }
  }
}

// A few tiles of the part.
using WinogradTile = void (*)(const WinogradArgs&, int64_t index);
inline void winograd_input_tiles(const WinogradArgs& w, int64_t task, WinogradTile tile) {
  const int64_t first = task * w.input_tiles;
  const int64_t last = first + w.input_tiles < w.tile_count ? first + w.input_tiles : w.tile_count;
  for (int64_t i = first; i < last; ++i) tile(w, i);
}

void winograd_input(const WinogradArgs& w, int64_t task, float*) {
  winograd_input_tiles(w, task, w.outputs == 4 ? winograd_input_tile<4> : winograd_input_tile<2>);
}

// Rows of G: (1, x, x^2) / f(x), where f(x) is the product of the distances of the point x to the other points;
// the last row is of the point at infinity.
inline const float (&winograd_rows(std::integral_constant<int, 2>))[4][3] {
  static constexpr float rows[4][3] = {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};
  return rows;
}
inline const float (&winograd_rows(std::integral_constant<int, 4>))[6][3] {
  constexpr float a = winograd_a, b = winograd_b;
  constexpr float f0 = a * a * b * b, fa = 2 * a * a * (a * a - b * b), fb = 2 * b * b * (b * b - a * a);
  static constexpr float rows[6][3] = {{1 / f0, 0, 0},
                                       {1 / fa, a / fa, a * a / fa},
                                       {1 / fa, -a / fa, a * a / fa},
                                       {1 / fb, b / fb, b * b / fb},
                                       {1 / fb, -b / fb, b * b / fb},
                                       {0, 0, 1}};
  return rows;
}

// Row y of G g G' of a panel's filters for the input channels [first, first + count):
// `out` is (positions of the row, count, width).
template <int M, class Load>
void winograd_weights(const GemmArgs& g, int64_t panel_start, int64_t width, int64_t first, int64_t count,
                      int y, float* out, Load load_weights) {
  constexpr int side = M + 2;
  const auto& rows = winograd_rows(std::integral_constant<int, M>());
  V factor[side][3];
  for (int x = 0; x < side; ++x)
    for (int i = 0; i < 3; ++i) factor[x][i] = set1(rows[x][i]);
  for (int64_t c = 0; c < count; ++c)
    for (int64_t j = 0; j < width; j += L) {
      V half[3];
      for (int x = 0; x < 3; ++x) {
        auto tap = [&](int row) {
          return load_weights(panel_start + ((row * 3 + x) * g.k + first + c) * width + j);
        };
        half[x] = mul(factor[y][0], tap(0));
        for (int row = 1; row < 3; ++row) half[x] = fma(factor[y][row], tap(row), half[x]);
      }
      for (int x = 0; x < side; ++x) {
        V sum = mul(factor[x][0], half[0]);
        for (int i = 1; i < 3; ++i) sum = fma(factor[x][i], half[i], sum);
        store(out + (x * count + c) * width + j, sum);
      }
    }
}

// A' m A of a block's products, (positions, count, width), into the outputs of its tiles.
template <int M>
void winograd_output(const WinogradArgs& w, int64_t first, int64_t count, int64_t column, int64_t columns,
                     int64_t width, float* products) {
  constexpr int side = M + 2;
  const GemmArgs& g = w.product;
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

template <int M>
void winograd_product_tiles(const WinogradArgs& w, int64_t task, float* scratch) {
  constexpr int side = M + 2;
  constexpr int64_t panel = kTileVectors * L;
  const GemmArgs& g = w.product;
  const auto [index, first, count, column, columns, width] = panel_block(g, w.tile_count, task);
  const int64_t start = index * panel * g.k * 9;
  // Row by row of the positions, so that the sums of one stay in the second-level cache over all of k.
  float* weights = scratch;                                   // (positions of a row, chunk, width)
  float* products = scratch + side * winograd_chunk * panel;  // (positions, count, width)
  const float* rows[winograd_block_tiles];
  const int64_t chunks = (g.k + winograd_chunk - 1) / winograd_chunk;
  for (int y = 0; y < side; ++y)
    for (int64_t k = 0; k < g.k; k += winograd_chunk) {
      const int64_t length = g.k - k < winograd_chunk ? g.k - k : winograd_chunk;
      if (g.halves)
        winograd_weights<M>(g, start, width, k, length, y, weights,
                            [&](int64_t i) { return load_half(static_cast<const uint16_t*>(g.b) + i); });
      else
        winograd_weights<M>(g, start, width, k, length, y, weights,
                            [&](int64_t i) { return load(static_cast<const float*>(g.b) + i); });
      for (int x = 0; x < side; ++x) {
        const int i = y * side + x;
        const float* block =
            w.transformed + ((i * chunks + k / winograd_chunk) * w.tile_count + first) * winograd_chunk;
        for (int64_t r = 0; r < count; ++r) rows[r] = block + r * winograd_chunk;
        panel_product(count, length, rows, weights + x * length * width, width, products + i * count * width,
                      width, k > 0);
      }
    }
  winograd_output<M>(w, first, count, column, columns, width, products);
}

// One panel of outputs for a block of the part's tiles. scratch: see thread_scratch_floats.
void winograd_product(const WinogradArgs& w, int64_t task, float* scratch) {
  if (w.outputs == 4)
    winograd_product_tiles<4>(w, task, scratch);
  else
    winograd_product_tiles<2>(w, task, scratch);
}
