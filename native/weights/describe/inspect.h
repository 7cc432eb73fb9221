// Says what a weight file or model folder holds, from its content; reads headers only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/ignored_tensors.h"

namespace ipa {

struct Inspection {
  std::string kind;         // "model", "ip-adapter", "lora", "embedding", "unet", "vae", "text_encoder",
                            // "image_encoder", "controlnet", "control-lora", "t2i-adapter", "inpaint-head",
                            // "inpaint-patch", "tensors"
  std::string format;       // "safetensors", "pytorch", "gguf" (a file) or "diffusers" (a folder)
  std::string family;       // "sd1", "sd2", "sdxl" or ""
  std::string variant;      // of an adapter, see adapter_variant_name; or ""
  std::string encoder;      // image encoder an adapter needs; or ""
  std::string unsupported;  // "FLUX adapter": see other_family; nothing else is described then
  int tokens = 0;           // image tokens of an adapter, see AdapterDescription
  uint64_t parameters = 0;
  uint64_t bytes = 0;  // of tensor data
  uint64_t tensors = 0;
  std::map<std::string, uint64_t> types;  // tensors by storage type
  IgnoredTensors ignored;                 // outside of what is recognised: nothing reads them
  std::vector<Inspection> components;     // of a model; their sums are its own figures
  std::string path;                       // relative to what was inspected, "" for itself
};

// `path`: a weight file, a component folder, or a model folder in the diffusers layout
// (one with model_index.json, or whose sub-folders hold weights).
// Errors of the readers; Code::not_found when there is nothing to inspect.
Result<Inspection> inspect(const std::string& path);

}  // namespace ipa
