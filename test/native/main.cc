#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "harness.h"

namespace ipa_test {
namespace {
int failures_in_test = 0;
std::string golden = "test/golden";
std::string scratch;
}  // namespace

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
void fail(const char* file, int line, const std::string& message) {
  ++failures_in_test;
  std::printf("  %s:%d: %s\n", file, line, message.c_str());
}
std::string golden_folder() { return golden; }
std::string scratch_folder() {
  if (scratch.empty()) {
    std::filesystem::path base = std::filesystem::temp_directory_path();
    for (int i = 0; scratch.empty(); ++i) {
      const std::filesystem::path candidate = base / ("ipa-native-tests-" + std::to_string(i));
      if (std::filesystem::create_directory(candidate)) scratch = candidate.string();
    }
  }
  return scratch;
}

int run(int argc, char** argv) {
  std::string filter;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--list")) {
      for (const Case& c : cases()) std::printf("%s\n", c.name);
      return 0;
    }
    if (!std::strcmp(argv[i], "--golden") && i + 1 < argc)
      golden = argv[++i];
    else
      filter = argv[i];
  }
  int passed = 0, failed = 0;
  for (const Case& c : cases()) {
    if (!std::strstr(c.name, filter.c_str())) continue;
    failures_in_test = 0;
    c.body();
    std::printf("%s %s\n", failures_in_test ? "FAIL" : "ok", c.name);
    std::fflush(stdout);
    ++(failures_in_test ? failed : passed);
  }
  if (!scratch.empty()) std::filesystem::remove_all(scratch);
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed || !passed ? 1 : 0;
}
}  // namespace ipa_test

int main(int argc, char** argv) { return ipa_test::run(argc, argv); }
