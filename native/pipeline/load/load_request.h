// What is to be loaded, as plain values.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/params.h"
#include "pipeline/load/device_request.h"

namespace ipa {

struct AdapterRequest {
  std::string file;
  std::string image_encoder;  // folder or file of its own; empty: the pipeline's
  // FaceID Plus only: whether it is version 2, which has the same tensors as version 1; none: its name tells.
  std::optional<bool> shortcut;
  float lora_weight = 1;  // of the LoRA inside a FaceID adapter

  AdapterRequest() = default;
  AdapterRequest(std::string path) : file(std::move(path)) {}
  bool operator==(const AdapterRequest& other) const {
    return file == other.file && image_encoder == other.image_encoder && shortcut == other.shortcut &&
           lora_weight == other.lora_weight;
  }
};

// ControlNet: its folder in the diffusers layout, or its file.
struct ControlRequest {
  std::string file;
  bool operator==(const ControlRequest& other) const { return file == other.file; }
};

struct LoraRequest {
  std::string file;
  float weight = 1;
  bool operator==(const LoraRequest& other) const { return file == other.file && weight == other.weight; }
};

// Fooocus' inpainting: the head and the patch of the UNet.
struct InpaintRequest {
  std::string head, patch;
  float weight = 1;  // of the patch
};

// What a configuration of the original layout beside a weight file says.
struct OriginalConfig {
  std::string file;        // its name; empty: there is none
  std::string prediction;  // "epsilon" or "v"
};

struct LoadRequest {
  std::string model;  // diffusers folder, or a file of the original layout
  std::vector<AdapterRequest> adapters;
  std::vector<LoraRequest> loras;  // added to the weights in this order
  std::vector<ControlRequest> controls;
  std::optional<InpaintRequest> inpaint;
  std::vector<std::string> embeddings;   // textual inversion files
  std::string unet;                      // folder or file; empty: the model's own
  std::string vae;                       // folder or file; empty: the model's own
  std::string image_encoder;             // folder; empty: the model's own
  OriginalConfig model_yaml, unet_yaml;  // beside a model, or a UNet, in one file
  std::string prediction;                // "epsilon", "v" or "sample"; empty: told from the files
  std::optional<bool> zero_snr;          // none: told from the files
  double vae_scaling_factor = 0;         // 0: the VAE's own
  std::optional<Compute> compute;        // none: f16 for a UNet on a GPU, f32 elsewhere; see part_computes.h
  DeviceRequest devices;
  bool offload = false;  // parts on a GPU, all but the UNet's, are there only while they are used
  int threads = 0;       // 0: one per core
  int concurrency = 16;  // calls that advance together, at most
  int max_batch = 0;     // of them that run as one, at most; 0: as many as are faster
};

}  // namespace ipa
