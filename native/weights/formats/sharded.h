// The weights of one component folder of a diffusers or transformers model, in one file or in shards.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

// Stem of diffusers' weight files, and of transformers'.
constexpr const char* diffusers_stem = "diffusion_pytorch_model";
constexpr const char* transformers_stem = "model";

// Names of the files that may hold the weights of a component folder,
// in the order in which they are looked for:
// `<stem>.safetensors`, the index of its shards `<stem>.safetensors.index.json`,
// both in half precision (.fp16), `<stem>.gguf`, and the same four of PyTorch
// (`<stem>.bin`; transformers' is called pytorch_model.bin).
std::vector<std::string> model_weight_files(const std::string& stem);

// Whether one of them is in `folder`.
bool has_model_weights(const std::string& folder, const std::string& stem);

// Opens the first of model_weight_files that is in `folder`, else the one file there that ends in .gguf.
// Beside open_weight_file's errors: Code::not_found (nothing there), syntax/type (a bad index),
// mismatch/missing_tensor/duplicate (index and shards disagree).
Result<std::unique_ptr<TensorSource>> open_model_weights(const std::string& folder, const std::string& stem);

// The shards an index file lists, as one source. Shards are files beside the index, named without any folder.
Result<std::unique_ptr<TensorSource>> open_sharded(const std::string& index_path);

}  // namespace ipa
