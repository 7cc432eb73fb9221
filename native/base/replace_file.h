// Puts a finished file in another's place.
#pragma once

#include <string>
#include <system_error>

namespace ipa {

// At once: whoever looks sees the old file or the new one, and who has the old one open keeps it. Paths in UTF-8, on one file
// system. On Windows before 10 (1607), and on file systems without such renames, an open file is in the way.
std::error_code replace_file(const std::string& from, const std::string& to);

}  // namespace ipa
