#include "base/native_path.h"

#include <system_error>

namespace ipa {

#ifdef _WIN32

std::filesystem::path native_path(const std::string& utf8) {
  // 260 with the end, of which a folder's name leaves room for a file in it.
  constexpr size_t longest = 247;
  std::filesystem::path path = std::filesystem::u8path(utf8);
  if (path.native().size() <= longest || path.native().compare(0, 4, L"\\\\?\\") == 0) return path;
  std::error_code unknown;
  const std::filesystem::path whole = std::filesystem::absolute(path, unknown);
  if (unknown) return path;
  // That form is taken as it stands: no "..", and no slashes of the other kind.
  const std::wstring text = whole.lexically_normal().make_preferred().native();
  const bool on_server = text.compare(0, 2, L"\\\\") == 0;
  return on_server ? L"\\\\?\\UNC\\" + text.substr(2) : L"\\\\?\\" + text;
}

#else

std::filesystem::path native_path(const std::string& utf8) { return std::filesystem::u8path(utf8); }

#endif

}  // namespace ipa
