// Full-size networks with random weights and inputs, ready to run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "doctor/known_networks.h"
#include "graph/backend.h"
#include "graph/params.h"
#include "graph/program.h"

namespace ipa_bench {

using Choice = ipa::KnownNetwork;

// The plan of a network whose weights are not there, as a GPU takes it: for counting what it would do. `params` is empty
// before and outlives the plan.
ipa::Result<ipa::Plan> plan_for_gpu(const Choice& choice, const ipa::Backend& backend, ipa::ParamSet& params);

struct Network {
  ipa::ParamSet params;
  std::vector<ipa::Memory> bound;
  std::unique_ptr<ipa::Program> program;
  // Plans a graph over loaded parameters and fills its inputs.
  ipa::Status prepare(ipa::Graph graph, const ipa::KnownInputs& inputs, const ipa::Backend& backend);
  static ipa::Result<std::unique_ptr<Network>> make(const Choice& choice, const ipa::Backend& backend);
};

}  // namespace ipa_bench
