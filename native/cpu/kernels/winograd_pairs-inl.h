// Winograd's algorithm with products of 16-bit pairs: inputs are transformed in f32 and rounded, to integers
// with a scale for every chunk of a transformed row, or to bf16; weights are transformed from their words,
// bytes or bf16 and rounded again, words with a scale that the position alone decides.

// A chunk of inputs of at most 8191 and weights of at most 4095 adds up to less than 2^31.
constexpr float winograd_input_limit = 8191;
static_assert(winograd_chunk == 64, "sums of a chunk must fit 32 bits");

// By how much a row of G enlarges at most.
template <int M>
inline float winograd_reach(int row) {
  const float* g = winograd_rows(std::integral_constant<int, M>())[row];
  return std::fabs(g[0]) + std::fabs(g[1]) + std::fabs(g[2]);
}

template <int M, class X>
void winograd_input_tile_int16(const WinogradArgs& w, int64_t index) {
  constexpr int side = M + 2, positions = side * side;
  const GemmArgs& g = w.product;
  const X* pixels[positions];
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
      int16_t* words = static_cast<int16_t*>(w.pairs) + row * winograd_chunk;
      w.scales[row] = to_words_scaled(buffer + i * winograd_chunk, length, winograd_input_limit, words) *
                      (reach[i / side] * reach[i % side] / w.weight_gain);
      if (padded > length) words[length] = 0;
    }
  }
}

void winograd_input_int16(const WinogradArgs& w, int64_t task, float*) {
  if (w.product.a_bf16)
    winograd_input_tiles(
        w, task,
        w.outputs == 4 ? winograd_input_tile_int16<4, BFloat16> : winograd_input_tile_int16<2, BFloat16>);
  else
    winograd_input_tiles(
        w, task, w.outputs == 4 ? winograd_input_tile_int16<4, float> : winograd_input_tile_int16<2, float>);
}

template <int M, class X>
void winograd_input_tile_bf16(const WinogradArgs& w, int64_t index) {
  constexpr int side = M + 2, positions = side * side;
  const GemmArgs& g = w.product;
  const X* pixels[positions];
  winograd_pixels<M>(w, index, pixels);
  const int64_t chunk_stride = w.tile_count * winograd_chunk;
  const int64_t position_stride = (g.k + winograd_chunk - 1) / winograd_chunk * chunk_stride;
  for (int64_t c = 0; c < g.k; c += L) {
    V d[positions];
    winograd_input_vector<M>(pixels, c, g.k - c, d);
    BFloat16* out = static_cast<BFloat16*>(w.pairs) + c / winograd_chunk * chunk_stride +
                    index * winograd_chunk + c % winograd_chunk;
    // Rows of a chunk have room for whole vectors.
    for (int i = 0; i < positions; ++i) store(out + i * position_stride, d[i]);
  }
}

void winograd_input_bf16(const WinogradArgs& w, int64_t task, float*) {
  if (w.product.a_bf16)
    winograd_input_tiles(
        w, task,
        w.outputs == 4 ? winograd_input_tile_bf16<4, BFloat16> : winograd_input_tile_bf16<2, BFloat16>);
  else
    winograd_input_tiles(
        w, task, w.outputs == 4 ? winograd_input_tile_bf16<4, float> : winograd_input_tile_bf16<2, float>);
}

// What is multiplied: the words themselves,
// by `gain` and the reach of both rows brought to the limit of words; or bf16 as it is.
inline void store_transformed(int16_t* out, V even, V odd) {
  store_pairs(out, round_int(even), round_int(odd));
}
inline void store_transformed(BFloat16* out, V even, V odd) { store_pairs(out, even, odd); }

// One dimension of G g, of rows divided by `reach` (their own, or 1).
inline void winograd_filter(const V* g, const V* inverse_reach, V* out, std::integral_constant<int, 2>) {
  const V even = mul(add(g[0], g[2]), set1(0.5f)), odd = mul(g[1], set1(0.5f));
  out[0] = g[0];
  out[1] = mul(add(even, odd), inverse_reach[1]);
  out[2] = mul(sub(even, odd), inverse_reach[1]);
  out[3] = g[2];
}
inline void winograd_filter(const V* g, const V* inverse_reach, V* out, std::integral_constant<int, 4>) {
  const auto& rows = winograd_rows(std::integral_constant<int, 4>());
  auto pair = [&](int row) {
    const V factor = inverse_reach[row];
    const V even = fma(mul(set1(rows[row][2]), factor), g[2], mul(mul(set1(rows[row][0]), factor), g[0]));
    const V odd = mul(mul(set1(rows[row][1]), factor), g[1]);
    out[row] = add(even, odd);
    out[row + 1] = sub(even, odd);
  };
  out[0] = mul(mul(set1(rows[0][0]), inverse_reach[0]), g[0]);
  pair(1);
  pair(3);
  out[5] = g[2];
}

// Rows [first_row, first_row + row_count) of G g G' as winograd_weights, for pairs of input channels:
// `out` is (positions of the rows, pairs, width, 2). `gain` makes words of the largest size of bytes.
template <int M, class T, class B>
void winograd_weight_pairs(const B* panel, int64_t row_size, int64_t width, int64_t first, int64_t pairs,
                           float gain, int first_row, int row_count, T* out) {
  constexpr int side = M + 2;
  constexpr bool words = std::is_same<T, int16_t>::value;
  const auto& rows = winograd_rows(std::integral_constant<int, M>());
  V inverse_reach[side], vertical[side][3];
  for (int i = 0; i < side; ++i) {
    const float inverse = words ? 1.0f / winograd_reach<M>(i) : 1.0f;
    inverse_reach[i] = set1(inverse);
    for (int x = 0; x < 3; ++x) vertical[i][x] = set1(rows[i][x] * inverse * gain);
  }
  for (int64_t p = 0; p < pairs; ++p)
    for (int64_t j = 0; j < width; j += L) {
      V even[3][3], odd[3][3];
      const B* taps = panel + ((first / 2 + p) * width + j) * 2;
      IPA_UNROLL
      for (int i = 0; i < 9; ++i) {
        const auto tap = load_pairs(taps + i * row_size * width);
        even[i / 3][i % 3] = even_to_float(tap);
        odd[i / 3][i % 3] = odd_to_float(tap);
      }
      for (int y = 0; y < row_count; ++y) {
        V a[3], b[3], a_row[side], b_row[side];
        const V* factor = vertical[first_row + y];
        IPA_UNROLL
        for (int x = 0; x < 3; ++x) {
          a[x] = fma(factor[2], even[2][x], fma(factor[1], even[1][x], mul(factor[0], even[0][x])));
          b[x] = fma(factor[2], odd[2][x], fma(factor[1], odd[1][x], mul(factor[0], odd[0][x])));
        }
        winograd_filter(a, inverse_reach, a_row, std::integral_constant<int, M>());
        winograd_filter(b, inverse_reach, b_row, std::integral_constant<int, M>());
        IPA_UNROLL
        for (int x = 0; x < side; ++x)
          store_transformed(out + (((y * side + x) * pairs + p) * width + j) * 2, a_row[x], b_row[x]);
      }
    }
}

template <int M, class T, class B>
void winograd_product_pairs(const WinogradArgs& w, int64_t task, float* scratch) {
  constexpr int side = M + 2;
  constexpr bool scaled = std::is_same<T, int16_t>::value;
  constexpr int64_t panel = kTileVectors * L;
  const GemmArgs& g = w.product;
  const auto [index, first, count, column, columns, width] = panel_block(g, w.tile_count, task);
  const int64_t row_size = (g.k + 1) / 2 * 2, chunks = (g.k + winograd_chunk - 1) / winograd_chunk;
  const B* start = static_cast<const B*>(g.b) + index * panel * row_size * 9;
  auto* weights = reinterpret_cast<T*>(scratch);
  float* products = scratch + side * side * winograd_chunk / 2 * panel;
  const T* rows[winograd_block_tiles];
  // A few tiles' sums fit the second-level cache for all positions, which saves reading the weights once per row.
  const int row_count = count <= winograd_few_tiles ? side : 1;
  for (int y = 0; y < side; y += row_count)
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t k = chunk * winograd_chunk;
      const int64_t pairs = (row_size - k < winograd_chunk ? row_size - k : winograd_chunk) / 2;
      winograd_weight_pairs<M>(start, row_size, width, k, pairs, w.weight_gain, y, row_count, weights);
      for (int x = 0; x < row_count * side; ++x) {
        const int i = y * side + x;
        const int64_t row = (i * chunks + chunk) * w.tile_count + first;
        for (int64_t r = 0; r < count; ++r)
          rows[r] = static_cast<const T*>(w.pairs) + (row + r) * winograd_chunk;
        pairs_product<scaled>(count, pairs, rows, scaled ? w.scales + row : nullptr,
                              weights + x * pairs * width * 2, width, products + i * count * width, width,
                              chunk > 0);
      }
    }
  winograd_output<M>(w, first, count, column, columns, width, products);
}

template <class T, class B>
void winograd_product_of(const WinogradArgs& w, int64_t task, float* scratch) {
  if (w.outputs == 4)
    winograd_product_pairs<4, T, B>(w, task, scratch);
  else
    winograd_product_pairs<2, T, B>(w, task, scratch);
}

void winograd_product_int16(const WinogradArgs& w, int64_t task, float* scratch) {
  winograd_product_of<int16_t, int16_t>(w, task, scratch);
}

void winograd_product_int8_weights(const WinogradArgs& w, int64_t task, float* scratch) {
  winograd_product_of<int16_t, int8_t>(w, task, scratch);
}

void winograd_product_bf16(const WinogradArgs& w, int64_t task, float* scratch) {
  const AmxSession session;
  winograd_product_of<BFloat16, BFloat16>(w, task, scratch);
}
