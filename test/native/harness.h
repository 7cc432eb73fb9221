// A minimal test runner: TEST(name) { ... } registers itself; `native_tests [--list] [FILTER]` runs what
// contains FILTER.
#pragma once

#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/status.h"

namespace ipa_test {

struct Case {
  const char* name;
  void (*body)();
};
std::vector<Case>& cases();
// Records a failed check of the running test; the test goes on, so that one run shows every failure.
void fail(const char* file, int line, const std::string& message);
struct Register {
  Register(const char* name, void (*body)()) { cases().push_back({name, body}); }
};
// Folder of the committed reference tensors, ends without a slash.
std::string golden_folder();
// An empty folder for this run's files, removed at the end.
std::string scratch_folder();

// A call, so that temporaries inside its argument live as long as the check.
template <class StatusOrResult>
void check_ok(const char* file, int line, const StatusOrResult& value) {
  if (value.ok()) return;
  if constexpr (std::is_same_v<StatusOrResult, ipa::Status>)
    fail(file, line, value.message());
  else
    fail(file, line, value.status().message());
}

}  // namespace ipa_test

#define TEST(name)                                                       \
  static void test_##name();                                             \
  static const ::ipa_test::Register register_##name(#name, test_##name); \
  static void test_##name()
#define CHECK(condition)                                                \
  do {                                                                  \
    if (!(condition)) ::ipa_test::fail(__FILE__, __LINE__, #condition); \
  } while (0)
#define CHECK_EQ(a, b)                                                     \
  do {                                                                     \
    if (!((a) == (b))) ::ipa_test::fail(__FILE__, __LINE__, #a " == " #b); \
  } while (0)
#define CHECK_NEAR(a, b, tolerance)                                                                     \
  do {                                                                                                  \
    const double check_a_ = (a), check_b_ = (b);                                                        \
    if (!(std::fabs(check_a_ - check_b_) <= (tolerance)))                                               \
      ::ipa_test::fail(                                                                                 \
          __FILE__, __LINE__,                                                                           \
          std::string(#a " = ") + std::to_string(check_a_) + ", " #b " = " + std::to_string(check_b_)); \
  } while (0)
#define CHECK_OK(status) ::ipa_test::check_ok(__FILE__, __LINE__, (status))
