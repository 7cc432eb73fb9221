// Where the parts of a model come from: the folders of a diffusers layout, or one file of the original layout.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "configs/clip_config.h"
#include "configs/unet_config.h"
#include "configs/vae_config.h"
#include "graph/params.h"
#include "pipeline/load/load_request.h"
#include "pipeline/load/model_prediction.h"
#include "weights/ignored_tensors.h"
#include "weights/tensor_source.h"

namespace ipa {

struct Component {
  std::string config_path;  // for messages: the file that its configuration came from
  std::string where;        // the component's folder, or the file
  // The weights, under the names that the network's parameters have.
  std::function<Result<std::unique_ptr<TensorSource>>(const ParamSet&)> open;
};

// With its configuration, read or told by its tensors, and not checked yet.
template <class Config>
struct ConfiguredComponent : Component {
  Config config;
};
using UNetComponent = ConfiguredComponent<UNetConfig>;
using VaeComponent = ConfiguredComponent<VaeConfig>;
using VisionComponent = ConfiguredComponent<ClipVisionConfig>;
struct TextComponent : ConfiguredComponent<ClipTextConfig> {
  std::string tokenizer;  // see TextTower
};

struct ModelComponents {
  UNetComponent unet;
  VaeComponent vae;
  std::vector<TextComponent> text;
  Json scheduler;
  ModelPrediction prediction;
  std::optional<bool> zeros_for_empty_prompt;  // none: nothing says so
  std::vector<IgnoredOfFile> ignored;          // of the files among them that hold more than networks
};

// Of the request's model, with its UNet and VAE where it names others.
// Code::not_found, and the readers' errors.
Result<ModelComponents> find_components(const LoadRequest& request);
// `path`: a folder, or a file, whose tensors tell its configuration where no config.json lies beside it.
Result<VisionComponent> find_image_encoder(const std::string& path);
// The preprocessor_config.json in an image encoder's folder, or beside its file; "" when there is none.
std::string preprocessor_beside(const std::string& encoder);

// A JSON file of a model folder.
Result<Json> read_model_json(const std::string& path);
// Of all tensors that they are read from.
std::vector<std::string> tensor_names(const ParamSet& params);
bool is_folder(const std::string& path);
bool is_file(const std::string& path);

}  // namespace ipa
