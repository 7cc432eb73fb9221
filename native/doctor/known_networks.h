// The networks of well-known models, as their files describe them, without their weights.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "graph/backend.h"
#include "models/unet.h"

namespace ipa {

// config.json of the UNets of SD1.5 and of SDXL.
extern const char* const sd15_unet_config;
extern const char* const sdxl_unet_config;

struct KnownNetwork {
  // sd15, sdxl: the UNet in a guided step, a batch of two; vae: the decoder of SD1.5, which SDXL has too; text, text_xl: both prompts through
  // SD1.5's text encoder, and through SDXL's second one; vision: a picture through ViT-H, the image encoder of most adapters
  std::string model = "sd15";
  int side = 0;          // of the latents; 0: the model's own
  bool adapter = false;  // with the four image tokens of a base adapter
  bool compact = false;  // see Vae
  // Of what choose_compute() chooses, see ParamSet.
  Compute compute = Compute::f32, pairs = Compute::int16;

  // As a pipeline of that dtype has it on a CPU.
  void set_dtype(Compute dtype, const Capabilities& cpu);
};

// A graph's inputs.
struct KnownInputs {
  std::vector<Value> random;  // any numbers do
  std::vector<std::pair<Value, KeyValueShape>> keys;
};

// `params`: the graph's, empty before. What its weights are multiplied in is chosen; those of a file in f16 stay so where they can.
Result<KnownInputs> describe_known(Graph& graph, const KnownNetwork& network, ParamSet& params);
// A guided step for latents of this size.
KnownInputs describe_guided_step(Graph& graph, const UNet& unet, int64_t height, int64_t width, bool adapter);

}  // namespace ipa
