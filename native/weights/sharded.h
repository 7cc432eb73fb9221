// The weights of one component folder of a diffusers or transformers model, in one file or in shards.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// Stem of diffusers' weight files, and of transformers'.
constexpr const char* diffusers_stem = "diffusion_pytorch_model";
constexpr const char* transformers_stem = "model";

// Opens the first of these found in `folder`: `<stem>.safetensors`, the shards of
// `<stem>.safetensors.index.json`,
// `<stem>.fp16.safetensors`, the shards of `<stem>.safetensors.index.fp16.json`,
// `<stem>.gguf`. Beside open_weight_file's errors: Code::not_found (nothing there), unsupported (only PyTorch
// .bin files there), syntax/type (a bad index), mismatch/missing_tensor/duplicate (index and shards disagree).
Result<std::unique_ptr<TensorSource>> open_model_weights(const std::string& folder, const std::string& stem);

// The shards an index file lists, as one source. Shards are files beside the index, named without any folder.
Result<std::unique_ptr<TensorSource>> open_sharded(const std::string& index_path);

}  // namespace ipa
