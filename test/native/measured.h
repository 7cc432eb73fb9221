// What a run of the tests measured, for those who print it: the errors of values against their f64 references.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace ipa_test {

struct MeasuredError {
  int64_t values = 0;  // tensors that were compared
  double largest = 0;
};

// Of the running test, of a value that a step of this op made.
void record_error(const std::string& op, double error);
// By test and op.
const std::map<std::pair<std::string, std::string>, MeasuredError>& measured_errors();

}  // namespace ipa_test
