// Reading and writing rows of any element, and how the threads of a block share them.
#pragma once

#include "cuda/kernels/device.cuh"

namespace ipa::gpu {

// Elements that move together. The address is a multiple of 16 bytes, or of all of them where they are fewer.
template <class T, int width>
struct alignas(width * sizeof(T) < 16 ? width * sizeof(T) : 16) Pack {
  T at[width];
};

template <int width, class T>
DEV void load(const T* from, float (&v)[width]) {
  const auto pack = *reinterpret_cast<const Pack<T, width>*>(from);
#pragma unroll
  for (int i = 0; i < width; ++i) v[i] = to_float(pack.at[i]);
}

template <int width, class T>
DEV void store(T* to, const float (&v)[width]) {
  Pack<T, width> pack;
#pragma unroll
  for (int i = 0; i < width; ++i) pack.at[i] = from_float<T>(v[i]);
  *reinterpret_cast<Pack<T, width>*>(to) = pack;
}

template <class T>
DEV const T* typed(const Rows& rows) {
  return static_cast<const T*>(rows.data);
}

// Calls `use` with a value of the element's type. An element is the same for all threads, which therefore do not part.
template <class Use>
DEV void with_type(Element element, Use use) {
  switch (element) {
    case Element::f16: use(Half{}); break;
    case Element::bf16: use(BFloat{}); break;
    default: use(float{}); break;
  }
}

// `at` counts elements from the first row.
template <int width>
DEV void load(const Rows& rows, int64_t at, float (&v)[width]) {
  with_type(rows.element, [&](auto kind) { load<width>(typed<decltype(kind)>(rows) + at, v); });
}
template <int width>
DEV void store(const Rows& rows, int64_t at, const float (&v)[width]) {
  with_type(rows.element, [&](auto kind) { store<width>(static_cast<decltype(kind)*>(rows.data) + at, v); });
}
DEV float load_one(const Rows& rows, int64_t at) {
  float v[1];
  load<1>(rows, at, v);
  return v[0];
}

// a / b of numbers that are not negative: a division of 64 bits takes several times as long.
DEV int64_t quotient(int64_t a, int64_t b) {
  return (a | b) >> 32 ? a / b : static_cast<int64_t>(static_cast<uint32_t>(a) / static_cast<uint32_t>(b));
}

inline bool is_float(const Rows& rows) {
  return rows.element == Element::f32 || rows.element == Element::f16 || rows.element == Element::bf16;
}

inline bool aligned(const void* data, int64_t bytes) { return reinterpret_cast<uintptr_t>(data) % bytes == 0; }

// Whether `width` channels of every row may be read or written at once, for `channels` in whole packs.
inline bool in_packs(const Rows& rows, int channels, int width) {
  const int64_t bytes = width * element_size(rows.element), most = bytes < 16 ? bytes : 16;
  return channels % width == 0 && aligned(rows.data, most) &&
         rows.stride * element_size(rows.element) % most == 0;
}

constexpr int row_threads = 256;  // of a block
constexpr int row_pack = 8;       // channels of a thread, where rows are in packs

// A block's threads stand `columns` side by side along a row, on `rows` rows at a time; what is left of them idles.
// Further columns are those of further blocks.
struct Tiles {
  int columns = 1, rows = 1, count = 1;
};

// For rows of so many columns.
inline Tiles tiles_of(int64_t columns) {
  constexpr int64_t most = 64;
  Tiles tiles;
  tiles.count = static_cast<int>((columns + most - 1) / most);
  tiles.columns = static_cast<int>((columns + tiles.count - 1) / tiles.count);
  tiles.rows = row_threads / tiles.columns;
  return tiles;
}

// Of this thread, in a grid whose y counts tiles.
struct TileThread {
  int row, column;
  DEV explicit TileThread(const Tiles& tiles)
      : row(static_cast<int>(threadIdx.x) / tiles.columns),
        column(static_cast<int>(blockIdx.y) * tiles.columns + static_cast<int>(threadIdx.x) % tiles.columns) {}
  DEV bool has_work(const Tiles& tiles, int64_t columns) const { return row < tiles.rows && column < columns; }
};

// Over all lanes of a warp; each gets the same bits.
DEV float warp_sum(float v) {
#pragma unroll
  for (int step = 16; step; step /= 2) v += __shfl_xor_sync(0xffffffffu, v, step);
  return v;
}
DEV float warp_max(float v) {
#pragma unroll
  for (int step = 16; step; step /= 2) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, step));
  return v;
}

}  // namespace ipa::gpu
