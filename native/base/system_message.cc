#include "base/system_message.h"

#include "base/windows.h"

namespace ipa {

#ifdef _WIN32

// std::system_category() answers in the system's code page.
std::string system_message(const std::error_code& error) {
  if (error.category() != std::system_category()) return error.message();
  wchar_t text[512];
  const auto number = static_cast<DWORD>(error.value());
  constexpr DWORD flags =
      FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK;
  const DWORD length = FormatMessageW(flags, nullptr, number, 0, text, 512, nullptr);
  std::string utf8(static_cast<size_t>(length) * 3, '\0');
  const int bytes = WideCharToMultiByte(CP_UTF8, 0, text, static_cast<int>(length), utf8.data(),
                                        static_cast<int>(utf8.size()), nullptr, nullptr);
  utf8.resize(bytes > 0 ? static_cast<size_t>(bytes) : 0);
  while (!utf8.empty() && (utf8.back() == ' ' || utf8.back() == '.')) utf8.pop_back();
  return utf8.empty() ? "error " + std::to_string(number) : utf8;
}

#else

std::string system_message(const std::error_code& error) { return error.message(); }

#endif

}  // namespace ipa
