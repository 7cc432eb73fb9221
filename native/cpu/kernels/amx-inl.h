// Products of bf16 on Intel's AMX: tile registers of 16 rows of 64 bytes, one instruction for 16 rows times 16
// pairs times 16 columns. Pairs that are left beside whole tiles are multiplied as without AMX, in every row alike. Rows that are
// left fill a tile with copies of themselves: tiles round in another way than vectors do, and a row's bits must not depend on how
// many others there are.
// IPA_AMX_EMULATED: the same in plain C++, for tests on machines that have no tiles.

constexpr int kTileSide = 16;        // rows, pairs and columns of a tile
constexpr int kAmxA = 4, kAmxB = 5;  // tile registers; 0 to 3 hold sums

#if defined(IPA_AMX_EMULATED)
struct AmxTile {
  alignas(64) uint8_t rows[kTileSide][64];
};
inline AmxTile& amx_tile(int index) {
  static thread_local AmxTile tiles[8];
  return tiles[index];
}
struct AmxSession {
  AmxSession() {}  // not trivial, so that one may stand unused
};
template <int Tile>
void amx_zero() {
  std::memset(amx_tile(Tile).rows, 0, sizeof(AmxTile));
}
template <int Tile>
void amx_load(const void* from, int64_t stride) {
  for (int i = 0; i < kTileSide; ++i)
    std::memcpy(amx_tile(Tile).rows[i], static_cast<const uint8_t*>(from) + i * stride, 64);
}
template <int Tile>
void amx_store(void* to, int64_t stride) {
  for (int i = 0; i < kTileSide; ++i)
    std::memcpy(static_cast<uint8_t*>(to) + i * stride, amx_tile(Tile).rows[i], 64);
}
template <int Sum>
void amx_multiply() {
  auto element = [](int tile, int row, int pair, int half) {
    BFloat16 x;
    std::memcpy(&x, amx_tile(tile).rows[row] + 4 * pair + 2 * half, 2);
    return to_float(x);
  };
  for (int row = 0; row < kTileSide; ++row)
    for (int column = 0; column < kTileSide; ++column) {
      float sum;
      std::memcpy(&sum, amx_tile(Sum).rows[row] + 4 * column, 4);
      for (int pair = 0; pair < kTileSide; ++pair)
        for (int half = 0; half < 2; ++half)
          sum += element(kAmxA, row, pair, half) * element(kAmxB, pair, column, half);
      std::memcpy(amx_tile(Sum).rows[row] + 4 * column, &sum, 4);
    }
}
#else
// Tiles are in use while one of these lives;
// afterwards the processor has no more to save of the thread than before.
class AmxSession {
 public:
  AmxSession() {
    struct {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } config;
    static_assert(sizeof config == 64, "the processor reads 64 bytes");
    _tile_loadconfig(&config);
  }
  ~AmxSession() { _tile_release(); }
  AmxSession(const AmxSession&) = delete;
  AmxSession& operator=(const AmxSession&) = delete;
};
// The compilers' intrinsics take a register's number as a literal only. The first is for the registers of sums.
#define IPA_FOR_TILE(call, ...)                  \
  if constexpr (Tile == 0) call(0, __VA_ARGS__); \
  if constexpr (Tile == 1) call(1, __VA_ARGS__); \
  if constexpr (Tile == 2) call(2, __VA_ARGS__); \
  if constexpr (Tile == 3) call(3, __VA_ARGS__);
#define IPA_FOR_ANY_TILE(call, ...)              \
  IPA_FOR_TILE(call, __VA_ARGS__)                \
  if constexpr (Tile == 4) call(4, __VA_ARGS__); \
  if constexpr (Tile == 5) call(5, __VA_ARGS__);
template <int Tile>
void amx_zero() {
#define IPA_ZERO(tile, unused) _tile_zero(tile)
  IPA_FOR_TILE(IPA_ZERO, 0)
#undef IPA_ZERO
}
template <int Tile>
void amx_load(const void* from, int64_t stride) {
  IPA_FOR_ANY_TILE(_tile_loadd, from, stride)
}
template <int Tile>
void amx_store(void* to, int64_t stride) {
  IPA_FOR_TILE(_tile_stored, to, stride)
}
template <int Tile>
void amx_multiply() {
  IPA_FOR_TILE(_tile_dpbf16ps, 4, 5)  // kAmxA, kAmxB
}
#undef IPA_FOR_ANY_TILE
#undef IPA_FOR_TILE
#endif

// One of the sums of NV column tiles, or none of them.
template <int NV, int J>
void amx_start(const float* c, int64_t c_stride, bool accumulate) {
  if constexpr (J < NV) {
    if (accumulate)
      amx_load<J>(c + J * kTileSide, c_stride * 4);
    else
      amx_zero<J>();
  }
}
template <int NV, int J>
void amx_step(const BFloat16* b) {
  if constexpr (J < NV) {
    amx_load<kAmxB>(b + J * kTileSide * 2, NV * kTileSide * 4);
    amx_multiply<J>();
  }
}
template <int NV, int J>
void amx_finish(float* c, int64_t c_stride) {
  if constexpr (J < NV) amx_store<J>(c + J * kTileSide, c_stride * 4);
}

// c (+)= sixteen rows times `blocks` tiles of pairs.
template <int NV>
void amx_rows(int64_t blocks, const BFloat16* const* rows, const BFloat16* b, float* c, int64_t c_stride,
              bool accumulate) {
  const int64_t stride = (rows[1] - rows[0]) * 2;
  bool even = true;
  for (int i = 2; i < kTileSide; ++i) even = even && (rows[i] - rows[i - 1]) * 2 == stride;
  alignas(64) BFloat16 gathered[kTileSide][2 * kTileSide];
  amx_start<NV, 0>(c, c_stride, accumulate);
  amx_start<NV, 1>(c, c_stride, accumulate);
  amx_start<NV, 2>(c, c_stride, accumulate);
  amx_start<NV, 3>(c, c_stride, accumulate);
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t k = block * 2 * kTileSide;
    if (even) {
      amx_load<kAmxA>(rows[0] + k, stride);
    } else {
      for (int i = 0; i < kTileSide; ++i) std::memcpy(gathered[i], rows[i] + k, 64);
      amx_load<kAmxA>(gathered, 64);
    }
    amx_step<NV, 0>(b);
    amx_step<NV, 1>(b);
    amx_step<NV, 2>(b);
    amx_step<NV, 3>(b);
    b += kTileSide * NV * kTileSide * 2;
  }
  amx_finish<NV, 0>(c, c_stride);
  amx_finish<NV, 1>(c, c_stride);
  amx_finish<NV, 2>(c, c_stride);
  amx_finish<NV, 3>(c, c_stride);
}

// The same of fewer than sixteen rows.
template <int NV>
void amx_last_rows(int64_t count, int64_t blocks, const BFloat16* const* rows, const BFloat16* b, float* c,
                   int64_t c_stride, bool accumulate) {
  constexpr int64_t width = NV * kTileSide;
  const BFloat16* filled[kTileSide];
  alignas(64) float sums[kTileSide * width];
  for (int64_t i = 0; i < kTileSide; ++i) {
    const int64_t row = i < count ? i : count - 1;
    filled[i] = rows[row];
    if (accumulate) std::memcpy(sums + i * width, c + row * c_stride, width * sizeof(float));
  }
  amx_rows<NV>(blocks, filled, b, sums, width, accumulate);
  for (int64_t i = 0; i < count; ++i) std::memcpy(c + i * c_stride, sums + i * width, width * sizeof(float));
}

template <int NV>
void amx_product(int64_t count, int64_t pairs, const BFloat16* const* rows, const BFloat16* b, float* c,
                 int64_t c_stride, bool accumulate) {
  const int64_t blocks = pairs / kTileSide, done = blocks * kTileSide;
  if (blocks == 0) {
    pairs_rows<NV, false>(count, pairs, rows, nullptr, b, c, c_stride, accumulate);
    return;
  }
  for (int64_t r = 0; r < count; r += kTileSide) {
    const int64_t here = count - r < kTileSide ? count - r : kTileSide;
    if (here == kTileSide)
      amx_rows<NV>(blocks, rows + r, b, c + r * c_stride, c_stride, accumulate);
    else
      amx_last_rows<NV>(here, blocks, rows + r, b, c + r * c_stride, c_stride, accumulate);
    if (done == pairs) continue;
    const BFloat16* rest[kTileSide];
    for (int64_t i = 0; i < here; ++i) rest[i] = rows[r + i] + 2 * done;
    pairs_rows<NV, false>(here, pairs - done, rest, nullptr, b + done * NV * L * 2, c + r * c_stride, c_stride,
                          true);
  }
}
