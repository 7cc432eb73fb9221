// What is done row by row, without sums: activations and additions, copies, packing of keys and values.
#include "cuda/kernels/activations.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/rows.cuh"

namespace ipa::gpu {
namespace {

constexpr int turns = 4;  // rows of a thread

// Rows of a thread in a grid whose x counts `turns` times the rows of a tile.
template <class Visit>
DEV void each_row(const Tiles& tiles, const TileThread& at, int64_t rows, Visit visit) {
  int64_t row = int64_t{blockIdx.x} * tiles.rows * turns + at.row;
#pragma unroll 1
  for (int i = 0; i < turns && row < rows; ++i, row += tiles.rows) visit(row);
}

dim3 grid_of(const Tiles& tiles, int64_t rows) {
  const int64_t each = int64_t{tiles.rows} * turns;
  return dim3(static_cast<unsigned>((rows + each - 1) / each), static_cast<unsigned>(tiles.count));
}

template <int width>
KERNEL(row_threads)
elementwise(const ElementwiseArgs g, const Tiles tiles) {
  const TileThread at(tiles);
  if (!at.has_work(tiles, g.channels / width)) return;
  const int64_t c = int64_t{at.column} * width;
  each_row(tiles, at, g.rows, [&](int64_t row) {
    float v[width];
    load<width>(g.a, row * g.a.stride + c, v);
    if (g.b.data) {
      int64_t other = row;
      if (g.b_period) other = row - quotient(row, g.b_period) * g.b_period;
      if (g.b_divide) other = quotient(row, g.b_divide);
      float w[width];
      load<width>(g.b, other * g.b.stride + c, w);
#pragma unroll
      for (int i = 0; i < width; ++i) v[i] += w[i];
    }
    activate(g.activation, v);
    store<width>(g.out, row * g.out.stride + c, v);
  });
}

// The nearest neighbour as PyTorch picks it, in its precision.
DEV int nearest(int place, int from, int to) {
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  const int at = static_cast<int>(floorf(static_cast<float>(place) * scale));
  return at < from - 1 ? at : from - 1;
}

DEV int64_t source_row(const CopyArgs& g, int64_t row) {
  switch (g.kind) {
    case CopyArgs::Kind::repeat: return row - quotient(row, g.period) * g.period;
    case CopyArgs::Kind::gather: {
      const int64_t id = g.ids[row];
      return id < 0 ? 0 : id < g.from_rows ? id : g.from_rows - 1;
    }
    case CopyArgs::Kind::enlarge: {
      const int64_t line = quotient(row, g.out_w), item = quotient(line, g.out_h);
      const int x = static_cast<int>(row - line * g.out_w), y = static_cast<int>(line - item * g.out_h);
      return (item * g.in_h + nearest(y, g.in_h, g.out_h)) * g.in_w + nearest(x, g.in_w, g.out_w);
    }
    case CopyArgs::Kind::same:
    case CopyArgs::Kind::tokens: break;
  }
  return row;
}

DEV int64_t target_row(const CopyArgs& g, int64_t row) {
  if (g.kind != CopyArgs::Kind::tokens) return row;
  const int64_t item = quotient(row, g.in_tokens);
  return item * g.out_tokens + g.offset + (row - item * g.in_tokens);
}

// Rows whose elements, of `size` bytes, stay what they are, in units of some bytes.
template <class Unit>
KERNEL(row_threads)
copy_units(const CopyArgs g, const Tiles tiles, const int columns, const int64_t size) {
  const TileThread at(tiles);
  if (!at.has_work(tiles, columns)) return;
  each_row(tiles, at, g.rows, [&](int64_t row) {
    const auto* from =
        static_cast<const unsigned char*>(g.from.data) + source_row(g, row) * g.from.stride * size;
    auto* to = static_cast<unsigned char*>(g.out.data) + target_row(g, row) * g.out.stride * size;
    reinterpret_cast<Unit*>(to)[at.column] = reinterpret_cast<const Unit*>(from)[at.column];
  });
}

template <int width>
KERNEL(row_threads)
copy_converted(const CopyArgs g, const Tiles tiles) {
  const TileThread at(tiles);
  if (!at.has_work(tiles, g.channels / width)) return;
  const int64_t c = int64_t{at.column} * width;
  each_row(tiles, at, g.rows, [&](int64_t row) {
    float v[width];
    load<width>(g.from, source_row(g, row) * g.from.stride + c, v);
    store<width>(g.out, target_row(g, row) * g.out.stride + c, v);
  });
}

// Eight places of a padded head a thread. Its rows: those of an item's keys, then those of its values, item by item.
template <bool packs>
KERNEL(row_threads)
pack_rows(const PackKvArgs g, const Tiles tiles) {
  const TileThread at(tiles);
  const int per_head = g.padded_head / row_pack, columns = g.heads * per_head;
  if (!at.has_work(tiles, columns)) return;
  const int head = at.column / per_head, place = at.column % per_head * row_pack;
  const int left = g.head_size - place;
  each_row(tiles, at, int64_t{2} * g.items * g.tokens, [&](int64_t row) {
    const int64_t half = quotient(row, g.tokens), token = row - half * g.tokens;
    const bool values = half % 2;
    const int64_t in_row = half / 2 * g.tokens + token, in = int64_t{head} * g.head_size + place;
    float v[row_pack];
    const auto read = [&](const Rows& from) {
      const int64_t first = in_row * from.stride + in;
      if (packs) {
        load<row_pack>(from, first, v);
      } else {
#pragma unroll
        for (int i = 0; i < row_pack; ++i) v[i] = i < left ? load_one(from, first + i) : 0.0f;
      }
    };
    values ? read(g.v) : read(g.k);
    const int64_t to = (row * columns + at.column) * row_pack;
    with_type(g.compute, [&](auto kind) { store<row_pack>(static_cast<decltype(kind)*>(g.out) + to, v); });
  });
}

template <class Unit>
bool copies_in(const CopyArgs& g) {
  constexpr int64_t unit = sizeof(Unit);
  const int64_t size = element_size(g.from.element);
  return aligned(g.from.data, unit) && aligned(g.out.data, unit) && g.from.stride * size % unit == 0 &&
         g.out.stride * size % unit == 0 && g.channels * size % unit == 0;
}

template <class Unit>
LaunchResult launch_units(const CopyArgs& g, Stream stream) {
  const int64_t size = element_size(g.from.element);
  const auto columns = static_cast<int>(g.channels * size / static_cast<int64_t>(sizeof(Unit)));
  const Tiles tiles = tiles_of(columns);
  LAUNCH(copy_units<Unit>, grid_of(tiles, g.rows), row_threads, 0, stream, g, tiles, columns, size);
  return LAST_LAUNCH();
}

}  // namespace

LaunchResult launch_elementwise(const ElementwiseArgs& g, Stream stream) {
  if (!is_float(g.a) || !is_float(g.out) || (g.b.data && !is_float(g.b))) return LAUNCH_UNKNOWN;
  const auto run = [&](auto kernel, int width) {
    const Tiles tiles = tiles_of(g.channels / width);
    LAUNCH(kernel, grid_of(tiles, g.rows), row_threads, 0, stream, g, tiles);
    return LAST_LAUNCH();
  };
  const auto packs = [&](const Rows& rows) { return in_packs(rows, g.channels, row_pack); };
  const bool all = packs(g.a) && packs(g.out) && (!g.b.data || packs(g.b));
  return all ? run(elementwise<row_pack>, row_pack) : run(elementwise<1>, 1);
}

LaunchResult launch_copy_rows(const CopyArgs& g, Stream stream) {
  if (g.from.element == g.out.element) {
    if (copies_in<uint4>(g)) return launch_units<uint4>(g, stream);
    if (copies_in<uint32_t>(g)) return launch_units<uint32_t>(g, stream);
    // No element of values is smaller.
    return copies_in<uint16_t>(g) ? launch_units<uint16_t>(g, stream) : LAUNCH_UNKNOWN;
  }
  if (!is_float(g.from) || !is_float(g.out)) return LAUNCH_UNKNOWN;
  const auto run = [&](auto kernel, int width) {
    const Tiles tiles = tiles_of(g.channels / width);
    LAUNCH(kernel, grid_of(tiles, g.rows), row_threads, 0, stream, g, tiles);
    return LAST_LAUNCH();
  };
  const bool packs = in_packs(g.from, g.channels, row_pack) && in_packs(g.out, g.channels, row_pack);
  return packs ? run(copy_converted<row_pack>, row_pack) : run(copy_converted<1>, 1);
}

LaunchResult launch_pack_kv(const PackKvArgs& g, Stream stream) {
  if (!is_float(g.k) || !is_float(g.v) || !aligned(g.out, 16) || g.padded_head % row_pack)
    return LAUNCH_UNKNOWN;
  const auto run = [&](auto kernel) {
    const Tiles tiles = tiles_of(int64_t{g.heads} * (g.padded_head / row_pack));
    LAUNCH(kernel, grid_of(tiles, int64_t{2} * g.items * g.tokens), row_threads, 0, stream, g, tiles);
    return LAST_LAUNCH();
  };
  const bool packs = g.head_size == g.padded_head && in_packs(g.k, g.head_size, row_pack) &&
                     in_packs(g.v, g.head_size, row_pack);
  return packs ? run(pack_rows<true>) : run(pack_rows<false>);
}

}  // namespace ipa::gpu
