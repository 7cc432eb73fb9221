// Winograd's algorithm with products in 16-bit integers: inputs are transformed in f32 and rounded with a scale
// for every chunk of a transformed row; weights are transformed from their words and rounded with a scale that
// the position alone decides.

// A chunk of inputs of at most 8191 and weights of at most 4095 adds up to less than 2^31.
constexpr float winograd_input_limit = 8191;
static_assert(winograd_chunk == 64, "sums of a chunk must fit 32 bits");

// By how much a row of G enlarges at most.
template <int M>
inline float winograd_reach(int row) {
  const float* g = winograd_rows(std::integral_constant<int, M>())[row];
  return std::fabs(g[0]) + std::fabs(g[1]) + std::fabs(g[2]);
}

template <int M>
void winograd_input_tile_int16(const WinogradArgs& w, int64_t index) {
  constexpr int side = M + 2, positions = side * side;
  const GemmArgs& g = w.product;
  const float* pixels[positions];
  winograd_pixels<M>(w, index, pixels);
  float reach[side], buffer[positions * winograd_chunk];
  for (int i = 0; i < side; ++i) reach[i] = winograd_reach<M>(i);
  const int64_t chunks = (g.k + winograd_chunk - 1) / winograd_chunk;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const int64_t first = chunk * winograd_chunk;
    const int64_t length = g.k - first < winograd_chunk ? g.k - first : winograd_chunk;
    for (int64_t c = 0; c < length; c += L) {
      V d[positions];
      winograd_input_vector<M>(pixels, first + c, length - c, d);
      for (int i = 0; i < positions; ++i) store(buffer + i * winograd_chunk + c, d[i]);
    }
    const int64_t padded = (length + 1) / 2 * 2;
    for (int i = 0; i < positions; ++i) {
      const int64_t row = (i * chunks + chunk) * w.tile_count + index;
      int16_t* words = w.words + row * winograd_chunk;
      w.scales[row] = to_words_scaled(buffer + i * winograd_chunk, length, winograd_input_limit, words) *
                      (reach[i / side] * reach[i % side] / w.weight_gain);
      if (padded > length) words[length] = 0;
    }
  }
}

void winograd_input_int16(const WinogradArgs& w, int64_t task) {
  winograd_input_tiles(w, task, w.outputs == 4 ? winograd_input_tile_int16<4> : winograd_input_tile_int16<2>);
}

// Row y of G g G' as winograd_weights, for pairs of input channels: `out` is (positions of the row, pairs,
// width, 2). `gain` makes words of the largest size of bytes.
template <int M, class B>
void winograd_weights_int16(const B* panel, int64_t row_words, int64_t width, int64_t first, int64_t pairs,
                            float gain, int y, int16_t* out) {
  constexpr int side = M + 2;
  const auto& rows = winograd_rows(std::integral_constant<int, M>());
  V factor[side][3];
  for (int x = 0; x < side; ++x)
    for (int i = 0; i < 3; ++i) factor[x][i] = set1(rows[x][i] / winograd_reach<M>(x));
  V vertical[3];
  for (int i = 0; i < 3; ++i) vertical[i] = mul(factor[y][i], set1(gain));
  for (int64_t p = 0; p < pairs; ++p)
    for (int64_t j = 0; j < width; j += L) {
      V even[3], odd[3];
      for (int x = 0; x < 3; ++x)
        for (int row = 0; row < 3; ++row) {
          const W2 tap =
              load_pairs(panel + (row * 3 + x) * row_words * width + ((first / 2 + p) * width + j) * 2);
          const V a = even_to_float(tap), b = odd_to_float(tap);
          even[x] = row == 0 ? mul(vertical[0], a) : fma(vertical[row], a, even[x]);
          odd[x] = row == 0 ? mul(vertical[0], b) : fma(vertical[row], b, odd[x]);
        }
      for (int x = 0; x < side; ++x) {
        V a = mul(factor[x][0], even[0]), b = mul(factor[x][0], odd[0]);
        for (int i = 1; i < 3; ++i) {
          a = fma(factor[x][i], even[i], a);
          b = fma(factor[x][i], odd[i], b);
        }
        store_pairs(out + ((x * pairs + p) * width + j) * 2, round_int(a), round_int(b));
      }
    }
}

template <int M, class B>
void winograd_product_tiles_int16(const WinogradArgs& w, int64_t task, float* scratch) {
  constexpr int side = M + 2;
  constexpr int64_t panel = kTileVectors * L;
  const GemmArgs& g = w.product;
  const auto [index, first, count, column, columns, width] = panel_block(g, w.tile_count, task);
  const int64_t row_words = (g.k + 1) / 2 * 2, chunks = (g.k + winograd_chunk - 1) / winograd_chunk;
  const B* start = static_cast<const B*>(g.b) + index * panel * row_words * 9;
  auto* weights = reinterpret_cast<int16_t*>(scratch);
  float* products = scratch + side * winograd_chunk * panel;
  const int16_t* rows[winograd_block_tiles];
  for (int y = 0; y < side; ++y)
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t k = chunk * winograd_chunk;
      const int64_t pairs = (row_words - k < winograd_chunk ? row_words - k : winograd_chunk) / 2;
      winograd_weights_int16<M>(start, row_words, width, k, pairs, w.weight_gain, y, weights);
      for (int x = 0; x < side; ++x) {
        const int i = y * side + x;
        const int64_t row = (i * chunks + chunk) * w.tile_count + first;
        for (int64_t r = 0; r < count; ++r) rows[r] = w.words + (row + r) * winograd_chunk;
        words_product<true>(count, pairs, rows, w.scales + row, weights + x * pairs * width * 2, width,
                            products + i * count * width, width, chunk > 0);
      }
    }
  winograd_output<M>(w, first, count, column, columns, width, products);
}

void winograd_product_int16(const WinogradArgs& w, int64_t task, float* scratch) {
  if (w.outputs == 4)
    w.byte_weights ? winograd_product_tiles_int16<4, int8_t>(w, task, scratch)
                   : winograd_product_tiles_int16<4, int16_t>(w, task, scratch);
  else
    w.byte_weights ? winograd_product_tiles_int16<2, int8_t>(w, task, scratch)
                   : winograd_product_tiles_int16<2, int16_t>(w, task, scratch);
}
