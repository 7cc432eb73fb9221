// A strict JSON reader (RFC 8259) for weight-file headers and config files, made for untrusted input:
// bounded depth, no duplicate keys, exact integers, valid UTF-8 only. Errors name the byte offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace ipa {

class Json {
 public:
  enum class Kind { null, boolean, number, string, array, object };

  struct Limits {
    int depth = 64;
    size_t values = 4'000'000;  // nodes in all
    size_t string_bytes = 1 << 20;
    // Also accept NaN, Infinity and -Infinity, which Python writes:
    // diffusers' scheduler configs contain `"lambda_min_clipped": -Infinity`.
    bool python_constants = false;
  };
  // Code::syntax, utf8, duplicate (keys compared after unescaping) or limit.
  // Whitespace may surround the value, nothing else.
  static Result<Json> parse(std::string_view text, const Limits& limits);
  static Result<Json> parse(std::string_view text) { return parse(text, Limits()); }

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::null; }
  bool is_number() const { return kind_ == Kind::number; }
  bool is_string() const { return kind_ == Kind::string; }
  bool is_array() const { return kind_ == Kind::array; }
  bool is_object() const { return kind_ == Kind::object; }
  bool is_boolean() const { return kind_ == Kind::boolean; }

  bool boolean() const { return boolean_; }
  double number() const { return number_; }
  // True for a number written with digits only (no sign, fraction, exponent or leading zero) that fits 64 bits.
  bool is_u64() const { return is_u64_; }
  uint64_t u64() const { return u64_; }
  const std::string& string() const { return string_; }
  const std::vector<Json>& array() const { return array_; }
  // Members in file order.
  const std::vector<std::pair<std::string, Json>>& object() const { return object_; }
  // The member, or nullptr when absent or when this is no object.
  const Json* find(std::string_view key) const;

  static Json of(bool value);
  static Json of(double value);
  static Json of(std::string value);
  static Json of(const char* value) { return of(std::string(value)); }
  // Of an object: the member's value from now on, in its place, or at the end when it is new.
  void set(std::string_view key, Json value);
  // Of an object or an array of strings: without that member, or that string.
  void remove(std::string_view key);

 private:
  friend class JsonParser;
  Kind kind_ = Kind::null;
  bool boolean_ = false;
  bool is_u64_ = false;
  double number_ = 0;
  uint64_t u64_ = 0;
  std::string string_;
  std::vector<Json> array_;
  std::vector<std::pair<std::string, Json>> object_;
};

}  // namespace ipa
