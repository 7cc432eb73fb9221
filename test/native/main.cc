#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

#include "harness.h"
#include "measured.h"
#include "test_device.h"

namespace ipa_test {
namespace {
int failures_in_test = 0;
std::string running;
std::map<std::pair<std::string, std::string>, MeasuredError> errors;
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
std::string running_test() { return running; }
void record_error(const std::string& op, double error) {
  MeasuredError& measured = errors[{running, op}];
  ++measured.values;
  measured.largest = std::max(measured.largest, error);
}
const std::map<std::pair<std::string, std::string>, MeasuredError>& measured_errors() { return errors; }
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
  bool list = false, once = true, kernels = true, report = false;
  TestDeviceChoice device;
  std::vector<const char*> filters;

  bool has(const Case& c) const {
    if (!(c.once ? once : kernels)) return false;
    return filters.empty() || std::any_of(filters.begin(), filters.end(), [&](const char* filter) {
             const char* found = std::strstr(c.name, filter[0] == '^' ? filter + 1 : filter);
             return found && (filter[0] != '^' || found == c.name);
           });
  }
};

// Of the options that a value follows.
bool read_value(const std::string& word, const char* value, Choice& choice) {
  TestDeviceChoice& device = choice.device;
  if (word == "--device")
    device.name = value;
  else if (word == "--plugin")
    device.plugin = value;
  else if (word == "--capability")
    device.capability = std::atoi(value);
  else if (word == "--order")
    device.order = value;
  else if (word == "--seed")
    device.seed = static_cast<uint32_t>(std::atoi(value));
  else if (word == "--golden")
    golden = value;
  else
    return false;
  return true;
}

Choice read_choice(int argc, char** argv) {
  Choice choice;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (i + 1 < argc && read_value(word, argv[i + 1], choice))
      ++i;
    else if (word == "--list")
      choice.list = true;
    else if (word == "--once")
      choice.kernels = false;
    else if (word == "--kernels")
      choice.once = false;
    else if (word == "--report")
      choice.report = true;
    else if (word == "--late-copies")
      choice.device.late_copies = true;
    else
      choice.filters.push_back(argv[i]);
  }
  return choice;
}

// A fault of a kernel fails the test that ran it, whatever became of the numbers.
void fail_on_findings() {
  // Tests of the emulator itself make faults on purpose.
  if (!test_device().is_gpu()) return;
  for (const std::string& text : device_witness()->findings()) fail(__FILE__, __LINE__, text);
}

void print_report() {
  for (const auto& [key, error] : measured_errors())
    std::printf("error %s %s %lld %.3g\n", key.first.c_str(), key.second.c_str(),
                static_cast<long long>(error.values), error.largest);
  if (!device_witness()) return;
  for (const auto& [place, count] : device_witness()->launches())
    std::printf("kernel %llx %lld\n", static_cast<unsigned long long>(place), static_cast<long long>(count));
}

enum class Verdict { passed, failed, left_out };

Verdict run_case(const Case& c, bool with_seconds) {
  const auto start = std::chrono::steady_clock::now();
  failures_in_test = 0;
  running = c.name;
  c.body();
  fail_on_findings();
  running.clear();
  const char* reason = take_reason_left_out();
  const Verdict verdict = failures_in_test ? Verdict::failed : reason ? Verdict::left_out : Verdict::passed;
  if (verdict == Verdict::left_out)
    std::printf("left out %s: %s\n", c.name, reason);
  else
    std::printf("%s %s\n", verdict == Verdict::failed ? "FAIL" : "ok", c.name);
  if (with_seconds)
    std::printf("seconds %s %.2f\n", c.name,
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  std::fflush(stdout);
  return verdict;
}

int run(int argc, char** argv) {
  const Choice choice = read_choice(argc, argv);
  if (!choose_test_device(choice.device)) {
    std::printf("no device \"%s\" of that kind to test on\n", choice.device.name.c_str());
    return 1;
  }
  int passed = 0, failed = 0;
  for (const Case& c : cases()) {
    if (!choice.has(c)) continue;
    if (choice.list) {
      std::printf("%s\n", c.name);
      continue;
    }
    const Verdict verdict = run_case(c, choice.report);
    passed += verdict == Verdict::passed;
    failed += verdict == Verdict::failed;
  }
  if (choice.list) return 0;
  if (!scratch.empty()) std::filesystem::remove_all(scratch);
  if (choice.report) print_report();
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed || !passed ? 1 : 0;
}
}  // namespace ipa_test

int main(int argc, char** argv) { return ipa_test::run(argc, argv); }
