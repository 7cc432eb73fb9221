#include "pipeline/fields.h"

#include <cstdio>

namespace ipa {
namespace {

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.16g", value);
  return text;
}

// The option itself, with the index of a pair in brackets.
std::string option_of(const std::string& path) {
  const size_t dot = path.find('.');
  const bool indexed = dot != std::string::npos && path[dot + 1] >= '0' && path[dot + 1] <= '9';
  return indexed ? path.substr(0, dot) + "[" + path.substr(dot + 1) + "]" : path;
}

}  // namespace

Status out_of_range(const std::string& path, bool is_integer, double least, double most, double value) {
  return Status::option(option_of(path),
                        std::string(is_integer ? "expected an integer" : "expected a finite number") +
                            " between " + number_text(least) + " and " + number_text(most) + " but received " +
                            number_text(value));
}

std::string quoted_names(const std::vector<const char*>& names) {
  std::vector<std::string> quoted;
  for (const char* name : names)
    if (name) quoted.push_back("\"" + std::string(name) + "\"");
  std::string text;
  for (size_t i = 0; i < quoted.size(); ++i)
    text += (i == 0 ? "" : i + 1 == quoted.size() ? " or " : ", ") + quoted[i];
  return text;
}

}  // namespace ipa
