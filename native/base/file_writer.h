// Writing a file so that its name never shows a half-written state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/status.h"

namespace ipa {

// Collects bytes in a temporary file beside `path`; commit() puts it in the place of `path` in one step.
// Without a commit the destructor removes it; where the process ended before that,
// the next writer of `path` does. Errors are Code::io (not_found when the folder does not exist).
class FileWriter {
 public:
  explicit FileWriter(std::string path) : path_(std::move(path)) {}
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  ~FileWriter();

  Status open();
  // An error when the file system says that it has no room for `bytes` bytes.
  Status check_room(uint64_t bytes) const;
  Status write(const void* data, size_t bytes);
  // Flushes to the disk and renames. The writer is closed afterwards, whatever the outcome.
  Status commit();

 private:
  Status error(const std::string& what) const;
  Status close();
  void discard();

  std::string path_;
  std::string temporary_;
  std::FILE* file_ = nullptr;
};

}  // namespace ipa
