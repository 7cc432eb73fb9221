// ldmatrix and mma of a warp. How elements lie in the registers of lanes: PTX ISA, "Matrix fragments for mma.m16n8k16".
#include <cstring>

#include "checks.h"
#include "half_types.h"
#include "report.h"
#include "warp.h"

namespace cuda_emulator {
namespace {

constexpr int rows = 16, columns = 8, depth = 16, row_bytes = 16;

// 32 words of a matrix row each; zeros for a lane that took no part.
struct Rows {
  alignas(64) uint16_t halves[warp_size][8];
};

void fetch_rows(Warp& warp, uint32_t lanes, Rows& fetched) {
  for (int lane = 0; lane < warp_size; ++lane) {
    const void* row = warp.rows[lane];
    if (!(lanes >> lane & 1)) {
      std::memset(fetched.halves[lane], 0, row_bytes);
      continue;
    }
    if (reinterpret_cast<uintptr_t>(row) % row_bytes)
      fault("a misaligned row of ldmatrix", warp.threads[lane], row);
    if (checking) check_access_of(warp.threads[lane], row, row_bytes, Access::read);
    std::memcpy(fetched.halves[lane], row, row_bytes);
  }
}

void load(Warp& warp, uint32_t lanes) {
  Rows fetched;
  fetch_rows(warp, lanes, fetched);
  for (int matrix = 0; matrix < 4; ++matrix)
    for (int lane = 0; lane < warp_size; ++lane)
      std::memcpy(&warp.words[lane][matrix], &fetched.halves[matrix * 8 + lane / 4][lane % 4 * 2], 4);
}

void load_transposed(Warp& warp, uint32_t lanes) {
  Rows fetched;
  fetch_rows(warp, lanes, fetched);
  for (int matrix = 0; matrix < 4; ++matrix)
    for (int lane = 0; lane < warp_size; ++lane) {
      const uint32_t low = fetched.halves[matrix * 8 + lane % 4 * 2][lane / 4];
      const uint32_t high = fetched.halves[matrix * 8 + lane % 4 * 2 + 1][lane / 4];
      warp.words[lane][matrix] = low | high << 16;
    }
}

// Both halves of each word, the low one first.
template <float (*decode)(uint32_t), int count>
inline void decode_words(const uint32_t* words, float* values) {
  uint16_t halves[count * 2];
  std::memcpy(halves, words, sizeof(halves));
  for (int i = 0; i < count * 2; ++i) values[i] = decode(halves[i]);
}

template <float (*decode)(uint32_t)>
void unpack(const Warp& warp, float (&left)[rows][depth], float (&right)[depth][columns]) {
  alignas(64) float of_left[warp_size][4][2], of_right[warp_size][2][2];
  decode_words<decode, warp_size * 4>(warp.left[0], of_left[0][0]);
  decode_words<decode, warp_size * 2>(warp.right[0], of_right[0][0]);
  for (int lane = 0; lane < warp_size; ++lane) {
    const int line = lane / 4, pair = lane % 4 * 2;
    for (int part = 0; part < 4; ++part)
      std::memcpy(&left[line + part % 2 * 8][pair + part / 2 * 8], of_left[lane][part], 8);
    for (int part = 0; part < 2; ++part)
      for (int e = 0; e < 2; ++e) right[pair + part * 8 + e][line] = of_right[lane][part][e];
  }
}

// Two rows at a time: as many sums as keep the adders busy and fit the registers.
typedef float Four __attribute__((vector_size(16), aligned(16), may_alias));
void multiply(const float (&left)[rows][depth], const float (&right)[depth][columns],
              float (&sums)[rows][columns]) {
  for (int row = 0; row < rows; row += 2) {
    Four a{}, b{}, c{}, d{};
    for (int k = 0; k < depth; ++k) {
      const auto* other = reinterpret_cast<const Four*>(right[k]);
      a += left[row][k] * other[0];
      b += left[row][k] * other[1];
      c += left[row + 1][k] * other[0];
      d += left[row + 1][k] * other[1];
    }
    auto* to = reinterpret_cast<Four*>(sums[row]);
    to[0] = a;
    to[1] = b;
    to[2] = c;
    to[3] = d;
  }
}

template <float (*decode)(uint32_t)>
void product(Warp& warp, uint32_t) {
  alignas(64) float left[rows][depth], right[depth][columns], sums[rows][columns];
  unpack<decode>(warp, left, right);
  multiply(left, right, sums);
  for (int lane = 0; lane < warp_size; ++lane)
    for (int part = 0; part < 2; ++part)
      std::memcpy(&warp.sums[lane][part * 2], &sums[lane / 4 + part * 8][lane % 4 * 2], 8);
}

}  // namespace

const Meeting meeting_load{"ldmatrix", load, false};
const Meeting meeting_load_transposed{"ldmatrix.trans", load_transposed, false};
const Meeting meeting_product_half{"mma", product<float_of_half>, false};
const Meeting meeting_product_bfloat{"mma of bf16", product<float_of_bfloat>, false};

}  // namespace cuda_emulator
