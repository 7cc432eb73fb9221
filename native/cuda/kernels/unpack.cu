// Weights of convolutions that are kept as codes and scales, made numbers in front of the product that reads them: a group that
// shares a scale lies across the taps, where the product walks along the channels.
#include "cuda/kernels/block_codes.cuh"
#include "cuda/kernels/launch.cuh"

namespace ipa::gpu {
namespace {

constexpr int unpack_threads = 256, unpack_bytes = 24 << 10;

// A block turns `chunk` channels of a row over: (channels, taps) become (taps, channels).
template <class T, class Codes>
KERNEL(unpack_threads)
unpack(const UnpackArgs g, int32_t chunk) {
  SHARED_BYTES(memory);
  T* tile = reinterpret_cast<T*>(memory);
  const int64_t row = blockIdx.x;
  const int32_t first = static_cast<int32_t>(blockIdx.y) * chunk, count = min(chunk, g.channels - first);
  const int32_t depth = g.channels * g.taps, thread = static_cast<int32_t>(threadIdx.x);
  for (int32_t k = thread * 8; k < count * g.taps; k += unpack_threads * 8) {
    const EightCodes codes = load_codes<Codes>(g.codes, g.blocks, row, depth, first * g.taps + k);
    const uint4 packed = numbers_of<T, Codes>(codes, g.blocks);
    T numbers[8];
    memcpy(numbers, &packed, sizeof packed);
    int32_t channel = k / g.taps, tap = k - channel * g.taps;
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      tile[tap * chunk + channel] = numbers[j];
      if (++tap == g.taps) {
        tap = 0;
        ++channel;
      }
    }
  }
  __syncthreads();
  T* out = static_cast<T*>(g.out) + row * depth + first;
  const int32_t eighths = count / 8;
  for (int32_t i = thread; i < eighths * g.taps; i += unpack_threads) {
    const int32_t tap = i / eighths, channel = (i - tap * eighths) * 8;
    *reinterpret_cast<uint4*>(out + int64_t{tap} * g.channels + channel) =
        *reinterpret_cast<const uint4*>(tile + tap * chunk + channel);
  }
}

template <class T, class Codes>
LaunchResult launch_unpack_of(const UnpackArgs& g, Stream stream) {
  const int32_t most = unpack_bytes / static_cast<int32_t>(sizeof(T)) / g.taps / 8 * 8;
  const int32_t chunk = most < 8 ? 8 : most < 256 ? most : 256;
  const dim3 grid(static_cast<unsigned>(g.rows), static_cast<unsigned>((g.channels + chunk - 1) / chunk));
  const auto kernel = unpack<T, Codes>;
  LAUNCH(kernel, grid, dim3(unpack_threads), chunk * g.taps * static_cast<int>(sizeof(T)), stream, g, chunk);
  return LAST_LAUNCH();
}

template <class T>
LaunchResult launch_unpack_in(const UnpackArgs& g, Stream stream) {
  if (g.element == Element::codes8) return launch_unpack_of<T, Codes8>(g, stream);
  if (g.element == Element::codes4) return launch_unpack_of<T, Codes4>(g, stream);
  return LAUNCH_UNKNOWN;
}

}  // namespace

LaunchResult launch_unpack(const UnpackArgs& g, Stream stream) {
  switch (g.compute) {
    case Element::f16: return launch_unpack_in<Half>(g, stream);
    case Element::bf16: return launch_unpack_in<BFloat>(g, stream);
    default: break;
  }
  return LAUNCH_UNKNOWN;
}

}  // namespace ipa::gpu
