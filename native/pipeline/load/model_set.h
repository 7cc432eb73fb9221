// The networks of one pipeline, held in memory ready to run:
// read from a model's folder or file and IP-Adapter files, checked against each other.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "pipeline/load/adapter.h"
#include "pipeline/load/devices.h"
#include "pipeline/load/learned_tokens.h"
#include "pipeline/load/load_request.h"
#include "pipeline/load/model_kind.h"
#include "pipeline/load/model_prediction.h"
#include "pipeline/load/networks.h"
#include "pipeline/load/part_computes.h"
#include "pipeline/load/vision_tower.h"
#include "weights/ignored_tensors.h"

namespace ipa {

struct Kernels;        // cpu/kernels/kernels.h
struct LoadedControl;  // load/loaded_control.h
struct LoadedInpaint;  // load/inpaint.h

class ModelSet {
  // In front: all else has memory of theirs, and goes before they do.
  Devices devices_;

 public:
  static Result<std::unique_ptr<ModelSet>> load(const LoadRequest& request, const CancelFlag* cancel);

  // Replace all adapters, all controls, or all LoRAs, and leave the rest as it is; on an error nothing has changed.
  // An adapter or control that stays is not read again. Without LoRAs the weights are the bits they were.
  Status set_adapters(const std::vector<AdapterRequest>& requests, const CancelFlag* cancel);
  Status set_controls(const std::vector<ControlRequest>& requests, const CancelFlag* cancel);
  Status set_loras(const std::vector<LoraRequest>& requests, const CancelFlag* cancel);

  // Those in use.
  const std::vector<LoraRequest>& loras() const { return loras_; }
  const Backend& backend(Part part) const { return devices_.of(part); }
  const Devices& devices() const { return devices_; }
  const PartComputes& computes() const { return computes_; }
  Family family() const { return family_; }
  Task task() const { return task_; }
  // One per file of the request's.
  const std::vector<LearnedToken>& learned_tokens() const { return learned_->tokens(); }
  // Weights and bytes over all networks.
  int64_t parameters() const;
  size_t memory_bytes() const;
  // Of those in one kind of memory.
  size_t memory_bytes_on(const MemorySpace& space) const;

  // Before a call is planned: whether it repaints a part of a picture, which Fooocus' patch of the UNet is for.
  void choose_unet(bool repaints) const { unet->use_patched(repaints); }

  // Of the VAE's encoder, whose weights are read when they are needed. What they will take, to be called before
  // a graph of it is planned, and reading them. The option "image" where there are none.
  Result<size_t> foresee_encoder() const;
  Status load_encoder(const CancelFlag* cancel) const;

  std::vector<std::unique_ptr<TextTower>> text;
  std::shared_ptr<const VisionTower> vision;  // of adapters that have none of their own; may be null
  std::unique_ptr<LoadedNetwork<UNet>> unet;
  std::unique_ptr<const LoadedNetwork<Vae>> vae;  // decodes
  // Encodes. Where the model is one of prompts alone, its weights are read when a call first needs them.
  std::unique_ptr<LoadedNetwork<Vae>> vae_encoder;
  std::vector<std::shared_ptr<const Adapter>> adapters;
  std::vector<std::shared_ptr<const LoadedControl>> controls;
  std::shared_ptr<const LoadedInpaint> inpaint;  // may be null
  Json scheduler_config;
  ModelPrediction prediction;
  std::vector<IgnoredOfFile> ignored;  // tensors of the model's files and textual inversions that nothing reads
  std::vector<IgnoredOfFile> ignored_of_loras;
  bool zeros_for_empty_prompt = false;  // SDXL: no negative prompt means zero features
  // SDXL's refiner: one text encoder, and an aesthetic score among the size conditions.
  bool refiner = false;

 private:
  ModelSet(Devices devices, const PartComputes& computes, const Kernels& kernels, int threads)
      : devices_(std::move(devices)), computes_(computes), kernels_(kernels), threads_(threads) {}
  // Of loading the weights of a part.
  LoadContext context(Part part, const CancelFlag* cancel) const;
  Status load_vae(const VaeComponent& component, const LoadContext& context);
  Status load_model_vision(const LoadRequest& request, const CancelFlag* cancel);
  Status check_family();
  // That Fooocus' inpainting is made for it. The option "inpaint".
  Status check_inpaint() const;
  Result<std::shared_ptr<const VisionTower>> vision_in(
      const std::string& folder, const std::vector<std::shared_ptr<const Adapter>>& loaded,
      const CancelFlag* cancel) const;
  Result<std::vector<std::shared_ptr<const Adapter>>> make_adapters(const std::vector<AdapterRequest>& requests,
                                                                    const CancelFlag* cancel) const;
  Result<std::vector<std::shared_ptr<const LoadedControl>>> make_controls(
      const std::vector<ControlRequest>& requests, const CancelFlag* cancel) const;
  // Of every network once.
  std::vector<const ParamSet*> all_params() const;
  // The networks that LoRAs change.
  std::vector<std::pair<Part, LoadedWeights*>> changeable() const;

  PartComputes computes_;
  bool offload_ = false;    // all parts but the UNet's rest, see ParamSet::rest()
  const Kernels& kernels_;  // of the host, which adds LoRAs to weights
  int threads_;             // the same
  Family family_ = Family::sd1;
  Task task_ = Task::text_to_image;
  std::vector<LoraRequest> loras_;
  std::unique_ptr<const LearnedTokens> learned_;
};

}  // namespace ipa
