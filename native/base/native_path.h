// Paths are UTF-8 here; the system's functions take its own form.
#pragma once

#include <filesystem>
#include <string>

namespace ipa {

// On Windows, paths that its older functions find too long get the form that has no limit.
std::filesystem::path native_path(const std::string& utf8);

}  // namespace ipa
