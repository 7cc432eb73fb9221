// Textual inversion (Gal et al., 2022): files with learned rows for a text encoder's table of token embeddings.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "weights/ignored_tensors.h"
#include "weights/tensor_source.h"

namespace ipa {

// A token's learned rows, (width) or (vectors, width): at most max_token_vectors.
struct EmbeddingRows {
  std::string token;  // as the file has it; empty when it has none
  // For whichever text encoder has the width...
  const TensorInfo* any = nullptr;
  // ...or, in files for SDXL, for its first and its second.
  const TensorInfo* first = nullptr;
  const TensorInfo* second = nullptr;
};
constexpr int64_t max_token_vectors = 128;

struct EmbeddingFile : EmbeddingRows {
  std::unique_ptr<TensorSource> weights;
  IgnoredTensors ignored;  // no rows that a text encoder reads
};

// A tensor under the name that says what it is, which is not its own where embeddings come along with a LoRA.
struct EmbeddingTensor {
  std::string_view name;
  const TensorInfo* info;
};
// Finds the rows among the tensors of one embedding; what it does not need goes to `ignored`.
// Code::mismatch (no rows, or too many to choose from), shape, limit (too many vectors),
// unsupported (only rows for the output of text encoders).
Result<EmbeddingRows> find_embedding_rows(const std::vector<EmbeddingTensor>& tensors, IgnoredTensors* ignored);

// Whether the names of the tensors are those of such a file. One tensor under a token's name is taken
// for one only when the token stands in < >, as most do: any file with a single tensor looks the same.
bool has_embedding_names(const TensorSource& source);

int64_t embedding_vectors(const TensorInfo& rows);
int64_t embedding_width(const TensorInfo& rows);

// Reads diffusers' {"<token>": rows}, AUTOMATIC1111's {"string_to_param": {"*": rows},
// "name"} and {"emb_params": rows}, SDXL's {"clip_l": rows, "clip_g": rows} and Replicate's {"text_encoders_0":
// rows, "text_encoders_1": rows}. Errors of open_weight_file and find_embedding_rows.
Result<EmbeddingFile> open_embedding(const std::string& path);
Result<EmbeddingFile> read_embedding(std::unique_ptr<TensorSource> source);

}  // namespace ipa
