// Spellings of tensor names found in checkpoints, brought to the names the networks use:
// those of current diffusers and transformers, with `text_model.` and `vision_model.` in front for CLIP.
#pragma once

#include <memory>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// CLIP text encoder: adds a missing `text_model.` prefix, drops `position_ids` buffers and,
// in a whole CLIP model, the vision half. `text_projection.weight` keeps its name.
Result<std::unique_ptr<TensorSource>> with_clip_text_names(std::unique_ptr<TensorSource> source);

// CLIP vision encoder: the same with `vision_model.` and `visual_projection.weight`.
Result<std::unique_ptr<TensorSource>> with_clip_vision_names(std::unique_ptr<TensorSource> source);

// AutoencoderKL: attention written as `query`, `key`, `value`,
// `proj_attn` (or `q`, `k`, `v`, `proj_out`) becomes `to_q`, `to_k`, `to_v`, `to_out.0`,
// and 1x1 convolution weights [out, in, 1, 1] there become [out, in].
Result<std::unique_ptr<TensorSource>> with_vae_names(std::unique_ptr<TensorSource> source);

}  // namespace ipa
