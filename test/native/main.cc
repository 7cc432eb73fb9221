#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "harness.h"
#include "test_device.h"

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
std::string shown_number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.17g", value);
  return text;
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

struct Choice {
  bool list = false, once = true, kernels = true;
  std::string device = "cpu", plugin;
  std::vector<const char*> filters;

  bool has(const Case& c) const {
    if (!(c.once ? once : kernels)) return false;
    return filters.empty() || std::any_of(filters.begin(), filters.end(), [&](const char* filter) {
             return std::strstr(c.name, filter) != nullptr;
           });
  }
};

Choice read_choice(int argc, char** argv) {
  Choice choice;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--list")
      choice.list = true;
    else if (word == "--once")
      choice.kernels = false;
    else if (word == "--kernels")
      choice.once = false;
    else if (word == "--device" && i + 1 < argc)
      choice.device = argv[++i];
    else if (word == "--plugin" && i + 1 < argc)
      choice.plugin = argv[++i];
    else if (word == "--golden" && i + 1 < argc)
      golden = argv[++i];
    else
      choice.filters.push_back(argv[i]);
  }
  return choice;
}

int run(int argc, char** argv) {
  const Choice choice = read_choice(argc, argv);
  if (!choose_test_device(choice.device, choice.plugin)) {
    std::printf("no device \"%s\" to test on\n", choice.device.c_str());
    return 1;
  }
  int passed = 0, failed = 0;
  for (const Case& c : cases()) {
    if (!choice.has(c)) continue;
    if (choice.list) {
      std::printf("%s\n", c.name);
      continue;
    }
    failures_in_test = 0;
    c.body();
    std::printf("%s %s\n", failures_in_test ? "FAIL" : "ok", c.name);
    std::fflush(stdout);
    ++(failures_in_test ? failed : passed);
  }
  if (choice.list) return 0;
  if (!scratch.empty()) std::filesystem::remove_all(scratch);
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed || !passed ? 1 : 0;
}
}  // namespace ipa_test

int main(int argc, char** argv) { return ipa_test::run(argc, argv); }
