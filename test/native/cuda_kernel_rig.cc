#include "cuda_kernel_rig.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

#include "base/bfloat16.h"
#include "base/float16.h"
#include "emulated_api.h"
#include "harness.h"
#include "test_device.h"

namespace ipa_test {

using ipa::Shape;
using ipa::gpu::Element;
using ipa_ref::Tensor;

namespace {

constexpr uint8_t untouched = 0x5a;

void store(Element element, double value, uint8_t* to) {
  const auto single = static_cast<float>(value);
  const uint16_t half = element == Element::f16 ? ipa::f32_to_f16(single) : ipa::to_bfloat16(single).bits;
  if (element == Element::f32)
    std::memcpy(to, &single, sizeof single);
  else
    std::memcpy(to, &half, sizeof half);
}

double load(Element element, const uint8_t* from) {
  float single;
  uint16_t half;
  std::memcpy(&half, from, sizeof half);
  if (element == Element::f16) return static_cast<double>(ipa::f16_to_f32(half));
  if (element == Element::bf16) return static_cast<double>(ipa::to_float(ipa::BFloat16{half}));
  std::memcpy(&single, from, sizeof single);
  return static_cast<double>(single);
}

const GpuApi& api() { return *cuda_emulator::emulated_api(); }

void check_result(GpuResult result) {
  if (result == gpu_ok) return;
  char text[256];
  api().describe(text, sizeof text);
  fail(__FILE__, __LINE__, "the GPU answers " + std::to_string(result) + ": " + text);
}

// Pinned memory of the host for one copy; null where the device is lost, which is a failed check.
class Staging {
 public:
  Staging(GpuQueue* queue, int64_t bytes) : queue_(queue) {
    check_result(api().take_pinned(queue, static_cast<uint64_t>(bytes), &data));
  }
  ~Staging() {
    if (data) check_result(api().give_pinned(queue_, data));
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  void* data = nullptr;

 private:
  GpuQueue* queue_;
};

}  // namespace

bool chosen_options(cuda_emulator::Options& options) {
  const TestDeviceChoice& choice = test_device_choice();
  if (choice.capability) options.capability = choice.capability;
  if (choice.late_copies) options.late_copies = true;
  if (choice.order.empty()) return true;
  constexpr const char* names[] = {"ascending", "descending", "random"};
  const auto* found = std::find(std::begin(names), std::end(names), choice.order);
  if (found == std::end(names)) return false;
  options.order = static_cast<cuda_emulator::Order>(found - names);
  options.seed = choice.seed;
  options.late_copies = choice.late_copies;
  return true;
}

double rounding_of(Element element) {
  return element == Element::f16 ? 1.0 / 2048 : element == Element::bf16 ? 1.0 / 256 : 0;
}

double rounded(Element element, double value) {
  uint8_t bytes[4];
  store(element, value, bytes);
  return load(element, bytes);
}

std::string to_string(const RowLayout& layout) {
  const char* names[] = {"f32", "f16", "bf16"};
  return std::string(names[static_cast<int>(layout.element)]) + " behind " + std::to_string(layout.skip) +
         ", gaps of " + std::to_string(layout.gap);
}

std::vector<RowLayout> row_layouts() {
  std::vector<RowLayout> layouts;
  for (const Element element : {Element::f32, Element::f16, Element::bf16}) {
    layouts.push_back({element, 0, 0});
    layouts.push_back({element, 8, 16});
    layouts.push_back({element, 0, 5});
    layouts.push_back({element, 3, 8});
  }
  return layouts;
}

DeviceRows::DeviceRows(CudaRig& rig, Shape shape, RowLayout layout)
    : rig_(rig), shape_(shape), layout_(layout), data_(rig.take(byte_count())) {
  const std::vector<uint8_t> pattern(static_cast<size_t>(byte_count()), untouched);
  rig.write(data_, pattern.data(), byte_count());
}

DeviceRows::DeviceRows(CudaRig& rig, const Tensor& values, RowLayout layout)
    : DeviceRows(rig, values.shape, layout) {
  std::vector<uint8_t> bytes(static_cast<size_t>(byte_count()), untouched);
  const int64_t size = ipa::gpu::element_size(layout.element);
  for (int64_t r = 0; r < shape_.rows(); ++r)
    for (int64_t c = 0; c < shape_.c; ++c)
      store(layout.element, values.row(r, c), bytes.data() + at(r, c) * size);
  rig.write(data_, bytes.data(), byte_count());
}

int64_t DeviceRows::byte_count() const {
  return (layout_.skip + shape_.rows() * stride()) * ipa::gpu::element_size(layout_.element);
}

ipa::gpu::Rows DeviceRows::rows() const {
  const int64_t skipped = layout_.skip * ipa::gpu::element_size(layout_.element);
  return {static_cast<uint8_t*>(data_) + skipped, stride(), layout_.element};
}

std::vector<uint8_t> DeviceRows::bytes() const {
  std::vector<uint8_t> bytes(static_cast<size_t>(byte_count()));
  rig_.read(data_, bytes.data(), byte_count());
  return bytes;
}

Tensor DeviceRows::values() const {
  const std::vector<uint8_t> stored = bytes();
  const int64_t size = ipa::gpu::element_size(layout_.element);
  Tensor values(shape_);
  for (int64_t r = 0; r < shape_.rows(); ++r)
    for (int64_t c = 0; c < shape_.c; ++c)
      values.row(r, c) = load(layout_.element, stored.data() + at(r, c) * size);
  return values;
}

void DeviceRows::check_gaps(const std::string& what) const {
  const std::vector<uint8_t> stored = bytes();
  const int64_t size = ipa::gpu::element_size(layout_.element);
  int64_t written = 0;
  for (int64_t i = 0; i < byte_count(); ++i) {
    const int64_t element = i / size - layout_.skip;
    const bool inside = element >= 0 && element % stride() < shape_.c;
    written += !inside && stored[static_cast<size_t>(i)] != untouched;
  }
  if (written) fail(__FILE__, __LINE__, what + ": wrote " + std::to_string(written) + " bytes beside its rows");
}

CudaRig::CudaRig(uint64_t seed) : random_(seed) {
  cuda_emulator::EmulatedGpu gpu;
  gpu.options.capability = seed % 2 ? 75 : 90;
  gpu.options.order = static_cast<cuda_emulator::Order>(seed % 3);
  gpu.options.seed = static_cast<uint32_t>(seed);
  gpu.options.late_copies = seed / 3 % 2 == 1;
  if (!chosen_options(gpu.options)) fail(__FILE__, __LINE__, "there is no such order");
  cuda_emulator::reset_emulated_gpu(gpu);
  cuda_emulator::forget_findings();
  check_result(api().open(0, &queue_));
}

CudaRig::~CudaRig() {
  for (void* address : taken_) check_result(api().give(queue_, address));
  api().close(queue_);
}

Tensor CudaRig::random(Shape shape, double low, double high) {
  Tensor tensor(shape);
  for (double& value : tensor.values)
    value = static_cast<double>(random_.uniform(static_cast<float>(low), static_cast<float>(high)));
  return tensor;
}

void* CudaRig::take(int64_t bytes) {
  void* address = nullptr;
  check_result(api().take(queue_, static_cast<uint64_t>(std::max<int64_t>(1, bytes)), &address));
  if (address) taken_.push_back(address);
  return address;
}

float* CudaRig::floats(const ipa_ref::Doubles& values) {
  return upload(std::vector<float>(values.begin(), values.end()));
}

void CudaRig::write(void* device, const void* from, int64_t bytes) {
  const Staging staging(queue_, bytes);
  if (!staging.data || !device) return;
  std::memcpy(staging.data, from, static_cast<size_t>(bytes));
  check_result(api().copy_in(queue_, device, staging.data, static_cast<uint64_t>(bytes)));
}

void CudaRig::read(const void* device, void* to, int64_t bytes) {
  const Staging staging(queue_, bytes);
  std::memset(to, 0, static_cast<size_t>(bytes));
  if (!staging.data || !device) return;
  check_result(api().copy_out(queue_, staging.data, device, static_cast<uint64_t>(bytes)));
  std::memcpy(to, staging.data, static_cast<size_t>(bytes));
}

void CudaRig::launch(int32_t kernel, const void* arguments, uint64_t bytes) {
  check_result(api().launch(queue_, kernel, arguments, bytes));
  for (const cuda_emulator::Finding& finding : cuda_emulator::findings())
    fail(__FILE__, __LINE__, finding.kernel + ": " + finding.kind + ", " + finding.text);
  cuda_emulator::forget_findings();
}

double relative_error(const Tensor& actual, const Tensor& expected) {
  double difference = 0, largest = 1e-30;
  for (size_t i = 0; i < expected.values.size(); ++i) {
    if (std::isnan(actual.values[i])) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, std::fabs(actual.values[i] - expected.values[i]));
    largest = std::max(largest, std::fabs(expected.values[i]));
  }
  return difference / largest;
}

void check_close(const Tensor& actual, const Tensor& expected, Element element, const std::string& what) {
  const double error = relative_error(actual, expected), allowed = 4e-6 + rounding_of(element) * 1.001;
  if (!(error <= allowed))
    fail(__FILE__, __LINE__, what + ": off by " + shown(error) + ", allowed are " + shown(allowed));
}

}  // namespace ipa_test
