// Runs all tests: `plugin_tests`.
#include "../native/harness.h"

namespace {

int failed_checks = 0;

}  // namespace

namespace ipa_test {

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
void fail(const char* file, int line, const std::string& message) {
  ++failed_checks;
  std::printf("  %s:%d: %s\n", file, line, message.c_str());
}
std::string shown_number(double value) { return std::to_string(value); }

}  // namespace ipa_test

int main() {
  int failed_tests = 0;
  for (const auto& test : ipa_test::cases()) {
    failed_checks = 0;
    test.body();
    if (failed_checks > 0) ++failed_tests;
    std::printf("%s %s\n", failed_checks > 0 ? "FAILED" : "ok", test.name);
  }
  const int all = static_cast<int>(ipa_test::cases().size());
  std::printf("%d passed, %d failed\n", all - failed_tests, failed_tests);
  return failed_tests > 0 || all == 0 ? 1 : 0;
}
