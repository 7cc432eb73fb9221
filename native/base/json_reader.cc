#include "base/json_reader.h"

#include <limits>
#include <locale>
#include <sstream>
#include <utility>

#include "base/utf8.h"

namespace ipa {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Status JsonReader::error(Code code, const std::string& what) const {
  return Status(code, "JSON: " + what + " at byte " + std::to_string(at_));
}

Status JsonReader::skip_whitespace() {
  while (!at_end() && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')) ++at_;
  return {};
}

Result<JsonReader::Token> JsonReader::next() {
  if (!started_) {
    started_ = true;
    const size_t bad = find_invalid_utf8(text_);
    if (bad != std::string_view::npos) {
      at_ = bad;
      return error(Code::utf8, "ill-formed UTF-8");
    }
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") return error(Code::syntax, "byte order mark");
  }
  IPA_TRY(skip_whitespace());
  token_at_ = at_;
  if (expect_ == Expect::nothing) {
    if (!at_end()) return error(Code::syntax, "text after the value");
    return Token::end;
  }
  if (at_end()) return error(Code::syntax, "unexpected end");

  const bool in_object = !open_.empty() && open_.back();
  if (expect_ == Expect::comma_or_end) {
    if (peek() == (in_object ? '}' : ']')) return close();
    if (peek() != ',') return error(Code::syntax, in_object ? "expected ',' or '}'" : "expected ',' or ']'");
    ++at_;
    IPA_TRY(skip_whitespace());
    token_at_ = at_;
    expect_ = in_object ? Expect::key : Expect::value;
  }
  if (expect_ == Expect::first_key_or_end) {
    if (peek() == '}') return close();
    return read_key();
  }
  if (expect_ == Expect::key) return read_key();
  if (expect_ == Expect::first_value_or_end && peek() == ']') return close();
  return read_value();
}

Result<JsonReader::Token> JsonReader::read_key() {
  if (peek() != '"') return error(Code::syntax, "expected a member name");
  IPA_TRY(read_string());
  IPA_TRY(skip_whitespace());
  if (peek() != ':') return error(Code::syntax, "expected ':'");
  ++at_;
  expect_ = Expect::value;
  return Token::key;
}

Result<JsonReader::Token> JsonReader::read_value() {
  switch (peek()) {
    case '{': return open(true);
    case '[': return open(false);
    case '"':
      IPA_TRY(read_string());
      value_done();
      return Token::string;
    case 't': boolean_ = true; return read_literal("true", Token::boolean);
    case 'f': boolean_ = false; return read_literal("false", Token::boolean);
    case 'n': return read_literal("null", Token::null);
    default:
      if (!python_constants_ || !read_python_constant()) IPA_TRY(read_number());
      value_done();
      return Token::number;
  }
}

Result<JsonReader::Token> JsonReader::read_literal(std::string_view word, Token token) {
  if (text_.substr(at_, word.size()) != word) return error(Code::syntax, "expected a value");
  at_ += word.size();
  value_done();
  return token;
}

Result<JsonReader::Token> JsonReader::open(bool object) {
  if (open_.size() >= depth_) {
    return error(Code::limit, "nested deeper than " + std::to_string(depth_) + " levels");
  }
  ++at_;
  open_.push_back(object);
  expect_ = object ? Expect::first_key_or_end : Expect::first_value_or_end;
  return object ? Token::begin_object : Token::begin_array;
}

Result<JsonReader::Token> JsonReader::close() {
  const bool object = open_.back();
  ++at_;
  open_.pop_back();
  value_done();
  return object ? Token::end_object : Token::end_array;
}

Status JsonReader::read_string() {
  ++at_;  // the opening quote
  string_.clear();
  for (;;) {
    // Runs of plain bytes are copied in one go.
    size_t run = at_;
    while (run < text_.size() && text_[run] != '"' && text_[run] != '\\' &&
           static_cast<unsigned char>(text_[run]) >= 0x20) {
      ++run;
    }
    if (run - at_ > string_bytes_ || string_.size() > string_bytes_ - (run - at_)) {
      return error(Code::limit, "string longer than " + std::to_string(string_bytes_) + " bytes");
    }
    string_.append(text_.substr(at_, run - at_));
    at_ = run;
    if (at_end()) return error(Code::syntax, "string without end");
    if (peek() == '"') {
      ++at_;
      return {};
    }
    if (peek() != '\\') return error(Code::syntax, "control byte in a string");
    ++at_;
    IPA_TRY(read_escape());
  }
}

Status JsonReader::read_escape() {
  if (at_end()) return error(Code::syntax, "string without end");
  const char c = text_[at_++];
  switch (c) {
    case '"':
    case '\\':
    case '/': string_.push_back(c); return {};
    case 'b': string_.push_back('\b'); return {};
    case 'f': string_.push_back('\f'); return {};
    case 'n': string_.push_back('\n'); return {};
    case 'r': string_.push_back('\r'); return {};
    case 't': string_.push_back('\t'); return {};
    case 'u': break;
    default: --at_; return error(Code::syntax, "unknown escape");
  }
  uint32_t unit = 0;
  IPA_TRY(read_hex4(&unit));
  if (unit >= 0xDC00 && unit <= 0xDFFF) return error(Code::utf8, "lone surrogate");
  if (unit >= 0xD800 && unit <= 0xDBFF) {
    if (text_.substr(at_, 2) != "\\u") return error(Code::utf8, "lone surrogate");
    at_ += 2;
    uint32_t low = 0;
    IPA_TRY(read_hex4(&low));
    if (low < 0xDC00 || low > 0xDFFF) return error(Code::utf8, "lone surrogate");
    unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
  }
  append_utf8(unit, &string_);
  return {};
}

Status JsonReader::read_hex4(uint32_t* unit) {
  *unit = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = peek();
    uint32_t digit = 0;
    if (is_digit(c))
      digit = static_cast<uint32_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<uint32_t>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<uint32_t>(c - 'A' + 10);
    else
      return error(Code::syntax, "expected four hexadecimal digits");
    *unit = *unit * 16 + digit;
  }
  return {};
}

bool JsonReader::read_python_constant() {
  static const std::pair<const char*, double> constants[] = {
      {"NaN", std::numeric_limits<double>::quiet_NaN()},
      {"Infinity", std::numeric_limits<double>::infinity()},
      {"-Infinity", -std::numeric_limits<double>::infinity()},
  };
  for (const auto& constant : constants) {
    const std::string_view word = constant.first;
    if (text_.substr(at_, word.size()) != word) continue;
    at_ += word.size();
    number_ = constant.second;
    is_u64_ = false;
    u64_ = 0;
    return true;
  }
  return false;
}

Status JsonReader::read_number() {
  const size_t begin = at_;
  const bool negative = peek() == '-';
  if (negative) ++at_;
  if (!is_digit(peek())) return error(Code::syntax, "expected a value");
  const size_t digits = at_;
  while (is_digit(peek())) ++at_;
  if (text_[digits] == '0' && at_ - digits > 1) return error(Code::syntax, "number with a leading zero");
  bool integer = !negative;
  if (peek() == '.') {
    integer = false;
    ++at_;
    if (!is_digit(peek())) return error(Code::syntax, "expected a digit");
    while (is_digit(peek())) ++at_;
  }
  if (peek() == 'e' || peek() == 'E') {
    integer = false;
    ++at_;
    if (peek() == '+' || peek() == '-') ++at_;
    if (!is_digit(peek())) return error(Code::syntax, "expected a digit");
    while (is_digit(peek())) ++at_;
  }
  is_u64_ = integer;
  u64_ = 0;
  if (integer) {
    for (size_t i = digits; i < at_; ++i) {
      const uint64_t digit = static_cast<uint64_t>(text_[i] - '0');
      if (u64_ > (UINT64_MAX - digit) / 10) {
        is_u64_ = false;
        u64_ = 0;
        break;
      }
      u64_ = u64_ * 10 + digit;
    }
  }
  if (is_u64_) {
    number_ = static_cast<double>(u64_);
    return {};
  }
  // A stream in the classic locale: strtod follows the process locale,
  // and from_chars for double is missing in some standard libraries we build with.
  std::istringstream stream(std::string(text_.substr(begin, at_ - begin)));
  stream.imbue(std::locale::classic());
  stream.exceptions(std::ios::badbit);  // or want of memory would be taken for a bad number
  if (!(stream >> number_)) {
    at_ = begin;
    return error(Code::limit, "number beyond the range of a double");
  }
  return {};
}

}  // namespace ipa
