// What a UNet reads besides its parameters.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace ipa {

// What structure controls and the inpaint head add to a UNet; all of it may be missing.
struct UNetAdditions {
  // Fooocus' inpaint head: to what the first convolution makes of the latents.
  Value first;
  // ControlNet: to the skip connections, the outermost first, and to what comes out of the middle.
  std::vector<Value> skips;
  Value middle;
  // T2I-Adapter: to what each level hands down, so that all that lies deeper sees it, too; and to the middle.
  std::vector<Value> levels;
  Value after_middle;
};

struct UNetInputs {
  Value latents;   // (n, h, w, in_channels)
  Value sinusoid;  // (1 or n, 1, 1, sinusoid_size): timestep_sinusoid
  // Keys and values of the text, one per cross layer.
  std::vector<Value> text_kv;
  // What the text counts in each cross layer, see Graph::attention(); empty: fully.
  std::vector<Value> text_scales;
  // Branches of each cross layer, of image prompts and of regions' prompts; empty without any.
  std::vector<std::vector<Graph::Branch>> branches;
  Value addition;       // text_time: (n, 1, 1, addition_input_size)
  Value class_input;    // ids (n, 1, 1, 1) i32 for a table, otherwise the vector or sinusoid (n, 1, 1, size)
  Value time_cond;      // (n, 1, 1, time_cond_size)
  Value control_types;  // ControlNet-Union: (1, 1, 1, control_types_size)
  UNetAdditions additions;
  double merge_ratio = 0;  // of the tokens of self-attention at the outermost level that has any; 0: none
};

// Deep features kept from one pass to the next (DeepCache, Ma et al. 2024): of the skip connections,
// the `depth` outermost ones are computed anew in every pass; what comes up from within them is what is kept.
struct DeepFeatures {
  int depth = 0;
  // Given (an input): the pass starts here on its way up and leaves out all that lies deeper.
  // Otherwise build() says which value a later pass can be given.
  Value kept;
};

}  // namespace ipa
