// A minimal test runner: TEST(name) { ... } registers itself. TEST_ONCE is for what computes the same on every
// instruction set, because no kernel has a part in it. `native_tests [--list] [--once | --kernels] [FILTER...]`
// runs those whose name contains a FILTER, or begins with it where that is ^FILTER; --once the second kind alone, --kernels the first. --device NAME: graphs on
// that device (test_device.h); --plugin FILE: of a plugin for GPUs, in place of the emulator. Emulated GPUs are as
// --capability 75, --order random, --seed 3 and --late-copies say. --report: "seconds TEST S" behind each test, and in the
// end "error TEST OP VALUES LARGEST" for each op that was compared (measured.h) and "kernel PLACE LAUNCHES" for each kernel
// that ran. A test is "ok", "FAIL", or "left out NAME: REASON".
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/status.h"

namespace ipa_test {

struct Case {
  const char* name;
  void (*body)();
  bool once;  // not once for every instruction set
};
std::vector<Case>& cases();
// The name of the running test; empty between tests.
std::string running_test();
// Records a failed check of the running test; the test goes on, so that one run shows every failure.
void fail(const char* file, int line, const std::string& message);
struct Register {
  Register(const char* name, void (*body)(), bool once) { cases().push_back({name, body, once}); }
};
// Folder of the committed reference tensors, ends without a slash.
std::string golden_folder();
// An empty folder for this run's files, removed at the end.
std::string scratch_folder();
// With as many digits as tell a double from its neighbours.
std::string shown_number(double value);

// A value as a failed check shows it: "?" for what has no such form.
template <class T>
std::string shown(const T& value);
template <class Sequence>
std::string shown_items(const Sequence& values) {
  constexpr int most = 12;
  std::string text;
  int count = 0;
  for (const auto& value : values)
    if (++count <= most) text += (count > 1 ? ", " : "") + shown(value);
  if (count > most) text += ", ... (" + std::to_string(count) + ")";
  return "[" + text + "]";
}
template <class T, class = void>
struct IsSequence : std::false_type {};
template <class T>
struct IsSequence<T, std::void_t<decltype(std::begin(std::declval<const T&>()))>> : std::true_type {};
template <class T>
std::string shown(const T& value) {
  if constexpr (std::is_same_v<T, bool>)
    return value ? "true" : "false";
  else if constexpr (std::is_enum_v<T>)
    return std::to_string(static_cast<int64_t>(value));
  else if constexpr (std::is_integral_v<T>)
    return std::to_string(value);
  else if constexpr (std::is_floating_point_v<T>)
    return shown_number(static_cast<double>(value));
  else if constexpr (std::is_pointer_v<T> && !std::is_convertible_v<T, std::string_view>)
    return value ? "a pointer" : "null";
  else if constexpr (std::is_convertible_v<const T&, std::string_view>)
    return "\"" + std::string(std::string_view(value)) + "\"";
  else if constexpr (IsSequence<T>::value)
    return shown_items(value);
  else
    return "?";
}

// Compares integers of any types as they stand, as the checks always did.
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#endif
template <class A, class B>
void check_eq(const char* file, int line, const char* what, const A& a, const B& b) {
  if (!(a == b)) fail(file, line, std::string(what) + ": " + shown(a) + " and " + shown(b));
}
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

// A call, so that temporaries inside its argument live as long as the check.
template <class StatusOrResult>
void check_ok(const char* file, int line, const StatusOrResult& value) {
  if (value.ok()) return;
  if constexpr (std::is_same_v<StatusOrResult, ipa::Status>)
    fail(file, line, value.text());
  else
    fail(file, line, value.status().text());
}

}  // namespace ipa_test

#define IPA_TEST_CASE(name, once)                                              \
  static void test_##name();                                                   \
  static const ::ipa_test::Register register_##name(#name, test_##name, once); \
  static void test_##name()
#define TEST(name) IPA_TEST_CASE(name, false)
#define TEST_ONCE(name) IPA_TEST_CASE(name, true)
#define CHECK(condition)                                                \
  do {                                                                  \
    if (!(condition)) ::ipa_test::fail(__FILE__, __LINE__, #condition); \
  } while (0)
#define CHECK_EQ(a, b) ::ipa_test::check_eq(__FILE__, __LINE__, #a " == " #b, (a), (b))
#define CHECK_NEAR(a, b, tolerance)                                                                     \
  do {                                                                                                  \
    const double check_a_ = (a), check_b_ = (b);                                                        \
    if (!(std::fabs(check_a_ - check_b_) <= (tolerance)))                                               \
      ::ipa_test::fail(                                                                                 \
          __FILE__, __LINE__,                                                                           \
          std::string(#a " = ") + std::to_string(check_a_) + ", " #b " = " + std::to_string(check_b_)); \
  } while (0)
#define CHECK_OK(status) ::ipa_test::check_ok(__FILE__, __LINE__, (status))
