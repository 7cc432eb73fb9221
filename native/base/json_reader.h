// A strict pull parser for JSON (RFC 8259): one token per call, no recursion, memory bounded by the longest
// string. Json (base/json.h) builds a tree with it; large untrusted headers are read with it directly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace ipa {

class JsonReader {
 public:
  enum class Token {
    begin_object,
    end_object,
    begin_array,
    end_array,
    key,
    string,
    number,
    boolean,
    null,
    end
  };

  // `text` must outlive the reader.
  // `depth` counts nested objects and arrays, `string_bytes` is a string's decoded size.
  JsonReader(std::string_view text, int depth, size_t string_bytes)
      : text_(text), depth_(depth < 0 ? 0 : static_cast<size_t>(depth)), string_bytes_(string_bytes) {}

  // See Json::Limits::python_constants.
  void accept_python_constants(bool accept) { python_constants_ = accept; }

  // The next token; Token::end once the whole text is read.
  // Duplicate keys are the caller's to find. Errors: Code::syntax,
  // utf8 (ill-formed bytes, lone surrogates) or limit (depth, string length, number beyond a double).
  Result<Token> next();

  // Of the last key or string.
  const std::string& string() const { return string_; }
  std::string take_string() { return std::move(string_); }
  // Of the last boolean.
  bool boolean() const { return boolean_; }
  // Of the last number; see Json for is_u64.
  double number() const { return number_; }
  bool is_u64() const { return is_u64_; }
  uint64_t u64() const { return u64_; }
  // Byte where the last token began.
  size_t offset() const { return token_at_; }

 private:
  enum class Expect { value, first_value_or_end, first_key_or_end, key, comma_or_end, nothing };

  Status error(Code code, const std::string& what) const;
  Status skip_whitespace();
  Result<Token> read_value();
  Result<Token> read_key();
  Result<Token> read_literal(std::string_view word, Token token);
  Result<Token> open(bool object);
  Result<Token> close();
  Status read_string();
  Status read_escape();
  Status read_hex4(uint32_t* unit);
  bool read_python_constant();
  Status read_number();
  void value_done() { expect_ = open_.empty() ? Expect::nothing : Expect::comma_or_end; }
  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }

  std::string_view text_;
  size_t depth_;
  size_t string_bytes_;
  size_t at_ = 0;
  size_t token_at_ = 0;
  bool started_ = false;
  bool python_constants_ = false;
  Expect expect_ = Expect::value;
  std::vector<bool> open_;  // true: object, false: array
  std::string string_;
  bool boolean_ = false;
  double number_ = 0;
  bool is_u64_ = false;
  uint64_t u64_ = 0;
};

}  // namespace ipa
