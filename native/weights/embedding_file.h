// Textual inversion (Gal et al., 2022): files with learned rows for a text encoder's table of token embeddings.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/tensor_source.h"

namespace ipa {

struct EmbeddingFile {
  std::unique_ptr<TensorSource> weights;
  std::string token;  // as the file has it; empty when it has none
  // (width) or (vectors, width). For whichever text encoder has the width...
  const TensorInfo* any = nullptr;
  // ...or, in files for SDXL, for its first and its second.
  const TensorInfo* first = nullptr;
  const TensorInfo* second = nullptr;
};

// Whether the names of the tensors are those of such a file. One tensor under a token's name is taken for one
// only when the token stands in < >, as most do: any file with a single tensor looks the same.
bool has_embedding_names(const TensorSource& source);

int64_t embedding_vectors(const TensorInfo& rows);
int64_t embedding_width(const TensorInfo& rows);

// Reads diffusers' {"<token>": rows}, AUTOMATIC1111's {"string_to_param": {"*": rows}, "name"} and
// {"emb_params": rows}, and SDXL's {"clip_l": rows, "clip_g": rows}. Errors of open_weight_file; Code::mismatch
// (none of these), shape.
Result<EmbeddingFile> open_embedding(const std::string& path);
Result<EmbeddingFile> read_embedding(std::unique_ptr<TensorSource> source);

}  // namespace ipa
