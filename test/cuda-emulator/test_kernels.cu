#include "test_kernels.h"

#include "cuda/kernels/device.cuh"

using ipa::gpu::BFloat;
using ipa::gpu::copy16;
using ipa::gpu::copy_commit;
using ipa::gpu::copy_wait;
using ipa::gpu::Half;
using ipa::gpu::load_matrices;
using ipa::gpu::load_matrices_transposed;
using ipa::gpu::mma;
using ipa::gpu::pack2;

namespace emulator_test {
namespace {

// ---- Products: a block makes 32 x 32 by two warps, each 16 rows; tiles of 16 columns of a, two under way.
constexpr int tile = 32, step = 16, stages = 3, pitch = step + 8, wide_pitch = tile + 8;
constexpr int tile_elements =
    tile * pitch;  // of a; that of b, which may lie the other way round, takes no more

template <class T>
DEV void load_rows(T* shared, int shared_pitch, const void* from, int row0, int rows, int column0, int columns,
                   int height, int width, bool unguarded) {
  const int vectors = width / 8;
  for (int i = threadIdx.x; i < height * vectors; i += blockDim.x) {
    const int r = i / vectors, c = i % vectors * 8;
    const bool valid = (unguarded || row0 + r < rows) && column0 + c < columns;
    const T* source = static_cast<const T*>(from) + (valid ? int64_t{row0 + r} * columns + column0 + c : 0);
    copy16(shared + r * shared_pitch + c, source, valid);
  }
}

template <class T, bool transposed>
DEV void load_tiles(T* shared, const TestArgs& g, int at) {
  const bool unguarded = g.fault == Fault::past_the_end;
  load_rows(shared, pitch, g.a, blockIdx.y * tile, g.rows, at, g.depth, tile, step, unguarded);
  T* other = shared + tile_elements;
  if (transposed)
    load_rows(other, wide_pitch, g.b, at, g.depth, blockIdx.x * tile, g.columns, step, tile, false);
  else
    load_rows(other, pitch, g.b, blockIdx.x * tile, g.columns, at, g.depth, tile, step, false);
}

template <class T, bool transposed>
DEV void multiply_tiles(float (&sums)[4][4], const T* shared, int warp, int lane) {
  uint32_t left[4], right[4];
  load_matrices(left, shared + (warp * 16 + lane % 16) * pitch + lane / 16 * 8);
  const T* other = shared + tile_elements;
  for (int j = 0; j < tile; j += 16) {
    if (transposed)
      load_matrices_transposed(right, other + lane % 16 * wide_pitch + j + lane / 16 * 8);
    else
      load_matrices(right, other + (j + lane % 8 + lane / 16 * 8) * pitch + lane / 8 % 2 * 8);
    mma(sums[j / 8], left, right, T{});
    mma(sums[j / 8 + 1], left, right + 2, T{});
  }
}

template <class T>
DEV void store_sums(const float (&sums)[4][4], const TestArgs& g, int warp, int lane) {
  for (int half = 0; half < 2; ++half) {
    const int row = blockIdx.y * tile + warp * 16 + half * 8 + lane / 4;
    if (row >= g.rows) continue;
    for (int j = 0; j < 4; ++j) {
      const int column = blockIdx.x * tile + j * 8 + lane % 4 * 2;
      if (column >= g.columns) continue;
      T* to = static_cast<T*>(g.out) + int64_t{row} * g.columns + column;
      *reinterpret_cast<uint32_t*>(to) = pack2<T>(sums[j][half * 2], sums[j][half * 2 + 1]);
    }
  }
}

template <class T, bool transposed>
KERNEL(64)
product(const TestArgs g) {
  SHARED_BYTES(memory);
  T* shared = reinterpret_cast<T*>(memory);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, steps = (g.depth + step - 1) / step;
  float sums[4][4] = {};
  for (int s = 0; s < stages - 1; ++s) {
    if (s < steps) load_tiles<T, transposed>(shared + s * 2 * tile_elements, g, s * step);
    copy_commit();
  }
  for (int s = 0; s < steps; ++s) {
    if (g.fault == Fault::wait_too_short)
      copy_wait<stages - 1>();
    else if (g.fault != Fault::no_wait)
      copy_wait<stages - 2>();
    if (g.fault != Fault::no_barrier) __syncthreads();
    const int next = s + stages - 1;
    if (next < steps) load_tiles<T, transposed>(shared + next % stages * 2 * tile_elements, g, next * step);
    copy_commit();
    multiply_tiles<T, transposed>(sums, shared + s % stages * 2 * tile_elements, warp, lane);
  }
  store_sums<T>(sums, g, warp, lane);
}

// ---- A warp a row.
KERNEL(128) row_sums(const TestArgs g) {
  const int row = blockIdx.x * 4 + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (row >= g.rows) return;
  if (g.fault == Fault::early_exit && lane >= g.columns) return;
  const float* from = static_cast<const float*>(g.a) + int64_t{row} * g.columns;
  float sum = 0;
  const int columns = g.columns + (g.fault == Fault::past_the_end && row == g.rows - 1);
  for (int c = lane; c < columns; c += 32) sum += from[c];
  for (int i = 16; i; i /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, i);
  if (lane == 0) static_cast<float*>(g.out)[row] = sum;
}

KERNEL(128) histogram(const TestArgs g) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= g.rows) return;
  int* count = static_cast<int*>(g.out) + static_cast<const int*>(g.a)[i];
  if (g.fault == Fault::not_atomic)
    ++*count;
  else
    atomicAdd(count, 1);
}

// ---- 32 x 32 through shared memory, four elements a thread.
KERNEL(256) turn(const TestArgs g) {
  SHARED_BYTES(memory);
  float* shared = reinterpret_cast<float*>(memory);
  const int x = threadIdx.x % 8 * 4, y = threadIdx.x / 8, row0 = blockIdx.y * 32, column0 = blockIdx.x * 32;
  if (g.fault == Fault::early_exit && threadIdx.x == 77) return;
  const float* from = static_cast<const float*>(g.a) + int64_t{row0 + y} * g.columns + column0 + x;
  if (g.fault == Fault::misaligned && threadIdx.x == 8) ++from;
  const bool inside = row0 + y < g.rows && column0 + x < g.columns;
  const float4 values = inside ? *reinterpret_cast<const float4*>(from) : make_float4(0, 0, 0, 0);
  float* to = shared + y * 33 + x;
  if (g.fault == Fault::past_the_shared) to += 32;
  if (g.fault != Fault::never_written || y > 0)
    to[0] = values.x, to[1] = values.y, to[2] = values.z, to[3] = values.w;
  if (g.fault != Fault::no_barrier) __syncthreads();
  for (int i = 0; i < 4; ++i)
    if (column0 + y < g.columns && row0 + x + i < g.rows)
      static_cast<float*>(g.out)[int64_t{column0 + y} * g.rows + row0 + x + i] = shared[(x + i) * 33 + y];
}

KERNEL(32) warp_turn(const TestArgs g) {
  SHARED_BYTES(memory);
  float* shared = reinterpret_cast<float*>(memory);
  const int lane = threadIdx.x;
  for (int i = 0; i < 32; ++i) shared[i * 33 + lane] = static_cast<const float*>(g.a)[i * 32 + lane];
  if (g.fault != Fault::no_warp_sync) __syncwarp();
  for (int i = 0; i < 32; ++i) static_cast<float*>(g.out)[i * 32 + lane] = shared[lane * 33 + i];
}

KERNEL(64) votes(const TestArgs g) {
  const int lane = threadIdx.x % 32;
  const int* from = static_cast<const int*>(g.a);
  const int vote = from[threadIdx.x];
  int* out = static_cast<int*>(g.out) + threadIdx.x * 4;
  unsigned mask = 0xffffffffu;
  if (g.fault == Fault::lane_left_out) mask = 0x7fffffffu;
  if (g.fault == Fault::other_meeting && lane < 3)
    out[0] = __shfl_sync(mask, vote, 0);
  else if (g.fault == Fault::silent_lane)
    out[0] = lane < 16 ? __shfl_sync(0xffffu, vote, 20) : 0;
  else
    out[0] = static_cast<int>(__ballot_sync(mask, vote));
  if (g.fault == Fault::lane_left_out) return;
  out[1] = __syncthreads_or(vote);
  out[2] = __all_sync(mask, vote);
  out[3] = __shfl_up_sync(mask, vote, 1, 8);
}

unsigned parts(int size, int part) { return static_cast<unsigned>((size + part - 1) / part); }

template <class T, bool transposed>
int launch_product(const TestArgs& g) {
  const int shared = g.shared ? g.shared : stages * 2 * tile_elements * static_cast<int>(sizeof(T));
  const dim3 grid(parts(g.columns, tile), g.blocks_y ? static_cast<unsigned>(g.blocks_y) : parts(g.rows, tile));
  const auto allowed = ALLOW_SHARED((product<T, transposed>), shared);
  if (allowed != LAUNCH_OK) return allowed;
  LAUNCH((product<T, transposed>), grid, dim3(64), shared, nullptr, g);
  return LAST_LAUNCH();
}

int launch_row_sums(const TestArgs& g) {
  LAUNCH(row_sums, dim3(parts(g.rows, 4)), dim3(g.threads ? static_cast<unsigned>(g.threads) : 128), g.shared,
         nullptr, g);
  return LAST_LAUNCH();
}
int launch_histogram(const TestArgs& g) {
  LAUNCH(histogram, dim3(parts(g.rows, 128)), dim3(128), 0, nullptr, g);
  return LAST_LAUNCH();
}
int launch_turn(const TestArgs& g) {
  LAUNCH(turn, dim3(parts(g.columns, 32), parts(g.rows, 32)), dim3(256), 32 * 33 * 4, nullptr, g);
  return LAST_LAUNCH();
}
int launch_warp_turn(const TestArgs& g) {
  LAUNCH(warp_turn, dim3(1), dim3(32), 32 * 33 * 4, nullptr, g);
  return LAST_LAUNCH();
}
int launch_votes(const TestArgs& g) {
  LAUNCH(votes, dim3(1), dim3(64), 0, nullptr, g);
  return LAST_LAUNCH();
}

}  // namespace

int launch_test_kernel(int32_t kernel, const void* arguments, uint64_t bytes) {
  if (bytes != sizeof(TestArgs)) return LAUNCH_UNKNOWN;
  const TestArgs& g = *static_cast<const TestArgs*>(arguments);
  switch (static_cast<Kernel>(kernel)) {
    case Kernel::product: return g.bfloat ? launch_product<BFloat, false>(g) : launch_product<Half, false>(g);
    case Kernel::product_transposed:
      return g.bfloat ? launch_product<BFloat, true>(g) : launch_product<Half, true>(g);
    case Kernel::row_sums: return launch_row_sums(g);
    case Kernel::histogram: return launch_histogram(g);
    case Kernel::turn: return launch_turn(g);
    case Kernel::warp_turn: return launch_warp_turn(g);
    case Kernel::votes: return launch_votes(g);
  }
  return LAUNCH_UNKNOWN;
}

}  // namespace emulator_test
