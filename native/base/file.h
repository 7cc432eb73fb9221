// Files by UTF-8 path on every platform.
// Reading never maps memory, so a file cut short by someone else gives an error and not a signal.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/status.h"

namespace ipa {

// Opens a regular file for reading.
// Code::not_found, Code::io, or Code::type when it is a folder, pipe or device.
Result<std::unique_ptr<ByteSource>> open_file(const std::string& path);

// The whole file; Code::limit when it is larger than `max_bytes`, else as open_file and read_at.
Result<std::string> read_file(const std::string& path, uint64_t max_bytes);

enum class PathKind { none, file, folder, other };
// What is at `path`, links followed.
PathKind path_kind(const std::string& path);

// Whether two paths lead to the same file or folder; false when one of them leads nowhere.
bool same_file(const std::string& a, const std::string& b);

// Names (not paths) in a folder, sorted bytewise, without "." and "..".
Result<std::vector<std::string>> list_folder(const std::string& path);

// `folder` and `name` with one separator between them.
std::string join_path(const std::string& folder, const std::string& name);
// The folder that a file is in, "." for a name by itself.
std::string folder_of(const std::string& path);

}  // namespace ipa
