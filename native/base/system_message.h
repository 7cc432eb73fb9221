// What the system says of its errors, in UTF-8.
#pragma once

#include <string>
#include <system_error>

namespace ipa {

// Of an error of the system's own functions; of Windows' on Windows, in the user's language.
std::string system_message(const std::error_code& error);

}  // namespace ipa
