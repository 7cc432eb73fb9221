// Typed reading of a network's or scheduler's config file:
// absent fields take the class's default, unknown fields are ignored.
// Files are untrusted: numbers that become sizes have bounds, so that no later product can overflow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace ipa {

// The first bad field is kept in status() and later reads go on with defaults,
// so that a reader needs one check at its end.
class ConfigReader {
 public:
  // `where` starts every message: a class name or a file. `config` must outlive the reader.
  ConfigReader(const Json& config, std::string where);

  const std::string& where() const { return where_; }
  const Status& status() const { return status_; }

  // null counts as false.
  bool boolean(const char* key, bool fallback);
  double number(const char* key, double fallback);
  double number(const char* key, double fallback, double low, double high);
  // A whole number in [low, high].
  int64_t integer(const char* key, int64_t fallback, int64_t low, int64_t high);
  // A list of `count` whole numbers, or one of them for all.
  std::vector<int64_t> integers(const char* key, int64_t fallback, size_t count, int64_t low, int64_t high);
  // A list of any (short) length; empty when absent.
  std::vector<int64_t> list(const char* key, int64_t low, int64_t high);
  std::vector<bool> booleans(const char* key, bool fallback, size_t count);
  std::vector<std::string> texts(const char* key);
  // null and absent are the same.
  std::optional<double> optional_number(const char* key);
  std::optional<std::vector<double>> optional_numbers(const char* key);
  // JSON has no infinity: null, "-Infinity" and "-inf" stand for it beside a plain number.
  double number_or_minus_infinity(const char* key, double fallback);
  std::string text(const char* key, const std::string& fallback);
  // One of `names`, each with its value; the message of an error lists them.
  template <class T>
  T choice(const char* key, const char* fallback, const std::vector<std::pair<const char*, T>>& names) {
    const std::string value = text(key, fallback);
    for (const auto& [name, result] : names) {
      if (value == name) return result;
    }
    std::string list;
    for (const auto& [name, result] : names) list += (list.empty() ? "\"" : ", \"") + std::string(name) + "\"";
    fail(Code::invalid_option, key, "\"" + value + "\"", "use one of " + list);
    return names.front().second;
  }
  // True when the field is there and not null.
  bool has(const char* key) const { return find(key) != nullptr; }
  // Records an error as `PNDMScheduler: prediction_type "sample": <fix>`.
  void fail(Code code, const std::string& key, const std::string& value, const std::string& fix);
  void fail(Code code, const std::string& what);

  // Fail as unsupported unless the field is absent, null, or what this engine does.
  void require_absent(const char* key);
  void require_boolean(const char* key, bool expected);
  void require_number(const char* key, double expected);
  void require_text(const char* key, const std::string& expected);

 private:
  // nullptr for absent and null fields, and for those the file lists in `_use_default_values`.
  const Json* find(const char* key) const;
  int64_t whole(const char* key, const Json& value, int64_t low, int64_t high);

  const Json& config_;
  std::string where_;
  std::vector<std::string> use_default_;
  Status status_;
};

}  // namespace ipa
