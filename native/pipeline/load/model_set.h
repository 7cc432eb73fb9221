// The networks of one pipeline, held in memory ready to run: read from a model's folder or file and IP-Adapter
// files, checked against each other.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "cpu/cpu_backend.h"
#include "graph/params.h"
#include "graph/workspace.h"
#include "models/clip_text.h"
#include "models/unet.h"
#include "models/vae.h"
#include "pipeline/decode/linear_preview.h"
#include "pipeline/load/adapter.h"
#include "pipeline/load/components.h"
#include "pipeline/load/learned_tokens.h"
#include "pipeline/load/load_params.h"
#include "pipeline/load/load_request.h"
#include "pipeline/load/vision_tower.h"
#include "weights/changes/merged_source.h"
#include "weights/ignored_tensors.h"

namespace ipa {

struct TextTower {
  ClipText network;
  ParamSet params;
  // Folder name in the model folder; of a file: "clip" or "open_clip", which pads otherwise.
  std::string tokenizer;
  explicit TextTower(ClipTextConfig config) : network(std::move(config)) {}
};

enum class Family { sd1, sd2, sdxl };
const char* family_name(Family family);

// What a UNet reads beside the noisy latents, told by its input channels: nothing; a mask and the latents of
// the picture around it (StableDiffusionInpaintPipeline); or the latents of the picture to change
// (StableDiffusionInstructPix2PixPipeline).
enum class Task : uint8_t { text_to_image, inpainting, instruct };
const char* task_name(Task task);

class ModelSet {
 public:
  static Result<std::unique_ptr<ModelSet>> load(const LoadRequest& request, const CancelFlag* cancel);

  // Replace all adapters, or all LoRAs, and leave the rest as it is; on an error nothing has changed. An
  // adapter that stays is not read again. Without LoRAs the weights are the bits they were.
  Status set_adapters(const std::vector<AdapterRequest>& requests, const CancelFlag* cancel);
  Status set_loras(const std::vector<LoraRequest>& requests, const CancelFlag* cancel);

  const CpuBackend& backend() const { return backend_; }
  Family family() const { return family_; }
  Task task() const { return task_; }
  // One a file of the request's.
  const std::vector<LearnedToken>& learned_tokens() const { return learned_->tokens(); }
  // Weights and bytes over all networks.
  int64_t parameters() const;
  size_t memory_bytes() const;

  std::vector<std::unique_ptr<TextTower>> text;
  std::shared_ptr<VisionTower> vision;  // of adapters that have none of their own; may be null
  std::unique_ptr<UNet> unet;
  std::unique_ptr<Vae> vae;
  ParamSet unet_params, vae_params;
  std::optional<LinearPreview> linear_preview;  // made when first asked for
  std::vector<std::shared_ptr<Adapter>> adapters;
  ArenaKeeper arenas;
  Json scheduler_config;
  ModelPrediction prediction;
  std::vector<IgnoredOfFile> ignored;  // tensors of the model's files and textual inversions that nothing reads
  std::vector<IgnoredOfFile> ignored_of_loras;
  bool zeros_for_empty_prompt = false;  // SDXL: no negative prompt means zero features
  // SDXL's refiner: one text encoder, and an aesthetic score among the size conditions.
  bool refiner = false;

 private:
  // A network that LoRAs change: where its weights come from, and which of them are changed now.
  struct Changeable {
    Component component;
    ParamSet* params;
    LoraPart part;
    size_t encoder;  // of text encoders, which
    const char* what;
    std::set<std::string> changed;
  };
  struct Restaged {
    StagedParams params;
    std::set<std::string> changed;
  };

  explicit ModelSet(CpuBackend backend) : backend_(std::move(backend)) {}
  Status describe_unet(const Component& component);
  Status load_text(const TextComponent& component, const std::vector<LoraUse>& loras, const CancelFlag* cancel);
  Status load_unet(const Component& component, const std::vector<LoraUse>& loras, const CancelFlag* cancel);
  Status load_vae(const Component& component, const CancelFlag* cancel);
  Status load_model_vision(const LoadRequest& request, const CancelFlag* cancel);
  Status check_family();
  Status find_task();
  Result<std::unique_ptr<TensorSource>> open(const Changeable& network, const std::vector<LoraUse>& loras,
                                             std::set<std::string>* changed, const CancelFlag* cancel) const;
  Status load_changeable(Changeable network, const std::vector<LoraUse>& loras, const CancelFlag* cancel);
  Result<Restaged> restage(const Changeable& network, const std::vector<LoraUse>& loras,
                           const CancelFlag* cancel) const;
  static void commit(Changeable& network, Restaged staged);
  Result<std::shared_ptr<VisionTower>> vision_in(const std::string& folder,
                                                 const std::vector<std::shared_ptr<Adapter>>& loaded,
                                                 const CancelFlag* cancel) const;
  Result<std::vector<std::shared_ptr<Adapter>>> make_adapters(const std::vector<AdapterRequest>& requests,
                                                              const CancelFlag* cancel) const;
  // Every image encoder once.
  std::vector<const VisionTower*> towers() const;

  CpuBackend backend_;
  Family family_ = Family::sd1;
  Task task_ = Task::text_to_image;
  Compute compute_ = Compute::f32;
  std::vector<Changeable> changeable_;  // the UNet last
  std::vector<LoraRequest> loras_;
  std::unique_ptr<const LearnedTokens> learned_;
};

}  // namespace ipa
