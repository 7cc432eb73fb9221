#include "test_device.h"

#include <algorithm>
#include <utility>

#include "base/bfloat16.h"
#include "base/float16.h"

namespace ipa_test {
namespace {

TestDevice& device() {
  static TestDevice chosen;
  return chosen;
}

TestDeviceChoice& choice_so_far() {
  static TestDeviceChoice choice;
  return choice;
}

// Numbers of 11 and 8 bits.
constexpr double f16_rounding = 1.0 / 2048, bf16_rounding = 1.0 / 256;

MakeTestDevice& maker() {
  static MakeTestDevice make = nullptr;
  return make;
}

DeviceWitness*& registered_witness() {
  static DeviceWitness* witness = nullptr;
  return witness;
}

const char* reason_left_out = nullptr;

}  // namespace

void leave_out(const char* reason) { reason_left_out = reason; }
const char* take_reason_left_out() { return std::exchange(reason_left_out, nullptr); }

ipa::Storage TestDevice::activations() const {
  if (!is_gpu()) return ipa::Storage::f32;
  return compute == ipa::Compute::f16    ? ipa::Storage::f16
         : compute == ipa::Compute::bf16 ? ipa::Storage::bf16
                                         : ipa::Storage::f32;
}

float TestDevice::rounded(float value) const {
  switch (compute) {
    case ipa::Compute::f16: return ipa::f16_to_f32(ipa::f32_to_f16(value));
    case ipa::Compute::bf16: return ipa::to_float(ipa::to_bfloat16(value));
    default: return value;
  }
}

double TestDevice::rounding() const {
  switch (compute) {
    case ipa::Compute::f16: return f16_rounding;
    case ipa::Compute::bf16: return bf16_rounding;
    default: return 0;
  }
}

double TestDevice::allowed(double on_cpu, bool bytes) const {
  constexpr double cpu_tolerance = 4e-6;
  const double depth = std::max(1.0, on_cpu / cpu_tolerance);
  // Two roundings: of values between ops, and of what attention multiplies values with.
  if (rounding() > 0) return rounding() * 2 * depth;
  return bytes ? std::max(on_cpu, f16_rounding * 2) : on_cpu;
}

double TestDevice::allowed_of_networks(double on_cpu) const {
  switch (compute) {
    case ipa::Compute::f16: return std::max(on_cpu, 1.2e-2);
    case ipa::Compute::bf16: return std::max(on_cpu, 1e-1);
    default: return on_cpu;
  }
}

const TestDevice& test_device() { return device(); }

RegisterTestDevices::RegisterTestDevices(MakeTestDevice make, DeviceWitness& witness) {
  maker() = make;
  registered_witness() = &witness;
}

DeviceWitness* device_witness() { return registered_witness(); }

const TestDeviceChoice& test_device_choice() { return choice_so_far(); }

bool choose_test_device(const TestDeviceChoice& choice) {
  choice_so_far() = choice;
  if (choice.name == "cpu") return true;
  TestDevice made;
  if (!maker() || !maker()(choice, made)) return false;
  // Kept only now, so that it goes before what it was made of.
  device() = std::move(made);
  return true;
}

}  // namespace ipa_test
