// Bytes that can be read at any offset: a file, or memory that stands for one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace ipa {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;
  // Copies `bytes` bytes from `offset` to `out`, all or an error:
  // Code::range beyond size(), Code::changed when the file shrank meanwhile, Code::io. Thread-safe.
  virtual Status read_at(uint64_t offset, void* out, size_t bytes) const = 0;
  // Code::changed when the bytes are no longer those seen at opening (size or modification time differ).
  virtual Status check_unchanged() const = 0;
  // For messages: path of the file.
  virtual const std::string& name() const = 0;
};

class MemoryBytes : public ByteSource {
 public:
  MemoryBytes(std::vector<uint8_t> bytes, std::string name)
      : bytes_(std::move(bytes)), name_(std::move(name)) {}
  uint64_t size() const override { return bytes_.size(); }
  Status read_at(uint64_t offset, void* out, size_t bytes) const override;
  Status check_unchanged() const override { return {}; }
  const std::string& name() const override { return name_; }

 private:
  std::vector<uint8_t> bytes_;
  std::string name_;
};

}  // namespace ipa
