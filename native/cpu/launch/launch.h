// One kernel with its arguments resolved to addresses, ready to be run as numbered tasks.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/aligned_buffer.h"
#include "cpu/kernels/kernels.h"
#include "cpu/launch/copies.h"
#include "cpu/launch/token_merge.h"
#include "graph/plan.h"

namespace ipa {

struct Launch {
  template <class Args>
  struct Call {
    Kernel<Args> kernel;
    Args arguments;
  };
  std::variant<Call<GemmArgs>, Call<QuantizeArgs>, Call<WinogradArgs>, Call<PackKvArgs>, Call<AttentionArgs>,
               Call<AttentionMapArgs>, Call<GroupNormArgs>, Call<LayerNormArgs>, Call<RowsArgs>, Call<CopyArgs>,
               Call<TokenMapArgs>, Call<MergeRowsArgs>>
      call;
  void (*run)(const Launch&, int64_t task, float* scratch) = nullptr;
  int64_t tasks = 0;
  int threads = 1;  // at most
  float* scratch = nullptr;
  int64_t scratch_floats = 0;  // of one thread
  size_t step = 0;             // of the plan
};

// What the launches of a plan point to besides the arena.
struct LaunchMemory {
  AlignedBuffer zeros;                     // a row of zeros for convolution padding
  AlignedBuffer zero_bytes;                // the same in bytes: 128 stands for zero
  std::vector<std::vector<int32_t>> maps;  // nearest-neighbour coordinates
  std::vector<std::vector<AttentionBranch>> branches;
};

// Makes launches of a plan's steps, in order.
// How each op is launched stands in a file of its own, see cpu/launch/launch_ops.h.
class LaunchBuilder {
 public:
  LaunchBuilder(const Kernels& kernels, int threads, uint8_t* arena, const std::vector<void*>& bindings,
                LaunchMemory& memory, std::vector<Launch>& launches)
      : kernels_(kernels),
        threads_(threads),
        arena_(arena),
        bindings_(bindings),
        memory_(memory),
        launches_(launches) {}
  void add(const Step& step);

  // For the ops.
  const Kernels& kernels() const { return kernels_; }
  int threads() const { return threads_; }
  LaunchMemory& memory() { return memory_; }
  // Null where the place is none.
  float* at(const Place& place) const;
  // What all threads share of the step's working memory.
  uint8_t* shared_scratch(const Step& step) const { return arena_ + step.scratch_offset; }
  // Coordinates of a nearest-neighbour enlargement of one side.
  const int32_t* nearest_map(int64_t from, int64_t to);
  // A launch of the step being added. `work` is in units of a light op's element.
  template <class Args>
  void push(const Args& arguments, Kernel<Args> kernel, int64_t tasks, double work) {
    Launch launch;
    launch.call = Launch::Call<Args>{kernel, arguments};
    launch.run = [](const Launch& of, int64_t task, float* scratch) {
      const auto& call = *std::get_if<Launch::Call<Args>>(&of.call);
      call.kernel(call.arguments, task, scratch);
    };
    launch.tasks = tasks;
    push(std::move(launch), work);
  }

 private:
  void push(Launch launch, double work);

  const Kernels& kernels_;
  int threads_;
  uint8_t* arena_;
  const std::vector<void*>& bindings_;
  LaunchMemory& memory_;
  std::vector<Launch>& launches_;
  const Step* step_ = nullptr;  // being added
  size_t index_ = 0;
};

// The step's packed weight (0) or bias (1); null without one.
inline const float* weights(const Step& step, size_t index) {
  const Param* param = index < step.node->params.size() ? step.node->params[index] : nullptr;
  return param ? reinterpret_cast<const float*>(param->data.address()) : nullptr;
}

// Rows a task of a light op takes: enough to be worth a hand-over.
int64_t rows_per_task(int64_t rows, int64_t channels);

}  // namespace ipa
