// Where the tokens of a call act in a picture: maps of cross-attention layers, as means over its model calls.
// The UNet's programs write the maps of each call into memory of this object; add() sums them up.
#pragma once

#include <memory>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/status.h"
#include "graph/memory.h"
#include "graph/workspace.h"
#include "models/decoupled_attention.h"
#include "pipeline/condition/conditioning.h"
#include "pipeline/load/model_set.h"
#include "pipeline/memory_count.h"
#include "pipeline/request.h"

namespace ipa {

class AttentionMaps {
 public:
  // Null where the request asks for none. Arguments outlive it.
  static std::unique_ptr<AttentionMaps> plan(const ModelSet& models, const GenerateRequest& request,
                                             const Conditioning& conditioning);
  // One per cross layer of the UNet: which are mapped, and the spans of their tokens.
  const std::vector<LayerMap>& layers() const { return layers_; }
  size_t bytes() const { return (mapped_ + summed_) * sizeof(float); }
  void count(MemoryCount& memory) const {
    memory.staying(mapped_ * sizeof(float), space_);
    memory.staying(summed_ * sizeof(float));
  }
  // Of what means() returns.
  size_t result_bytes() const;

  // Once, before programs are bound.
  Status take(Workspace& workspace);
  // Where a program writes the map of a layer.
  BoundView view(size_t layer) const;

  void begin_picture();
  // After a model call, in which these layers have run.
  void add(const std::vector<size_t>& layers);
  // Over the calls since begin_picture(), and over the layers of a module; a module after the other.
  std::vector<ModuleMaps> means() const;

 private:
  // Columns of a layer's map that are summed up alike: the tokens of one part, or one source.
  struct Columns {
    size_t track = 0, count = 0;
  };
  // What the layers of a module have in common. First the prompt's track, then one for each region, branch and source.
  struct Track {
    size_t columns = 0, at = 0;  // floats of a query; where the sums are
    int maps = 0;                // added
  };
  struct Module {
    int index = 0;
    int64_t width = 0, height = 0;
    std::vector<Track> tracks;
    size_t queries() const { return static_cast<size_t>(width * height); }
  };
  struct Place {
    size_t module = 0;  // of modules_
    std::vector<Columns> columns;
    size_t at = 0, floats = 0;
  };
  AttentionMaps(const MemorySpace& space, const GenerateRequest& request, const Conditioning& conditioning);
  void plan_layer(const ModelSet& models, size_t layer);
  void add_part(size_t layer, size_t track, int64_t tokens);
  void add_sources(size_t layer);
  Module& module_of(const ModelSet& models, const CrossLayer& layer);

  const MemorySpace& space_;
  const GenerateRequest& request_;
  const Conditioning& conditioning_;
  size_t sources_ = 0;
  std::vector<LayerMap> layers_;
  std::vector<Place> places_;  // of the layers
  std::vector<Module> modules_;
  size_t mapped_ = 0, summed_ = 0;  // floats of the maps of a call, and of all sums
  Memory maps_;
  AlignedBuffer sums_;
  std::unique_ptr<Held> held_;
};

// invalid_option for a module that there is not.
Status check_attention_maps(const ModelSet& models, const GenerateRequest& request);

}  // namespace ipa
