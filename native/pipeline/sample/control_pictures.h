// The pictures of a ControlNet in a call to what it adds to its first layer: once per call, the same in every step.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/program.h"
#include "pipeline/call.h"
#include "pipeline/load/loaded_control.h"
#include "pipeline/sample/control_call.h"

namespace ipa {

class ControlPictures {
 public:
  // `conditions`: of the request's controls. `mixed`: a union's, each of which counts as much as its scale says.
  // What `call` refers to outlives it.
  static Result<std::unique_ptr<ControlPictures>> plan(const ControlCall& call,
                                                       const LoadedNetwork<ControlNet>& net,
                                                       const std::vector<size_t>& conditions, bool mixed);
  void count(MemoryCount& memory) const;
  // Which kinds of pictures a union reads, as it is told in every step; empty for other nets.
  std::vector<float> modes() const;
  // Once. The sum over all pictures, a row of floats for each latent.
  Result<std::vector<float>> read(const Call& call);

 private:
  ControlPictures(const ControlCall& call, const LoadedNetwork<ControlNet>& net)
      : request_(call.request), net_(net) {}
  Status plan_programs(const Backend& backend);
  Result<std::vector<float>> values_of(const ControlUse& use) const;
  Result<std::vector<float>> inpaint_values() const;
  // Of a union: what is added to every pixel.
  Result<std::vector<float>> offset_of(const Call& call, const ControlUse& use, const std::vector<float>& read,
                                       float scale);
  bool is_union() const { return net_.config().several.modes > 0; }
  size_t read_bytes() const;
  // Outside of programs while the pictures are read.
  size_t held_bytes() const;

  const GenerateRequest& request_;
  const LoadedNetwork<ControlNet>& net_;
  std::vector<const ControlUse*> uses_;
  bool mixed_ = false;
  std::unique_ptr<Program> reader_, rows_, offsets_;
  Value pixels_, read_, mode_, row_, mean_, offset_;
};

}  // namespace ipa
