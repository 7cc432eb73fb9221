// One condition of a call: a T2I-Adapter with its picture, when it counts and how much.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/status.h"
#include "pipeline/call.h"
#include "pipeline/load/loaded_control.h"
#include "pipeline/sample/control_call.h"

namespace ipa {

class T2iRun {
 public:
  // `index`: of the request's controls.
  static Result<std::unique_ptr<T2iRun>> plan(const ControlCall& call, size_t index);
  void count(MemoryCount& memory) const;
  // Makes of the picture what is added, the same in every step. Once.
  Status begin(const Call& call);

  bool active(size_t i) const { return active_[i]; }
  float scale() const { return use_.scale; }
  // Of one item: what is added to each level, and to the middle behind them.
  const std::vector<Shape>& shapes() const { return shapes_; }
  // Before the scale.
  const std::vector<float>& feature(size_t i) const { return features_[i]; }

 private:
  T2iRun(const ControlCall& call, size_t index);
  Status plan_blocks(const Backend& backend);
  Result<std::vector<float>> picture_values() const;
  size_t picture_bytes() const;
  size_t feature_bytes() const;

  // A block of the network, which runs alone: what lies between two of them is no operation of a graph.
  struct Block {
    std::unique_ptr<Program> program;
    Value input, output;
  };

  const ControlUse& use_;
  const GenerateRequest& request_;
  const LoadedNetwork<T2iAdapter>& net_;
  size_t places_;  // of its results in the UNet
  std::vector<bool> active_;
  std::vector<Block> blocks_;
  std::vector<Shape> shapes_;
  std::vector<std::vector<float>> features_;
  std::unique_ptr<Held> held_;  // the features'
};

}  // namespace ipa
