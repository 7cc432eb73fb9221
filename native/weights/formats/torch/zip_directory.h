// The table of contents of a zip archive whose members are stored as they are, not compressed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/status.h"

namespace ipa {

struct ZipMember {
  std::string name;
  uint64_t begin = 0;  // of its data, in the file
  uint64_t bytes = 0;
  uint32_t crc = 0;  // 0 when it was not computed
};

struct ZipLimits {
  static constexpr size_t members = 140'000;
  static constexpr uint64_t directory_bytes = uint64_t{64} << 20;
  static constexpr size_t name_bytes = 1024;
};

// Members in the directory's order. Stricter than the format: one directory, which ends where the file does;
// names that are relative, plain and unique; members that do not overlap and whose two headers agree.
// Zip64 is read. Code::truncated (no end of a directory), layout, range, duplicate, limit,
// unsupported (compressed, encrypted, split).
Result<std::vector<ZipMember>> read_zip_directory(const ByteSource& file);

// All bytes of a small member, checked against its checksum: Code::limit, layout.
Result<std::string> read_zip_member(const ByteSource& file, const ZipMember& member, uint64_t max_bytes);

}  // namespace ipa
