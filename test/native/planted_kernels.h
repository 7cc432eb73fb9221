// A table of kernels one of which is wrong.
#pragma once

#include <string>
#include <vector>

#include "cpu/kernels/kernels.h"

namespace ipa_test {

// A copy of a table whose kernel of that name (doctor/kernel_names.h) spoils a little of what it has written: one number of many, or where
// later ops would round that away, a few.
class PlantedKernels {
 public:
  PlantedKernels(const ipa::Kernels& right, const std::string& wrong);
  PlantedKernels(const PlantedKernels&) = delete;
  PlantedKernels& operator=(const PlantedKernels&) = delete;

  const ipa::Kernels& table() const { return table_; }
  // Whether it knows how to spoil that one.
  bool planted() const { return planted_; }

 private:
  template <auto member, class Owner>
  void plant(Owner& owner);
  bool plant_in(const std::string& entry);
  bool plant_in(const std::string& entry, ipa::ComputeKernels& kernels);

  ipa::Kernels table_;
  ipa::ComputeKernels computes_[ipa::cpu_compute_types];
  bool planted_ = false;
};

}  // namespace ipa_test
