// Errors of the core. Nothing in native/ throws across a room's border:
// a call that can fail returns Status or Result.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace ipa {

// The binding turns a code into the stable string `ERR_IPA_<NAME>` (see error_name);
// never renumber or rename one.
enum class Code {
  ok,
  invalid_option,  // a request's option is out of range or contradicts another
  not_found,       // a file, folder or component does not exist
  io,              // the operating system refused a read or write
  truncated,       // a file ends before what it declares
  limit,           // a declared size passes a safety limit
  syntax,          // malformed JSON or container
  utf8,            // text that is not valid UTF-8
  duplicate,       // a name that must be unique is not
  type,            // a field or tensor of the wrong type
  overflow,        // sizes whose product or sum does not fit
  range,           // an offset or index outside its container
  layout,          // holes, overlaps, trailing bytes, size != shape * type
  unsupported,     // valid but not something this version can use
  missing_tensor,  // a weight the architecture needs is absent
  shape,           // a weight whose shape is not the architecture's
  mismatch,        // parts that do not belong together (adapter, encoder, model family)
  changed,         // a file that changed while it was read
  no_memory,
  cancelled,
  disposed,
  internal,     // a bug in this library
  device,       // a GPU or its driver cannot be used: absent, too old, of another version
  device_lost,  // a GPU failed in a way after which this process cannot use it any more
};

// "TRUNCATED" for Code::truncated, and so on.
const char* error_name(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}
  static Status ok_status() { return {}; }
  // Of an option of the request, by its path in the API, such as "featureCache.depth": invalid_option.
  // `problem` does not name it again.
  static Status option(std::string option, std::string problem) {
    Status status(Code::invalid_option, std::move(problem));
    status.option_ = std::move(option);
    return status;
  }
  // An error whose message was made before and lives as long as the process:
  // making, copying and moving it needs no memory, of which there may be none left.
  static Status prepared(Code code, const std::string& message) noexcept {
    Status status;
    status.code_ = code;
    status.prepared_ = &message;
    return status;
  }
  bool ok() const { return code_ == Code::ok; }
  Code code() const { return code_; }
  const std::string& message() const { return prepared_ ? *prepared_ : message_; }
  // The option that the message is about; empty for other errors.
  const std::string& option() const { return option_; }
  // The message with its option in front.
  std::string text() const { return option_.empty() ? message() : option_ + ": " + message_; }
  // The same error with where it happened put in front.
  Status in(const std::string& where) const { return ok() ? *this : Status(code_, where + ": " + text()); }

 private:
  Code code_ = Code::ok;
  std::string option_;
  std::string message_;
  const std::string* prepared_ = nullptr;
};

// A value or the reason there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT: implicit by design
  Result(Status status) : status_(std::move(status)) {}  // NOLINT
  Result(Code code, std::string message) : status_(code, std::move(message)) {}
  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  Status take_status() { return std::move(status_); }
  T& value() { return *value_; }
  const T& value() const { return *value_; }
  T take() { return std::move(*value_); }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace ipa

// Leaves the enclosing function with the error, if there is one.
#define IPA_TRY(expression)                    \
  do {                                         \
    ::ipa::Status ipa_status_ = (expression);  \
    if (!ipa_status_.ok()) return ipa_status_; \
  } while (0)

#define IPA_CONCAT_(a, b) a##b
#define IPA_CONCAT(a, b) IPA_CONCAT_(a, b)
// IPA_ASSIGN(auto x, make()) declares x from a Result or leaves with its error.
#define IPA_ASSIGN(declaration, expression) \
  IPA_ASSIGN_(IPA_CONCAT(ipa_result_, __LINE__), declaration, expression)
#define IPA_ASSIGN_(temporary, declaration, expression) \
  auto temporary = (expression);                        \
  if (!temporary.ok()) return temporary.status();       \
  declaration = temporary.take()
