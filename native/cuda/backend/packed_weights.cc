#include "cuda/backend/packed_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/bfloat16.h"
#include "base/float16.h"

namespace ipa::gpu {
namespace {

constexpr int64_t eight = 8;

int64_t up_to(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

Element weight_element(const Param& param) {
  switch (param.compute) {
    case Compute::f32: return Element::f32;
    case Compute::bf16: return Element::bf16;
    case Compute::int8:
    case Compute::int8_weights: return Element::i8;
    case Compute::f16:
    case Compute::int16: break;
  }
  return Element::f16;
}

float stored_value(const StoredTensors& stored, size_t tensor, int64_t index) {
  return stored.halves ? f16_to_f32(static_cast<const uint16_t*>(stored.tensors[tensor])[index])
                       : static_cast<const float*>(stored.tensors[tensor])[index];
}

// One row as it is multiplied: (taps, padded channels).
void gather_row(const PackedWeights& layout, const Param& param, const StoredTensors& stored,
                int64_t stored_row, std::vector<float>& row) {
  std::fill(row.begin(), row.end(), 0.0f);
  if (stored_row < 0) return;
  const auto tensor = static_cast<size_t>(stored_row / param.shape[0]);
  const int64_t first = stored_row % param.shape[0] * layout.channels * layout.taps;
  for (int64_t tap = 0; tap < layout.taps; ++tap)
    for (int64_t c = 0; c < layout.channels; ++c)
      row[static_cast<size_t>(tap * layout.padded_channels + c)] =
          stored_value(stored, tensor, first + c * layout.taps + tap);
}

// To 8 bits, by the largest magnitude of the row; its scale.
float round_row(const std::vector<float>& row, int8_t* to) {
  float most = 0;
  for (const float x : row) most = std::max(most, std::fabs(x));
  const float factor = most > 1e-30f ? 127.0f / most : 0.0f;
  for (size_t i = 0; i < row.size(); ++i) to[i] = static_cast<int8_t>(std::nearbyint(row[i] * factor));
  return factor > 0 ? most / 127.0f : 0.0f;
}

void pack_matrix(const Param& param, const StoredTensors& stored, uint8_t* out) {
  const PackedWeights layout(param);
  if (param.blocks)
    return layout.blocks.pack(
        stored.blocks, param.shape[0], [&](int64_t row) { return layout.stored_row(row); }, out);
  const auto depth = static_cast<size_t>(layout.taps * layout.padded_channels);
  std::vector<float> row(depth);
  for (int64_t r = 0; r < layout.rows; ++r) {
    gather_row(layout, param, stored, layout.stored_row(r), row);
    const size_t at = static_cast<size_t>(r) * depth;
    switch (layout.element) {
      case Element::i8: {
        const float scale = round_row(row, reinterpret_cast<int8_t*>(out) + at);
        std::memcpy(out + layout.scales + r * static_cast<int64_t>(sizeof scale), &scale, sizeof scale);
        break;
      }
      case Element::f16: {
        auto* to = reinterpret_cast<uint16_t*>(out) + at;
        for (size_t i = 0; i < depth; ++i) to[i] = f32_to_f16(row[i]);
        break;
      }
      case Element::bf16: {
        auto* to = reinterpret_cast<BFloat16*>(out) + at;
        for (size_t i = 0; i < depth; ++i) to[i] = to_bfloat16(row[i]);
        break;
      }
      case Element::f32:
      case Element::codes8:
      case Element::codes4:
      case Element::i32: std::memcpy(out + at * sizeof(float), row.data(), depth * sizeof(float)); break;
    }
  }
}

}  // namespace

PackedWeights::PackedWeights(const Param& param)
    : element(weight_element(param)), geglu_(param.role == ParamRole::geglu_linear) {
  const int64_t out = param.out_features();
  columns = geglu_ ? out / 2 : out;
  rows = geglu_ ? 2 * up_to(columns, eight) : out;
  if (param.role == ParamRole::conv2d) taps = param.shape[2] * param.shape[3];
  channels = param.shape[1];
  padded_channels = up_to(channels, element == Element::i8 ? 16 : eight);
  bytes = rows * taps * padded_channels * element_size(element);
  if (param.blocks) {
    blocks = PackedBlocks(param.blocks, rows, taps * channels);
    element = blocks.element();
    bytes = blocks.bytes;
    return;
  }
  if (element != Element::i8) return;
  scales = up_to(bytes, 16);
  bytes = scales + rows * static_cast<int64_t>(sizeof(float));
}

int64_t PackedWeights::unpacked_bytes() const {
  const bool is_codes = element == Element::codes8 || element == Element::codes4;
  return is_codes && taps > 1 ? rows * taps * channels * element_size(Element::f16) : 0;
}

int64_t PackedWeights::stored_row(int64_t row) const {
  if (!geglu_) return row;
  const int64_t column = row / 16 * eight + row % eight;
  if (column >= columns) return -1;
  return row / eight % 2 ? columns + column : column;
}

size_t packed_bytes(const Param& param) {
  if (param.is_matrix()) return static_cast<size_t>(PackedWeights(param).bytes);
  const size_t size = param.halves ? sizeof(uint16_t) : sizeof(float);
  return static_cast<size_t>(param.elements_each()) * param.names.size() * size;
}

void pack_param(const Param& param, const StoredTensors& stored, void* destination) {
  auto* out = static_cast<uint8_t*>(destination);
  if (param.is_matrix()) return pack_matrix(param, stored, out);
  const size_t each =
      static_cast<size_t>(param.elements_each()) * (param.halves ? sizeof(uint16_t) : sizeof(float));
  for (const void* tensor : stored.tensors) {
    std::memcpy(out, tensor, each);
    out += each;
  }
}

}  // namespace ipa::gpu
