// A graph made ready to run: fused steps in order, every value's place in one arena, and the arena's size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/backend.h"
#include "graph/graph.h"

namespace ipa {

// Where a value lives: at a byte offset of the arena, or in memory bound by the caller.
struct Place {
  int32_t binding = -1;    // index of the bound value; -1: the arena
  int64_t offset = 0;      // bytes
  int64_t row_stride = 0;  // elements from one row to the next
  bool valid = false;
};

// One op of the graph with what was fused into it.
struct Step {
  const Node* node = nullptr;
  Place out;
  Shape out_shape;
  std::vector<Place> inputs;
  std::vector<Shape> input_shapes;
  Storage out_storage = Storage::f32, residual_storage = Storage::f32, item_bias_storage = Storage::f32;
  std::vector<Storage> input_storages;
  // linear, geglu_linear, conv2d: y = activation(product + bias + item_bias) + residual. group_norm,
  // norm_apply: activation only.
  Activation activation = Activation::none;
  Place item_bias;                // one row per item (or one for all), added before the activation
  bool item_bias_shared = false;  // one row for the whole batch
  Place residual;
  int64_t residual_period = 0;  // rows after which the residual repeats; 0: it has as many rows as the output
  // conv2d over the nearest-neighbour enlargement of its input to this size; 0: the input as it is.
  int64_t upsample_h = 0, upsample_w = 0;
  int64_t scratch_offset = 0;  // bytes into the arena
};

class Plan {
 public:
  // Fails when the graph does not fit together, or its memory does not fit 64 bits.
  static Result<Plan> make(Graph graph, const Backend& backend);

  const std::vector<Step>& steps() const { return steps_; }
  const Graph& graph() const { return *graph_; }
  size_t arena_bytes() const { return arena_bytes_; }
  // Bound values: the graph's inputs in order of recording, then its outputs.
  const std::vector<Value>& bound_values() const { return bound_; }
  // Bytes of the i-th bound value.
  size_t bound_bytes(size_t i) const { return bound_bytes_[i]; }
  int binding_of(Value value) const;

 private:
  friend class Planner;
  std::unique_ptr<Graph> graph_;  // steps point into its nodes
  std::vector<Step> steps_;
  std::vector<Value> bound_;
  std::vector<size_t> bound_bytes_;
  size_t arena_bytes_ = 0;
};

}  // namespace ipa
