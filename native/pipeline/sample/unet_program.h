// The UNet bound to the prompts of some items of a generation's batch, in full or without its deep part.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/status.h"
#include "graph/program.h"
#include "pipeline/condition/conditioning.h"
#include "pipeline/load/model_set.h"
#include "pipeline/sample/attention_maps.h"
#include "pipeline/sample/inpaint_run.h"
#include "pipeline/sample/residuals.h"

namespace ipa {

struct UNetProgramShape {
  int64_t height = 0, width = 0;  // latents
  int64_t first = 0, batch = 1;   // items of the conditioning
  int copies = 1;                 // calls that run as one, see Program::share()
  int feature_depth = 0;          // 0: no features are kept
  double merge_ratio = 0;         // of tokens
  Wrap wrap;                      // of convolutions
  // What controls add, for all items of the conditioning; null: nothing. It outlives the program.
  const Additions* additions = nullptr;
  // What the inpaint head adds, the same for all items; as above.
  const InpaintRun* inpaint = nullptr;
  // Where maps of the last item are written; null: there are none. It outlives the program.
  const AttentionMaps* maps = nullptr;

  int64_t items() const { return batch * copies; }
  // Of an input that is the same for all of one call's items.
  int64_t items_alike() const { return copies == 1 ? 1 : items(); }
};

class UNetProgram {
 public:
  // `features`: the full program of the same shape whose kept features this one starts from;
  // nullptr: this is a full program. All arguments but the shape outlive it.
  static Result<std::unique_ptr<UNetProgram>> plan(const ModelSet& models, const Conditioning& conditioning,
                                                   const UNetProgramShape& shape, const UNetProgram* features);
  void count(MemoryCount& memory) const { memory.staying(*program_); }
  // After the conditioning has run, and the program of `features` is prepared.
  // `guidance` is an input of latent consistency models.
  Status prepare(Workspace& workspace, float guidance);

  // Channels-last, items one after the other.
  Status set_latents(size_t item, const std::vector<float>& latents) {
    return program_->set(latents_, latents, item * latents.size());
  }
  // Of every item.
  Status set_timestep(float timestep);
  // Of the same shape, each with inputs of its own.
  static Status run_all(const std::vector<UNetProgram*>& programs, const CancelFlag* cancel);
  Status get_output(std::vector<float>& output) const { return program_->get(output_, output); }
  // Cross layers whose maps a run writes.
  const std::vector<size_t>& mapped() const { return mapped_; }

 private:
  // Where the memory of an input is, once it is there.
  using Source = std::function<BoundView()>;

  explicit UNetProgram(const UNetConfig& config) : config_(config) {}
  Status describe(const ModelSet& models, const Conditioning& conditioning, const UNetProgramShape& shape,
                  const UNetProgram* features);
  Value bind(Value value, Source source);
  // The same for every item.
  Status set_each(Value value, const std::vector<float>& item);
  Value bind_keys(Graph& graph, const PackedKeys& keys, size_t layer, const UNetProgramShape& shape);
  // `skips`: the number of skip connections that are computed anew.
  UNetAdditions describe_additions(Graph& graph, const UNetProgramShape& shape, size_t skips);
  Value describe_unet(Graph& graph, const UNet& unet, const UNetInputs& inputs, DeepFeatures* features,
                      const AttentionMaps* maps);
  UNetInputs describe_inputs(Graph& graph, const UNet& unet, const Conditioning& conditioning,
                             const UNetProgramShape& shape);

  const UNetConfig& config_;
  std::unique_ptr<Program> program_;
  std::vector<std::pair<Value, Source>> bound_;
  Value latents_, sinusoid_, time_cond_, output_, kept_;
  std::vector<size_t> mapped_;
};

}  // namespace ipa
