#include "base/file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include "base/native_path.h"
#include "base/system_message.h"
#include "base/utf8.h"
#include "base/windows.h"

namespace ipa {
namespace {

// One system call moves at most this much: some systems refuse or cut requests near 2 GiB.
constexpr size_t max_request = size_t{1} << 28;

Status path_error(Code code, const std::string& path, const std::string& what) {
  return Status(code, in_quotes(path, 1024) + ": " + what);
}

// What tells a file from another state of itself.
struct FileStamp {
  uint64_t device = 0, inode = 0, size = 0;
  int64_t seconds = 0, nanoseconds = 0;
  bool operator==(const FileStamp& o) const {
    return device == o.device && inode == o.inode && size == o.size && seconds == o.seconds &&
           nanoseconds == o.nanoseconds;
  }
};

#ifdef _WIN32
using Handle = HANDLE;
const Handle no_handle = INVALID_HANDLE_VALUE;

std::string last_error() { return system_message({static_cast<int>(GetLastError()), std::system_category()}); }

void close_handle(Handle handle) { CloseHandle(handle); }

bool stamp_of(Handle handle, FileStamp* stamp) {
  BY_HANDLE_FILE_INFORMATION info;
  if (!GetFileInformationByHandle(handle, &info)) return false;
  stamp->device = info.dwVolumeSerialNumber;
  stamp->inode = (uint64_t{info.nFileIndexHigh} << 32) | info.nFileIndexLow;
  stamp->size = (uint64_t{info.nFileSizeHigh} << 32) | info.nFileSizeLow;
  stamp->seconds = info.ftLastWriteTime.dwHighDateTime;
  stamp->nanoseconds = info.ftLastWriteTime.dwLowDateTime;
  return true;
}

Status open_handle(const std::string& path, Handle* handle) {
  *handle = CreateFileW(native_path(path).c_str(), GENERIC_READ,
                        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                        FILE_ATTRIBUTE_NORMAL, nullptr);
  if (*handle != no_handle) {
    if (GetFileType(*handle) == FILE_TYPE_DISK) return {};
    CloseHandle(*handle);
    *handle = no_handle;
    return path_error(Code::type, path, "not a regular file");
  }
  const DWORD error = GetLastError();
  if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND || error == ERROR_INVALID_NAME) {
    return path_error(Code::not_found, path, "no such file");
  }
  if (path_kind(path) == PathKind::folder) return path_error(Code::type, path, "is a folder, not a file");
  return path_error(Code::io, path, "cannot open: " + last_error());
}

// Bytes read, 0 at the end, -1 on error.
int64_t read_some(Handle handle, uint64_t offset, void* out, size_t bytes) {
  OVERLAPPED where = {};
  where.Offset = static_cast<DWORD>(offset);
  where.OffsetHigh = static_cast<DWORD>(offset >> 32);
  DWORD done = 0;
  if (ReadFile(handle, out, static_cast<DWORD>(bytes), &done, &where)) return done;
  return GetLastError() == ERROR_HANDLE_EOF ? 0 : -1;
}
#else
using Handle = int;
constexpr Handle no_handle = -1;

std::string last_error() { return std::generic_category().message(errno); }

void close_handle(Handle handle) { close(handle); }

bool stamp_of(Handle handle, FileStamp* stamp) {
  struct stat info;
  if (fstat(handle, &info) != 0) return false;
  stamp->device = static_cast<uint64_t>(info.st_dev);
  stamp->inode = static_cast<uint64_t>(info.st_ino);
  stamp->size = static_cast<uint64_t>(info.st_size);
#ifdef __APPLE__
  stamp->seconds = info.st_mtimespec.tv_sec;
  stamp->nanoseconds = info.st_mtimespec.tv_nsec;
#else
  stamp->seconds = info.st_mtim.tv_sec;
  stamp->nanoseconds = info.st_mtim.tv_nsec;
#endif
  return true;
}

Status open_handle(const std::string& path, Handle* handle) {
  // O_NONBLOCK: opening a pipe must not wait for its other end.
  do {
    *handle = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (*handle < 0 && errno == EINTR);
  if (*handle < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return path_error(Code::not_found, path, "no such file");
    return path_error(Code::io, path, "cannot open: " + last_error());
  }
  struct stat info;
  Status status;
  if (fstat(*handle, &info) != 0) {
    status = path_error(Code::io, path, "cannot stat: " + last_error());
  } else if (S_ISDIR(info.st_mode)) {
    status = path_error(Code::type, path, "is a folder, not a file");
  } else if (!S_ISREG(info.st_mode)) {
    status = path_error(Code::type, path, "not a regular file");
  }
  if (!status.ok()) {
    close_handle(*handle);
    *handle = no_handle;
  }
  return status;
}

int64_t read_some(Handle handle, uint64_t offset, void* out, size_t bytes) {
  for (;;) {
    const ssize_t done = pread(handle, out, bytes, static_cast<off_t>(offset));
    if (done >= 0 || errno != EINTR) return done;
  }
}
#endif

class FileBytes : public ByteSource {
 public:
  FileBytes(Handle handle, FileStamp stamp, std::string path)
      : handle_(handle), stamp_(stamp), path_(std::move(path)) {}
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;
  ~FileBytes() override { close_handle(handle_); }

  uint64_t size() const override { return stamp_.size; }
  const std::string& name() const override { return path_; }

  Status read_at(uint64_t offset, void* out, size_t bytes) const override {
    if (offset > size() || bytes > size() - offset)
      return path_error(Code::range, path_, "read beyond the end");
    char* to = static_cast<char*>(out);
    while (bytes > 0) {
      const int64_t done = read_some(handle_, offset, to, std::min(bytes, max_request));
      if (done < 0) return path_error(Code::io, path_, "cannot read: " + last_error());
      if (done == 0) return path_error(Code::changed, path_, "the file became shorter while it was read");
      to += done;
      offset += static_cast<uint64_t>(done);
      bytes -= static_cast<size_t>(done);
    }
    return {};
  }

  Status check_unchanged() const override {
    FileStamp now;
    if (!stamp_of(handle_, &now)) return path_error(Code::io, path_, "cannot stat: " + last_error());
    if (now == stamp_) return {};
    return path_error(Code::changed, path_, "the file was written to while it was read; load it again");
  }

 private:
  Handle handle_;
  FileStamp stamp_;
  std::string path_;
};

}  // namespace

Status MemoryBytes::read_at(uint64_t offset, void* out, size_t bytes) const {
  if (offset > bytes_.size() || bytes > bytes_.size() - offset) {
    return path_error(Code::range, name_, "read beyond the end");
  }
  if (bytes > 0) std::memcpy(out, bytes_.data() + offset, bytes);
  return {};
}

Result<std::unique_ptr<ByteSource>> open_file(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos || find_invalid_utf8(path) != std::string::npos) {
    return Status(Code::not_found, in_quotes(path, 1024) + ": not a usable path");
  }
  Handle handle = no_handle;
  IPA_TRY(open_handle(path, &handle));
  FileStamp stamp;
  const bool known = stamp_of(handle, &stamp);
  if (!known) {
    close_handle(handle);
    return path_error(Code::io, path, "cannot stat: " + last_error());
  }
  return std::unique_ptr<ByteSource>(std::make_unique<FileBytes>(handle, stamp, path));
}

Result<std::string> read_file(const std::string& path, uint64_t max_bytes) {
  IPA_ASSIGN(const std::unique_ptr<ByteSource> file, open_file(path));
  if (file->size() > max_bytes) {
    return path_error(Code::limit, path,
                      "is " + std::to_string(file->size()) + " bytes, more than " + std::to_string(max_bytes));
  }
  std::string text(static_cast<size_t>(file->size()), '\0');
  IPA_TRY(file->read_at(0, &text[0], text.size()));
  IPA_TRY(file->check_unchanged());
  return text;
}

PathKind path_kind(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos || find_invalid_utf8(path) != std::string::npos) {
    return PathKind::none;
  }
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(native_path(path), error);
  switch (status.type()) {
    case std::filesystem::file_type::regular: return PathKind::file;
    case std::filesystem::file_type::directory: return PathKind::folder;
    case std::filesystem::file_type::none:
    case std::filesystem::file_type::not_found: return PathKind::none;
    default: return PathKind::other;
  }
}

bool same_file(const std::string& a, const std::string& b) {
  if (path_kind(a) == PathKind::none || path_kind(b) == PathKind::none) return false;
  std::error_code error;
  return std::filesystem::equivalent(native_path(a), native_path(b), error) && !error;
}

Result<std::vector<std::string>> list_folder(const std::string& path) {
  if (path_kind(path) != PathKind::folder) return path_error(Code::not_found, path, "no such folder");
  std::error_code error;
  std::filesystem::directory_iterator entry(native_path(path), error);
  std::vector<std::string> names;
  while (!error && entry != std::filesystem::directory_iterator()) {
    try {
      names.push_back(entry->path().filename().u8string());
    } catch (const std::system_error&) {
      // A Windows name with a lone surrogate has no UTF-8 form, so nobody can ask for it either.
    }
    entry.increment(error);
  }
  if (error) return path_error(Code::io, path, "cannot list: " + system_message(error));
  std::sort(names.begin(), names.end());
  return names;
}

std::string join_path(const std::string& folder, const std::string& name) {
  if (folder.empty()) return name;
  const char last = folder.back();
#ifdef _WIN32
  if (last == '\\') return folder + name;
#endif
  return last == '/' ? folder + name : folder + "/" + name;
}

std::string folder_of(const std::string& path) {
#ifdef _WIN32
  const size_t slash = path.find_last_of("/\\");
#else
  const size_t slash = path.rfind('/');
#endif
  if (slash == std::string::npos) return ".";
  return path.substr(0, std::max<size_t>(slash, 1));
}

}  // namespace ipa
