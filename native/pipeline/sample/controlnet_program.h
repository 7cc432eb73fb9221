// A ControlNet bound to the prompts of some items of a generation's batch, and to its picture.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/status.h"
#include "graph/bound_memory.h"
#include "graph/program.h"
#include "pipeline/condition/conditioning.h"
#include "pipeline/load/loaded_control.h"
#include "pipeline/sample/residuals.h"

namespace ipa {

struct ControlNetProgramShape {
  int64_t height = 0, width = 0;  // latents
  int64_t first = 0, batch = 1;   // items of the conditioning
  size_t skips = 0;               // skip connections that are computed, from the outermost
  Wrap wrap;                      // of convolutions
};

// What it reads and writes; all of it outlives the program.
struct ControlNetBinding {
  const LoadedNetwork<ControlNet>& net;
  const Conditioning& conditioning;
  const PackedKeys& text;
  const BoundMemory& picture;  // of ControlNet::read_picture
  const Residuals& results;
  std::vector<float> modes;  // of a union, see ControlPictures::modes
};

class ControlNetProgram {
 public:
  static Result<std::unique_ptr<ControlNetProgram>> plan(const Backend& backend, const ControlNetBinding& to,
                                                         const ControlNetProgramShape& shape);
  void count(MemoryCount& memory) const { memory.staying(*program_); }
  // After the conditioning has run, the picture was read, and the memory of the results was taken.
  Status prepare(Workspace& workspace);
  // `latents`: channels-last, the same for every item.
  Status run(const std::vector<float>& latents, float timestep, const CancelFlag* cancel);

 private:
  // Where the memory of a value is, once it is there.
  using Source = std::function<BoundView()>;

  explicit ControlNetProgram(const UNetConfig& config) : config_(config) {}
  Value bind(Value value, Source source);
  UNetInputs describe_inputs(Graph& graph, const ControlNetBinding& to, const ControlNetProgramShape& shape);

  const UNetConfig& config_;
  int64_t batch_ = 1;
  std::unique_ptr<Program> program_;
  std::vector<std::pair<Value, Source>> bound_;
  std::vector<float> modes_;
  Value latents_, sinusoid_, control_types_;
};

}  // namespace ipa
