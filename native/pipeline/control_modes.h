// The kinds of pictures that ControlNet-Unions tell apart, by the names that `mode` has.
#pragma once

#include <string>
#include <utility>

namespace ipa {

// Its number in the networks; -1 for a name that is none.
inline int control_mode(const std::string& name) {
  static const std::pair<const char*, int> modes[] = {
      {"openpose", 0}, {"depth", 1},   {"hed", 2},  {"scribble", 2}, {"canny", 3},  {"lineart", 3},
      {"normal", 4},   {"segment", 5}, {"tile", 6}, {"repaint", 7},  {"inpaint", 7}};
  for (const auto& [known, number] : modes)
    if (name == known) return number;
  return -1;
}

}  // namespace ipa
