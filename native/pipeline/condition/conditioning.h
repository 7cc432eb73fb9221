// What the prompts become before the first step: keys and values of every cross-attention layer, and SDXL's
// size conditions. They stay the same for a whole generation.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/program.h"
#include "pipeline/call.h"
#include "pipeline/request.h"

namespace ipa {

// The keys and values that one prompt gives the cross layers, with the program whose buffers they lie in.
struct PackedKeys {
  std::unique_ptr<Program> program;
  std::vector<Value> values;  // one a cross layer; invalid where the branch has none
  int64_t tokens = 0;
};

struct Conditioning {
  // With guidance 2, negative first; with that of an instruct model 3: the negative prompt without the picture
  // to change, the same with it, the prompt with it.
  int64_t batch = 1;
  PackedKeys text;
  std::vector<PackedKeys> images;  // one a branch
  std::vector<float> scales;       // one a branch
  std::vector<float> addition;     // SDXL: batch * addition_input_size
};

Result<Conditioning> make_conditioning(const Call& call, const GenerateRequest& request, bool guided);

}  // namespace ipa
