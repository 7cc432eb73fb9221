// Paths are UTF-8 here; the system's functions take its own form.
#pragma once

#include <filesystem>
#include <string>

namespace ipa {

inline std::filesystem::path native_path(const std::string& utf8) { return std::filesystem::u8path(utf8); }

}  // namespace ipa
