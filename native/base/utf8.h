// UTF-8 checks and safe quoting of untrusted text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ipa {

// Byte offset of the first ill-formed sequence (overlong, surrogate, beyond U+10FFFF, cut short),
// or npos when there is none. Unicode 15, table 3-7.
size_t find_invalid_utf8(std::string_view text);

// Appends one code point, which must be a scalar value (<= U+10FFFF, no surrogate).
void append_utf8(uint32_t code_point, std::string* out);

// Text of a file made fit for an error message: in double quotes, control bytes and ill-formed UTF-8 as \xNN,
// cut after `limit` bytes (then "..." follows the closing quote).
std::string in_quotes(std::string_view text, size_t limit = 200);

}  // namespace ipa
