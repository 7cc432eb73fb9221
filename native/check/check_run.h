// Runs a case on a backend.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "check/check_case.h"
#include "graph/backend.h"

namespace ipa {

class CheckRun {
 public:
  // What an output, each a list, came to.
  using Results = std::vector<std::vector<float>>;

  // The same numbers each time, and on all backends. All three outlive it.
  CheckRun(const CheckCase& c, const Backend& backend, const CheckNumbers& numbers);

  // Describes, packs and plans; takes the memory.
  Status prepare();
  const Program& program() const { return *program_; }
  // `threads`: at most; 0: as many as the backend has. Outputs are no numbers before: what is not written shows.
  Result<Results> run(const CancelFlag* cancel, int threads = 0);
  // Median of the seconds of so many runs, by the device's clock.
  Result<double> time(int runs, const CancelFlag* cancel);
  // The outputs in f64.
  std::vector<ipa_ref::Tensor> expected() const;

 private:
  Status pack();
  bool is_own(const Step& step) const;

  const CheckCase& case_;
  const Backend& backend_;
  CheckSketch sketch_;
  std::unique_ptr<Program> program_;
};

bool same_bits(const CheckRun::Results& a, const CheckRun::Results& b);
// An error or a limit, with two digits.
std::string short_number(double value);

}  // namespace ipa
