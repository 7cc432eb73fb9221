// The device that graphs are tested on: the CPU, or a GPU: as the emulator of test/cuda-emulator knows it, or through a plugin.
#pragma once

#include <memory>
#include <string>

#include "graph/backend.h"

namespace ipa_test {

struct TestDevice {
  std::string name = "cpu";  // as options call it
  // Null for the CPU, of which tests have backends of their own.
  std::shared_ptr<const ipa::Backend> backend;
  // What matrices are multiplied and activations kept in, where a test does not say.
  ipa::Compute compute = ipa::Compute::f32;

  bool is_gpu() const { return backend != nullptr; }
  ipa::Storage activations() const;
  // What values of inputs and weights are rounded to beforehand, so that a test sees the rounding of results alone.
  float rounded(float value) const;
  // The error that a test may make here, which would allow `on_cpu` in f32. Weights of `bytes` are multiplied in 16 bits.
  double allowed(double on_cpu, bool bytes = false) const;
  // The same of whole networks and calls.
  double allowed_of_networks(double on_cpu) const;
};

const TestDevice& test_device();

// Who knows how to make devices besides the CPU: makes the one of that name, or nothing.
using MakeTestDevice = bool (*)(const std::string& name, const std::string& plugin, TestDevice& device);
struct RegisterTestDevices {
  explicit RegisterTestDevices(MakeTestDevice make);
};

// "cpu", or what is registered: "cuda-f32", "cuda-f16" and "cuda-bf16" where there is an emulator. `plugin`:
// the absolute path of one, whose first GPU it is then; empty: the emulator. False for any other.
bool choose_test_device(const std::string& name, const std::string& plugin = {});

}  // namespace ipa_test
