// Kernels of a GPU on their own, run by the emulator (test/cuda-emulator): values go in as any element, in rows that begin and
// end anywhere, and come back as they were stored. Whatever lies between the rows must stay as it was.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "check/reference.h"
#include "cuda/api/gpu_api.h"
#include "cuda/api/kernel_args.h"
#include "emulator.h"
#include "random.h"

namespace ipa_test {

// Changes what the command line names (test_device.h). False for an order that there is not.
bool chosen_options(cuda_emulator::Options& options);

// Half of the distance between numbers of an element, of the larger of them.
double rounding_of(ipa::gpu::Element element);
// As an element stores it.
double rounded(ipa::gpu::Element element, double value);

// How rows lie in memory.
struct RowLayout {
  ipa::gpu::Element element = ipa::gpu::Element::f32;
  int64_t skip = 0;  // elements in front of the first row
  int64_t gap = 0;   // elements between a row and the next
};
std::string to_string(const RowLayout& layout);
// Every element, in whole packs of 16 bytes and not.
std::vector<RowLayout> row_layouts();

class CudaRig;

// Rows in memory of the device.
class DeviceRows {
 public:
  // Not initialised.
  DeviceRows(CudaRig& rig, ipa::Shape shape, RowLayout layout);
  // Holds `values`, rounded to its element.
  DeviceRows(CudaRig& rig, const ipa_ref::Tensor& values, RowLayout layout);
  ipa::gpu::Rows rows() const;
  ipa_ref::Tensor values() const;
  // Fails the running test if something wrote beside the rows.
  void check_gaps(const std::string& what) const;
  // All bytes.
  std::vector<uint8_t> bytes() const;

 private:
  int64_t at(int64_t row, int64_t channel) const { return layout_.skip + row * stride() + channel; }
  int64_t stride() const { return shape_.c + layout_.gap; }
  int64_t byte_count() const;

  CudaRig& rig_;
  ipa::Shape shape_;
  RowLayout layout_;
  void* data_;
};

// A new device, whose threads take turns in an order of the seed's where the command line names none. One rig at a time.
class CudaRig {
 public:
  explicit CudaRig(uint64_t seed);
  ~CudaRig();
  CudaRig(const CudaRig&) = delete;
  CudaRig& operator=(const CudaRig&) = delete;

  // Whether the device multiplies in bf16.
  static bool has_bf16() { return cuda_emulator::options().capability >= 80; }

  ipa_ref::Tensor random(ipa::Shape shape, double low = -1, double high = 1);
  // Given back with the rig.
  void* take(int64_t bytes);
  template <class T>
  T* upload(const std::vector<T>& values) {
    const auto bytes = static_cast<int64_t>(values.size() * sizeof(T));
    void* to = take(bytes);
    write(to, values.data(), bytes);
    return static_cast<T*>(to);
  }
  float* floats(const ipa_ref::Doubles& values);
  template <class T>
  std::vector<T> download(const T* from, int64_t count) {
    std::vector<T> values(static_cast<size_t>(count));
    read(from, values.data(), count * static_cast<int64_t>(sizeof(T)));
    return values;
  }
  void write(void* device, const void* from, int64_t bytes);
  void read(const void* device, void* to, int64_t bytes);
  // What fails, and what the emulator finds, is a failed check.
  template <class Args>
  void launch(ipa::gpu::Kernel kernel, const Args& arguments) {
    launch(static_cast<int32_t>(kernel), &arguments, sizeof(Args));
  }

 private:
  void launch(int32_t kernel, const void* arguments, uint64_t bytes);

  Random random_;
  GpuQueue* queue_ = nullptr;
  std::vector<void*> taken_;
};

// Largest difference over the largest of `expected`; infinite where a value is no number.
double relative_error(const ipa_ref::Tensor& actual, const ipa_ref::Tensor& expected);
// Fails the running test where `actual`, stored as `element`, is further from `expected` than its rounding and f32 sums allow.
void check_close(const ipa_ref::Tensor& actual, const ipa_ref::Tensor& expected, ipa::gpu::Element element,
                 const std::string& what);

}  // namespace ipa_test
