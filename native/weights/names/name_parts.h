// Taking tensor names apart.
#pragma once

#include <string_view>

namespace ipa {

inline bool begins_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

inline bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

inline bool take(std::string_view& text, std::string_view prefix) {
  if (!begins_with(text, prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

inline bool take_end(std::string_view& text, std::string_view end) {
  if (!ends_with(text, end)) return false;
  text.remove_suffix(end.size());
  return true;
}

// A number of at most three digits and the dot behind it; -1 where there is none.
inline int take_number(std::string_view& text) {
  int value = 0;
  size_t digits = 0;
  while (digits < text.size() && digits < 3 && text[digits] >= '0' && text[digits] <= '9')
    value = 10 * value + (text[digits++] - '0');
  if (digits == 0 || digits == text.size() || text[digits] != '.') return -1;
  text.remove_prefix(digits + 1);
  return value;
}

}  // namespace ipa
