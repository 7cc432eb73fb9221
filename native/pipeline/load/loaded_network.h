// A network in memory: its configuration, its weights, and where they came from.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "graph/params.h"
#include "pipeline/load/components.h"
#include "pipeline/load/load_params.h"
#include "weights/changes/extended_source.h"
#include "weights/changes/inpaint_patch.h"
#include "weights/changes/merged_source.h"

namespace ipa {

// The weights of one network. Its owner declares `params` and chooses what they are multiplied in;
// then they are loaded, and restaged whenever other LoRAs change them.
class LoadedWeights {
 public:
  // `what` names the network in messages ("the UNet").
  LoadedWeights(Component source, std::string what) : source_(std::move(source)), what_(std::move(what)) {}

  // Where its weights come from, without LoRAs.
  const Component& source() const { return source_; }
  // From now on LoRAs change it by their modules for this part.
  void set_lora_part(LoraPart part) { part_ = part; }
  // Rows behind those of its tensor `table`. What `rows` point to must outlive this.
  void extend(std::string table, std::vector<MoreRows> rows);

  // Reads and packs every parameter. Errors of the readers, of with_loras() and of load_params().
  Status load(const std::vector<LoraUse>& loras, const LoadContext& context);

  // After load(): reads and packs a second version of what the patch changes, and keeps both. Errors as of load(), and
  // of with_inpaint_patch().
  Status load_patch(InpaintPatch patch, const std::vector<LoraUse>& loras, const LoadContext& context);
  // Which of the versions is in `params`: at first, and after restage(), the one without the patch. Takes no time; what
  // was planned before is void. Without a patch there is one version.
  void use_patched(bool patched);
  // Of the version that is not in `params`.
  size_t spare_bytes() const;

  // Whether load() has succeeded.
  bool loaded() const { return !params.all().empty() && (params.rests() || params.all().front()->data); }
  // Before load(), where graphs are planned before it: what it will read. The memory that it will take.
  // Errors of the readers, and of load_params() where a tensor is missing.
  Result<size_t> foresee(const Backend& backend);

  // What other LoRAs make of the weights, read and packed but not yet in use.
  // Weights that neither they nor those in use change are not read.
  struct Restaged {
    StagedParams params;
    StagedParams patched;
    std::set<std::string> changed;
  };
  Result<Restaged> restage(const std::vector<LoraUse>& loras, const LoadContext& context);
  void commit(Restaged restaged);

  ParamSet params;

 private:
  Result<std::unique_ptr<TensorSource>> open(const std::vector<LoraUse>& loras, std::set<std::string>* changed,
                                             const LoadContext& context) const;

  // Of the parameters that hold one of the patch's tensors, and, unless it is null, one of `affected`.
  Result<StagedParams> stage_patched(const std::vector<LoraUse>& loras, const std::set<std::string>* affected,
                                     const LoadContext& context);

  Component source_;
  std::string what_;
  std::optional<LoraPart> part_;
  std::string table_;
  std::vector<MoreRows> rows_;
  std::set<std::string> changed_;  // tensors that differ from the source's now
  std::optional<InpaintPatch> patch_;
  StagedParams spare_;  // the other version of what the patch changes
  bool patched_ = false;
};

template <class Network>
struct LoadedNetwork : LoadedWeights {
  LoadedNetwork(Network described, Component source, std::string what)
      : LoadedWeights(std::move(source), std::move(what)), network(std::move(described)) {}
  const auto& config() const { return network.config(); }

  Network network;
};

}  // namespace ipa
