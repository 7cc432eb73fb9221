#include "schedulers/torch_noise.h"

#include <cmath>

namespace ipa {
namespace {

constexpr size_t kBlock = 16;
constexpr double kTwoPi = 6.283185307179586476925286766559;

// Box-Muller over 16 uniforms: the first eight give radii, the last eight angles.
// The angle is rounded to float first, as PyTorch does: at large radii that rounding shows in the sixth digit.
void normals_from_uniforms(float* block) {
  const float two_pi = static_cast<float>(kTwoPi);
  for (size_t i = 0; i < kBlock / 2; ++i) {
    const float u = 1.0f - block[i];  // (0, 1], so that the logarithm is finite
    const float angle = two_pi * block[i + kBlock / 2];
    const double radius = std::sqrt(-2.0 * std::log(static_cast<double>(u)));
    block[i] = static_cast<float>(radius * std::cos(static_cast<double>(angle)));
    block[i + kBlock / 2] = static_cast<float>(radius * std::sin(static_cast<double>(angle)));
  }
}

}  // namespace

TorchNoise::TorchNoise(uint64_t seed) {
  state_[0] = static_cast<uint32_t>(seed & 0xffffffffu);
  for (int i = 1; i < kWords; ++i) {
    state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + static_cast<uint32_t>(i);
  }
}

// The generator's recurrence (Matsumoto and Nishimura 1998, MT19937).
void TorchNoise::refresh() {
  constexpr int kShift = 397;
  for (int i = 0; i < kWords; ++i) {
    const uint32_t mixed = (state_[i] & 0x80000000u) | (state_[(i + 1) % kWords] & 0x7fffffffu);
    state_[i] = state_[(i + kShift) % kWords] ^ (mixed >> 1) ^ ((mixed & 1u) ? 0x9908b0dfu : 0u);
  }
  position_ = 0;
}

uint32_t TorchNoise::next_word() {
  if (position_ == kWords) refresh();
  uint32_t y = state_[position_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

float TorchNoise::next_uniform_24() {
  return static_cast<float>(next_word() & 0xffffffu) * (1.0f / 16777216.0f);
}

double TorchNoise::next_uniform_53() {
  const uint64_t high = next_word();
  const uint64_t low = next_word();
  return static_cast<double>(((high << 32) | low) & ((uint64_t{1} << 53) - 1)) * (1.0 / 9007199254740992.0);
}

float TorchNoise::next_scalar_normal() {
  if (has_spare_) {
    has_spare_ = false;
    return static_cast<float>(spare_);
  }
  const double angle = kTwoPi * next_uniform_53();
  const double radius = std::sqrt(-2.0 * std::log1p(-next_uniform_53()));
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return static_cast<float>(radius * std::cos(angle));
}

void TorchNoise::fill_uniform(float* out, size_t count) {
  for (size_t i = 0; i < count; ++i) out[i] = next_uniform_24();
}

void TorchNoise::fill(float* out, size_t count) {
  if (count < kBlock) {
    for (size_t i = 0; i < count; ++i) out[i] = next_scalar_normal();
    return;
  }
  fill_uniform(out, count);
  for (size_t i = 0; i + kBlock <= count; i += kBlock) normals_from_uniforms(out + i);
  if (count % kBlock != 0) {
    // The last sixteen are drawn anew, over the end of the last whole block.
    float* tail = out + count - kBlock;
    fill_uniform(tail, kBlock);
    normals_from_uniforms(tail);
  }
}

}  // namespace ipa
