// A structure control in memory, checked against the UNet that it steers.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "models/compute_choice.h"
#include "models/controlnet.h"
#include "models/t2i_adapter.h"
#include "models/unet.h"
#include "pipeline/load/components.h"
#include "pipeline/load/load_request.h"
#include "pipeline/load/loaded_network.h"
#include "weights/describe/control_file.h"
#include "weights/ignored_tensors.h"

namespace ipa {

struct LoadedControl {
  ControlRequest request;
  ControlKind kind = ControlKind::controlnet;
  std::unique_ptr<const LoadedNetwork<ControlNet>> net;      // null for a T2I-Adapter
  std::unique_ptr<const LoadedNetwork<T2iAdapter>> adapter;  // null for others
  size_t places = 0;       // of a T2I-Adapter: how many of its results the UNet has a place for
  IgnoredTensors ignored;  // of its file

  const ParamSet& params() const { return net ? net->params : adapter->params; }
};

// What a control is loaded for.
struct ControlHost {
  const LoadedNetwork<UNet>& unet;
  std::string family;              // of the UNet, for messages
  int64_t picture_scale = 8;       // pixels a latent covers along a side
  NetworkCompute compute;          // what the UNet is multiplied in
  Compute pairs = Compute::int16;  // see PartComputes
};

// The weights of a control's folder, or its file.
Result<std::unique_ptr<TensorSource>> open_control(const std::string& path);
// The config.json of a folder, or beside a file; it may not be there.
std::string control_config_path(const std::string& path);

// Puts what a config.json says in place of what the tensors tell. Beside a file it has to have `mark` in it: not every
// config.json there is the control's.
template <class Config>
Status read_control_config(const std::string& path, const char* mark, ConfiguredComponent<Config>& found) {
  const std::string config_path = control_config_path(path);
  if (!is_file(config_path)) return {};
  IPA_ASSIGN(const Json json, read_model_json(config_path));
  if (is_file(path) && !json.find(mark)) return {};
  IPA_ASSIGN(found.config, Config::parse(json, config_path));
  found.config_path = config_path;
  return {};
}

}  // namespace ipa
