#include "base/replace_file.h"

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/native_path.h"
#include "base/windows.h"

namespace ipa {

#ifdef _WIN32
namespace {

// FILE_RENAME_INFO as FileRenameInfoEx takes it; older SDKs know neither.
struct RenameInfo {
  DWORD flags;
  HANDLE folder;
  DWORD name_bytes;
  wchar_t name[1];
};
constexpr int rename_info_ex = 22;                // FileRenameInfoEx
constexpr DWORD replace_it = 1, as_in_posix = 2;  // FILE_RENAME_FLAG_REPLACE_IF_EXISTS, .._POSIX_SEMANTICS

bool rename_as_in_posix(const std::filesystem::path& from, const std::filesystem::path& to) {
  const HANDLE file =
      CreateFileW(from.c_str(), DELETE | SYNCHRONIZE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                  nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) return false;
  const std::wstring& name = to.native();
  const size_t name_bytes = name.size() * sizeof(wchar_t);
  std::vector<unsigned char> bytes(sizeof(RenameInfo) + name_bytes);
  const RenameInfo info = {replace_it | as_in_posix, nullptr, static_cast<DWORD>(name_bytes), {}};
  std::memcpy(bytes.data(), &info, sizeof info);
  std::memcpy(bytes.data() + offsetof(RenameInfo, name), name.data(), name_bytes);
  const BOOL renamed = SetFileInformationByHandle(file, static_cast<FILE_INFO_BY_HANDLE_CLASS>(rename_info_ex),
                                                  bytes.data(), static_cast<DWORD>(bytes.size()));
  CloseHandle(file);
  return renamed != 0;
}

}  // namespace
#endif

std::error_code replace_file(const std::string& from, const std::string& to) {
  const std::filesystem::path source = native_path(from), target = native_path(to);
  std::error_code error;
#ifdef _WIN32
  const std::filesystem::path whole = std::filesystem::absolute(target, error);
  if (!error && rename_as_in_posix(source, whole)) return {};
  error.clear();
#endif
  std::filesystem::rename(source, target, error);
  return error;
}

}  // namespace ipa
