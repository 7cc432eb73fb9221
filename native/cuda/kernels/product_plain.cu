// Products in f32 without tensor cores: for what must not be rounded to 16 bits.
#include "cuda/kernels/epilogue.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/taps.cuh"

namespace ipa::gpu {
namespace {

// 64 x 64 sums a block, 4 x 4 a thread, from tiles of this depth.
constexpr int plain_tile = 64, plain_depth = 16, plain_threads = 256, plain_pitch = plain_tile + 4;

KERNEL_FOR(plain_threads, 2) plain_product(const ProductArgs g) {
  SHARED_BYTES(memory);
  float* rows = reinterpret_cast<float*>(memory);
  float* weights = rows + plain_depth * plain_pitch;
  const int64_t first_row = int64_t{blockIdx.x} * plain_tile;
  const int32_t first_column = static_cast<int32_t>(blockIdx.y) * plain_tile;
  const int32_t depth = g.taps.height * g.taps.width * g.padded_channels;
  const int k = static_cast<int>(threadIdx.x) % plain_depth, line = static_cast<int>(threadIdx.x) / plain_depth;
  // Two pairs of columns, eight apart: of a geglu_linear the values and their gates.
  const int down = static_cast<int>(threadIdx.x) / 16 * 4;
  const int across = static_cast<int>(threadIdx.x) % 16 / 4 * 16 + static_cast<int>(threadIdx.x) % 4 * 2;
  OutputRow own[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) own[i] = output_row(g, first_row + line + i * 16);
  Depth at(g, k);
  float sums[4][4] = {};
  for (int32_t from = 0; from < depth; from += plain_depth) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int64_t row = at.valid(g) ? input_row(g, own[i], at) : -1;
      const int32_t column = first_column + line + i * 16;
      rows[k * plain_pitch + line + i * 16] = row < 0 ? 0.0f : load_one(g.a, row * g.a.stride + at.channel);
      weights[k * plain_pitch + line + i * 16] =
          column < g.weight_rows && from + k < depth
              ? static_cast<const float*>(g.weights)[int64_t{column} * depth + from + k]
              : 0.0f;
    }
    at.advance(g, plain_depth);
    __syncthreads();
#pragma unroll 4
    for (int d = 0; d < plain_depth; ++d)
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j)
          sums[i][j] +=
              rows[d * plain_pitch + down + i] * weights[d * plain_pitch + across + j / 2 * 8 + j % 2];
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int64_t row = first_row + down + i;
    if (row >= g.rows) continue;
    const Pair low = {sums[i][0], sums[i][1]}, high = {sums[i][2], sums[i][3]};
    if (g.epilogue.geglu) {
      finish_gated(g.epilogue, row, first_column + across, g.columns, low, high);
    } else {
      finish_pair(g.epilogue, row, first_column + across, g.columns, low);
      finish_pair(g.epilogue, row, first_column + across + 8, g.columns, high);
    }
  }
}

}  // namespace

LaunchResult launch_plain_product(const ProductArgs& g, Stream stream) {
  const auto count = [](int64_t size) { return static_cast<unsigned>((size + plain_tile - 1) / plain_tile); };
  LAUNCH(plain_product, dim3(count(g.rows), count(g.weight_rows)), dim3(plain_threads),
         2 * plain_depth * plain_pitch * static_cast<int>(sizeof(float)), stream, g);
  return LAST_LAUNCH();
}

}  // namespace ipa::gpu
