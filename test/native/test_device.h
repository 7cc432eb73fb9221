// The device that graphs are tested on: the CPU, or a GPU: as the emulator of test/cuda-emulator knows it, or through a plugin.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/backend.h"

namespace ipa_test {

// How the device is to be made.
struct TestDeviceChoice {
  std::string name = "cpu";
  std::string plugin;  // the absolute path of one, whose first GPU it is then; empty: the emulator
  // Of an emulated GPU, see test/cuda-emulator/emulator.h; also where tests of kernels make one without a device's name.
  int capability = 0;  // 0: as the test likes, for graphs 80
  std::string order;   // "ascending", "descending", "random"; empty: as the test likes, for graphs ascending
  uint32_t seed = 1;
  bool late_copies = false;
};

// What an emulated GPU tells of the kernels that ran on it.
class DeviceWitness {
 public:
  virtual ~DeviceWitness() = default;
  // What was wrong with them since the last call: a description each.
  virtual std::vector<std::string> findings() = 0;
  // How often each was launched, by its place in the executable's file.
  virtual std::vector<std::pair<uint64_t, int64_t>> launches() = 0;
};

struct TestDevice {
  std::string name = "cpu";  // as options call it
  // Null for the CPU, of which tests have backends of their own.
  std::shared_ptr<const ipa::Backend> backend;
  // What matrices are multiplied and activations kept in, where a test does not say.
  ipa::Compute compute = ipa::Compute::f32;

  bool is_gpu() const { return backend != nullptr; }
  ipa::Storage activations() const;
  // Half of the distance between numbers of that type, of the larger of them; 0 for f32.
  double rounding() const;
  // What values of inputs and weights are rounded to beforehand, so that a test sees the rounding of results alone.
  float rounded(float value) const;
  // The error that a test may make here, which would allow `on_cpu` in f32. Weights of `bytes` are multiplied in 16 bits.
  double allowed(double on_cpu, bool bytes = false) const;
  // The same of whole networks and calls.
  double allowed_of_networks(double on_cpu) const;
};

const TestDevice& test_device();
const TestDeviceChoice& test_device_choice();

// Who knows how to make devices besides the CPU: makes the one of that choice, or nothing.
using MakeTestDevice = bool (*)(const TestDeviceChoice& choice, TestDevice& device);
struct RegisterTestDevices {
  RegisterTestDevices(MakeTestDevice make, DeviceWitness& witness);
};
// Null where there are no emulated GPUs.
DeviceWitness* device_witness();

// "cpu", or what is registered: "cuda-f32", "cuda-f16" and "cuda-bf16" where there is an emulator. False for any other,
// and for what an emulated GPU cannot be.
bool choose_test_device(const TestDeviceChoice& choice);

// What is to be said of the running test, which is over: it has nothing to do with the device under test.
void leave_out(const char* reason);
// The reason that leave_out() was given since the last call; null: it was not called.
const char* take_reason_left_out();

}  // namespace ipa_test

// In front of a test of what the CPU alone does.
#define ON_CPU_ALONE(reason) \
  if (::ipa_test::test_device().is_gpu()) return ::ipa_test::leave_out(reason)
