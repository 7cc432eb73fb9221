// The networks of one pipeline, held in memory ready to run: read from a model's folder or file and IP-Adapter
// files, checked against each other.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "cpu/cpu_backend.h"
#include "graph/params.h"
#include "graph/workspace.h"
#include "models/clip_text.h"
#include "models/clip_vision.h"
#include "models/image_projection.h"
#include "models/unet.h"
#include "models/vae.h"
#include "pipeline/feature_cache.h"
#include "pipeline/learned_tokens.h"
#include "pipeline/linear_preview.h"
#include "weights/merged_source.h"

namespace ipa {

struct LoraRequest {
  std::string file;
  float weight = 1;
};

struct LoadRequest {
  std::string model;                  // diffusers folder, or a file of the original layout
  std::vector<std::string> adapters;  // IP-Adapter files
  std::vector<LoraRequest> loras;     // added to the weights in this order
  std::string unet;                   // folder; empty: the model's own
  std::string vae;                    // folder or file; empty: the model's own
  std::string image_encoder;          // folder; empty: the model's own
  Compute compute = Compute::f32;     // of the UNet; VAE and encoders follow it, see models/compute_choice.h
  int threads = 0;                    // 0: one per core
  // Textual inversion files.
  std::vector<std::string> embeddings;
};

struct TextTower {
  ClipText network;
  ParamSet params;
  // Folder name in the model folder; of a file: "clip" or "open_clip", which pads otherwise.
  std::string tokenizer;
  explicit TextTower(ClipTextConfig config) : network(std::move(config)) {}
};

struct VisionTower {
  ClipVision network;
  ParamSet params;
  // From the model's preprocessor_config.json; CLIP's own where there is none.
  float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
  float deviation[3] = {0.26862954f, 0.26130258f, 0.27577711f};
  FeatureCache recent{16};
  explicit VisionTower(ClipVisionConfig config) : network(std::move(config)) {}
};

struct Adapter {
  ImageProjectionConfig projection;
  ParamSet params;  // image_proj.* and ip_adapter.*
  std::string path, encoder;
};

enum class Family { sd1, sd2, sdxl };
const char* family_name(Family family);

struct Component;
struct TextComponent;

class ModelSet {
 public:
  static Result<std::unique_ptr<ModelSet>> load(const LoadRequest& request, const CancelFlag* cancel);

  const CpuBackend& backend() const { return backend_; }
  Family family() const { return family_; }
  // Weights and bytes over all networks.
  int64_t parameters() const;
  size_t memory_bytes() const;

  std::vector<std::unique_ptr<TextTower>> text;
  std::unique_ptr<VisionTower> vision;
  std::unique_ptr<UNet> unet;
  std::unique_ptr<Vae> vae;
  ParamSet unet_params, vae_params;
  std::optional<LinearPreview> linear_preview;  // made when first asked for
  std::vector<std::unique_ptr<Adapter>> adapters;
  ArenaKeeper arenas;
  std::vector<LearnedToken> learned_tokens;  // one a file of the request's
  Json scheduler_config;
  bool zeros_for_empty_prompt = false;  // SDXL: no negative prompt means zero features

 private:
  explicit ModelSet(CpuBackend backend) : backend_(std::move(backend)) {}
  Status load_text(const TextComponent& component, Compute compute, const std::vector<LoraUse>& loras,
                   const LearnedTokens& learned, const CancelFlag* cancel);
  Status load_vision(const std::string& folder, const std::string& preprocessor, Compute compute,
                     const CancelFlag* cancel);
  Status load_unet(const Component& component, Compute compute, const std::vector<LoraUse>& loras,
                   const CancelFlag* cancel);
  Status load_vae(const Component& component, Compute compute, const CancelFlag* cancel);
  Status load_adapter(const std::string& path, const CancelFlag* cancel);
  Status check_family();

  CpuBackend backend_;
  Family family_ = Family::sd1;
};

}  // namespace ipa
