// The launches of a plan: kernels with their arguments resolved to addresses of a device, in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "cuda/api/kernel_args.h"
#include "graph/plan.h"

namespace ipa::gpu {

struct Launch {
  Kernel kernel = Kernel::product;
  size_t step = 0;           // of the plan
  size_t at = 0, bytes = 0;  // of its arguments
};

class Launches {
 public:
  const std::vector<Launch>& all() const { return launches_; }
  const void* arguments(const Launch& launch) const { return bytes_.data() + launch.at; }
  template <class Args>
  void push(Kernel kernel, size_t step, const Args& arguments) {
    static_assert(std::is_trivially_copyable_v<Args>, "copied as bytes");
    constexpr size_t alignment = 16;
    const size_t at = (bytes_.size() + alignment - 1) / alignment * alignment;
    bytes_.resize(at + sizeof(Args));
    std::memcpy(bytes_.data() + at, &arguments, sizeof(Args));
    launches_.push_back({kernel, step, at, sizeof(Args)});
  }

 private:
  std::vector<Launch> launches_;
  std::vector<uint8_t> bytes_;
};

// Makes launches of a plan's steps, in order. How each op is launched stands in a file of its own, see gpu_ops.h.
class LaunchBuilder {
 public:
  LaunchBuilder(const Plan& plan, uint8_t* arena, const std::vector<void*>& bindings, Launches& launches)
      : activations_(plan.graph().params()->activations),
        arena_(arena),
        bindings_(bindings),
        launches_(launches) {}
  // Code::unsupported for a step that has more branches and the like than the kernels' arguments hold.
  Status add(const Step& step);

  // For the ops. Of a step's operands; null data where the place is none.
  void* address(const Place& place) const;
  Rows rows(const Place& place, Storage storage) const;
  Rows input(const Step& step, size_t index) const {
    return rows(step.inputs[index], step.input_storages[index]);
  }
  Rows out(const Step& step) const { return rows(step.out, step.out_storage); }
  // What weights of 8 bits are multiplied with.
  Element byte_factor() const { return activations_ == Storage::bf16 ? Element::bf16 : Element::f16; }
  // Working memory of the step.
  uint8_t* scratch(const Step& step) const { return arena_ + step.scratch_offset; }
  template <class Args>
  void push(Kernel kernel, const Args& arguments) {
    launches_.push(kernel, index_, arguments);
  }

 private:
  Storage activations_;
  uint8_t* arena_;
  const std::vector<void*>& bindings_;
  Launches& launches_;
  size_t index_ = 0;
};

// The address of a parameter of the step; null without one.
const void* parameter(const Step& step, size_t index);
Element element_of(Storage storage);
// What is multiplied in, of weights and packed keys.
Element element_of(Compute compute);

}  // namespace ipa::gpu
