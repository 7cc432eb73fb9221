// Full-size networks with random weights and inputs, ready to run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "graph/backend.h"
#include "graph/params.h"
#include "graph/program.h"

namespace ipa_bench {

struct Choice {
  std::string model = "sd15";  // sd15, sdxl (a guided step: a batch of two), vae (decoder of SD1.5)
  int side = 0;                // of the latents; 0: the model's own
  ipa::Compute compute = ipa::Compute::f32;  // of what choose_compute chooses
  bool adapter = false;                      // with the four image tokens of a base adapter
};

struct Network {
  ipa::ParamSet params;
  std::vector<ipa::AlignedBuffer> bound;
  std::unique_ptr<ipa::Program> program;
  static ipa::Result<std::unique_ptr<Network>> make(const Choice& choice, const ipa::Backend& backend);
};

}  // namespace ipa_bench
