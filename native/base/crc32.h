// The checksum of zip archives (CRC-32 of IEEE 802.3).
#pragma once

#include <cstddef>
#include <cstdint>

namespace ipa {

// Goes on from `crc`, which is 0 at the start.
uint32_t crc32(uint32_t crc, const void* data, size_t bytes);

}  // namespace ipa
