// Measures ops on this machine, each by itself.
#pragma once

#include <map>
#include <string>

#include "base/status.h"
#include "cpu/cpu_backend.h"
#include "doctor/op_shape.h"

namespace ipa {

class OpTimer {
 public:
  // `backend` and `cancel`, which may be null, outlive it.
  OpTimer(const CpuBackend& backend, const CancelFlag* cancel) : backend_(backend), cancel_(cancel) {}

  // That this one will be asked for.
  void want(const OpShape& shape);
  // Measures all that are wanted, each as an op of its kind with as much less work as takes some milliseconds: twice with the others in
  // between, since what else runs on a machine comes and goes. The shorter time counts. A slow machine does it once.
  Status measure();
  // Seconds for a unit of its work().
  double seconds_each(const OpShape& shape) const;

 private:
  struct Wanted {
    OpShape shape;
    double seconds_each = 0;  // 0: not measured yet
  };
  // Of a run: the mean of as many as take some milliseconds.
  Result<double> measure(const OpShape& shape) const;
  // As much work as fits the time; of products by what a small one of this type takes.
  Result<double> budget(const OpShape& shape);

  const CpuBackend& backend_;
  const CancelFlag* cancel_;
  std::map<std::string, Wanted> wanted_;  // by text()
  std::map<Compute, double> flops_;       // a second
};

}  // namespace ipa
