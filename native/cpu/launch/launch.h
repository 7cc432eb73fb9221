// One kernel with its arguments resolved to addresses, ready to be run as numbered tasks.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/aligned_buffer.h"
#include "cpu/kernels/kernels.h"
#include "cpu/launch/token_merge.h"
#include "graph/backend.h"
#include "graph/plan.h"

namespace ipa {

// Row copies: concatenation, gathering, repetition, enlargement. Row r of the output comes from row source(r)
// of `from`.
struct CopyArgs {
  enum class Kind { same, repeat, gather, tokens, enlarge };
  Kind kind = Kind::same;
  const float* from = nullptr;
  const uint16_t* halves = nullptr;  // in place of `from`, widened
  int64_t from_stride = 0, from_rows = 0;
  const int32_t* ids = nullptr;
  int64_t period = 0;                                 // repeat
  int64_t in_tokens = 0, out_tokens = 0, offset = 0;  // tokens: a sequence placed inside longer ones
  int64_t in_h = 0, in_w = 0, out_h = 0, out_w = 0;   // enlarge
  const int32_t *map_h = nullptr, *map_w = nullptr;
  float* to = nullptr;
  int64_t to_stride = 0, rows = 0, channels = 0, block_rows = 0;
};

struct Launch {
  using Arguments =
      std::variant<GemmArgs, QuantizeArgs, Int8Args, PairsArgs, WinogradArgs, PackKvArgs, AttentionArgs,
                   GroupNormArgs, LayerNormArgs, RowsArgs, CopyArgs, TokenMapArgs, MergeRowsArgs>;
  Arguments arguments;
  void (*task)(const Kernels&, const Arguments&, int64_t task, float* scratch) = nullptr;
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

 private:
  void product(const Step& step);
  void winograd(GemmArgs product, const Step& step);
  using Task = void (*)(const Kernels&, const Launch::Arguments&, int64_t task, float* scratch);
  static void order_tasks(GemmArgs& g, Compute compute);
  void round_rows(QuantizeArgs rounding, Task task, const Step& step);
  void int8(GemmArgs product, const Step& step);
  void pairs(GemmArgs product, const Step& step);
  void cut_rows(GemmArgs& g, int64_t rows, int64_t most) const;
  void group_norm(const Step& step);
  void layer_norm(const Step& step);
  void rows(const Step& step);
  void copies(const Step& step);
  void pack_kv(const Step& step);
  void attention(const Step& step);
  void token_map(const Step& step);
  void merged_rows(const Step& step);
  void push(Launch::Arguments arguments,
            void (*task)(const Kernels&, const Launch::Arguments&, int64_t, float*), int64_t tasks, double work,
            const Step& step, int64_t scratch_floats);
  void push_copy(CopyArgs copy, const Step& step);
  const int32_t* nearest_map(int64_t from, int64_t to);
  float* at(const Place& place) const;

  const Kernels& kernels_;
  int threads_;
  uint8_t* arena_;
  const std::vector<void*>& bindings_;
  LaunchMemory& memory_;
  std::vector<Launch>& launches_;
  size_t step_ = 0;  // being added
};

template <class Args>
const Args& get(const Launch::Arguments& arguments) {
  return *std::get_if<Args>(&arguments);
}

// The step's packed weight (0) or bias (1); null without one.
inline const float* weights(const Step& step, size_t index) {
  const Param* param = index < step.node->params.size() ? step.node->params[index] : nullptr;
  return param ? param->data.floats() : nullptr;
}

}  // namespace ipa
