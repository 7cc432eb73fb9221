// Full-size networks with random weights and inputs, ready to run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "graph/backend.h"
#include "graph/params.h"
#include "graph/program.h"
#include "models/unet.h"

namespace ipa_bench {

struct Choice {
  // sd15, sdxl (a guided step: a batch of two), vae (decoder of SD1.5), text (both prompts
  // through SD1.5's text encoder), vision (a picture through ViT-H, the image encoder of most adapters)
  std::string model = "sd15";
  int side = 0;                              // of the latents; 0: the model's own
  ipa::Compute compute = ipa::Compute::f32;  // of what choose_compute chooses
  bool compact = false;                      // see ipa::Vae
  ipa::Compute pairs = ipa::Compute::int16;  // see ipa::ParamSet
  bool adapter = false;                      // with the four image tokens of a base adapter
};

// A graph's inputs, to be filled with random numbers.
struct Described {
  std::vector<ipa::Value> random;
  std::vector<std::pair<ipa::Value, ipa::KeyValueShape>> keys;
};

// A guided step for latents of this size.
Described describe_guided_step(ipa::Graph& graph, const ipa::UNet& unet, int64_t height, int64_t width,
                               bool adapter);

// The plan of a network whose weights are not there, as a GPU takes it: for counting what it would do. `params` is empty
// before and outlives the plan.
ipa::Result<ipa::Plan> plan_for_gpu(const Choice& choice, const ipa::Backend& backend, ipa::ParamSet& params);

struct Network {
  ipa::ParamSet params;
  std::vector<ipa::Memory> bound;
  std::unique_ptr<ipa::Program> program;
  // Plans a graph over loaded parameters and fills its inputs.
  ipa::Status prepare(ipa::Graph graph, const Described& described, const ipa::Backend& backend);
  static ipa::Result<std::unique_ptr<Network>> make(const Choice& choice, const ipa::Backend& backend);
};

}  // namespace ipa_bench
