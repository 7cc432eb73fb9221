#include "base/file_writer.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <system_error>

#ifdef _WIN32
#include <io.h>
#else
#include <fcntl.h>
#include <unistd.h>
#endif

#include "base/file.h"
#include "base/leftovers.h"
#include "base/native_path.h"
#include "base/replace_file.h"
#include "base/system_message.h"
#include "base/utf8.h"

namespace ipa {
namespace {

// Creates a file that did not exist; null with errno set otherwise.
std::FILE* create_exclusive(const std::string& path) {
#ifdef _WIN32
  return _wfopen(native_path(path).c_str(), L"wbxN");
#else
  const int handle = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (handle < 0) return nullptr;
  std::FILE* file = fdopen(handle, "wb");
  if (!file) {
    const int error = errno;
    ::close(handle);
    ::unlink(path.c_str());
    errno = error;
  }
  return file;
#endif
}

bool flush_to_disk(std::FILE* file) {
  if (std::fflush(file) != 0) return false;
#ifdef _WIN32
  return _commit(_fileno(file)) == 0;
#else
  return fsync(fileno(file)) == 0;
#endif
}

// Unlikely to meet another writer's name; the file is opened exclusively, so a clash is an error
// and not a loss. (std::random_device would do, and would tie the prebuilt binary to a newer C library.)
std::string unique_suffix() {
  static std::atomic<uint64_t> counter{0};
  uint64_t x = static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  x ^= reinterpret_cast<uintptr_t>(&x) + (counter.fetch_add(1) << 48);
  // splitmix64's finaliser spreads the bits.
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  x ^= x >> 31;
  static const char digits[] = "0123456789abcdef";
  std::string suffix = temporary_mark;
  for (size_t i = 0; i < temporary_digits; ++i, x >>= 4) suffix += digits[x & 15];
  return suffix;
}

}  // namespace

FileWriter::~FileWriter() { discard(); }

Status FileWriter::error(const std::string& what) const {
  const int number = errno;
  return Status(number == ENOENT || number == ENOTDIR ? Code::not_found : Code::io,
                in_quotes(path_, 1024) + ": " + what + ": " + std::generic_category().message(number));
}

Status FileWriter::open() {
  if (path_.empty() || path_.find('\0') != std::string::npos || find_invalid_utf8(path_) != std::string::npos) {
    return Status(Code::not_found, in_quotes(path_, 1024) + ": not a usable path");
  }
  if (path_kind(path_) == PathKind::folder)
    return Status(Code::type, in_quotes(path_, 1024) + ": is a folder, not a file");
  remove_leftovers(path_);
  for (int attempt = 0; attempt < 16; ++attempt) {
    temporary_ = path_ + unique_suffix();
    file_ = create_exclusive(temporary_);
    if (file_ && claim_temporary(file_)) return {};
    if (file_) {
      discard();
      continue;
    }
    if (errno != EEXIST && errno != EINTR) break;
  }
  temporary_.clear();
  return error("cannot write there");
}

Status FileWriter::check_room(uint64_t bytes) const {
  std::error_code unknown;
  const std::filesystem::space_info space = std::filesystem::space(native_path(folder_of(path_)), unknown);
  // Some file systems do not tell, and say 0 of 0.
  if (unknown || space.capacity == 0 || space.available >= bytes) return {};
  return Status(Code::io, in_quotes(path_, 1024) + ": needs " + std::to_string(bytes) + " bytes, where " +
                              std::to_string(space.available) + " are free");
}

Status FileWriter::write(const void* data, size_t bytes) {
  if (!file_) return Status(Code::internal, in_quotes(path_, 1024) + ": written to without being open");
  if (bytes == 0 || std::fwrite(data, 1, bytes, file_) == bytes) return {};
  return error("cannot write");
}

Status FileWriter::close() {
  std::FILE* file = file_;
  file_ = nullptr;
  if (std::fclose(file) != 0) return error("cannot write");
  return {};
}

void FileWriter::discard() {
  if (file_) {
    std::fclose(file_);
    file_ = nullptr;
  }
  if (temporary_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove(native_path(temporary_), ignored);
  temporary_.clear();
}

Status FileWriter::commit() {
  if (!file_) return Status(Code::internal, in_quotes(path_, 1024) + ": committed without being open");
  Status status = flush_to_disk(file_) ? Status() : error("cannot write");
  const Status closed = close();
  if (status.ok()) status = closed;
  if (status.ok()) {
    const std::error_code renamed = replace_file(temporary_, path_);
    if (renamed) {
      status = Status(Code::io, in_quotes(path_, 1024) + ": cannot replace it: " + system_message(renamed));
    } else {
      temporary_.clear();
    }
  }
  discard();
  return status;
}

}  // namespace ipa
