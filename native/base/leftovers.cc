#include "base/leftovers.h"

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include "base/file.h"
#include "base/native_path.h"

namespace ipa {
namespace {

std::string name_of(const std::string& path) { return native_path(path).filename().u8string(); }

bool is_temporary_of(std::string_view file, std::string_view name) {
  const std::string_view mark = temporary_mark;
  if (file.size() != name.size() + mark.size() + temporary_digits || file.substr(0, name.size()) != name ||
      file.substr(name.size(), mark.size()) != mark)
    return false;
  return file.find_first_not_of("0123456789abcdef", name.size() + mark.size()) == std::string_view::npos;
}

#ifdef _WIN32

// A file that is open cannot be removed there.
void remove_if_left(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(native_path(path), ignored);
}

#else

void remove_if_left(const std::string& path) {
  const int handle = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (handle < 0) return;
  struct stat status = {};
  if (fstat(handle, &status) == 0 && S_ISREG(status.st_mode) && flock(handle, LOCK_EX | LOCK_NB) == 0)
    ::unlink(path.c_str());
  ::close(handle);
}

#endif

}  // namespace

bool claim_temporary(std::FILE* file) {
#ifdef _WIN32
  (void)file;
  return true;
#else
  const int handle = fileno(file);
  if (flock(handle, LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;
  struct stat status = {};
  return fstat(handle, &status) != 0 || status.st_nlink > 0;
#endif
}

void remove_leftovers(const std::string& path) {
  const std::string folder = folder_of(path), name = name_of(path);
  const Result<std::vector<std::string>> files = list_folder(folder);
  if (!files.ok()) return;
  for (const std::string& file : files.value())
    if (is_temporary_of(file, name)) remove_if_left(join_path(folder, file));
}

}  // namespace ipa
