#include "base/crc32.h"

#include <array>

namespace ipa {
namespace {

// Eight tables, so that eight bytes are taken at a time.
using Tables = std::array<std::array<uint32_t, 256>, 8>;

const Tables& tables() {
  static const Tables made = [] {
    Tables t{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
      t[0][i] = value;
    }
    for (size_t k = 1; k < 8; ++k) {
      for (size_t i = 0; i < 256; ++i) t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 255];
    }
    return t;
  }();
  return made;
}

}  // namespace

uint32_t crc32(uint32_t crc, const void* data, size_t bytes) {
  const Tables& t = tables();
  const auto* in = static_cast<const uint8_t*>(data);
  crc = ~crc;
  for (; bytes >= 8; bytes -= 8, in += 8) {
    const uint32_t low = crc ^ (in[0] | uint32_t{in[1]} << 8 | uint32_t{in[2]} << 16 | uint32_t{in[3]} << 24);
    crc = t[7][low & 255] ^ t[6][low >> 8 & 255] ^ t[5][low >> 16 & 255] ^ t[4][low >> 24] ^ t[3][in[4]] ^
          t[2][in[5]] ^ t[1][in[6]] ^ t[0][in[7]];
  }
  for (; bytes > 0; --bytes, ++in) crc = crc >> 8 ^ t[0][(crc ^ *in) & 255];
  return ~crc;
}

}  // namespace ipa
