// Textual inversions of a pipeline: which text encoder gets which rows, and the token ids they have then.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/embedding_file.h"
#include "weights/extended_source.h"

namespace ipa {

// One token of prompts: consecutive ids in each text encoder, none where `count` is 0.
struct LearnedToken {
  std::string name;  // as its file has it; empty when it has none
  struct Ids {
    int64_t first = 0, count = 0;
  };
  std::vector<Ids> encoders;
};

class LearnedTokens {
 public:
  struct Encoder {
    int64_t vocab_size, width;
  };
  // Of these files, for these text encoders; ids go on behind each vocabulary. Errors of open_embedding;
  // Code::mismatch (vectors of another width than the encoders').
  static Result<LearnedTokens> open(const std::vector<std::string>& files,
                                    const std::vector<Encoder>& encoders);

  const std::vector<LearnedToken>& tokens() const { return tokens_; }
  // What the encoder's table gets, in the order of the ids; valid as long as this is.
  std::vector<MoreRows> rows_of(size_t encoder) const;
  int64_t count_of(size_t encoder) const;

 private:
  std::vector<EmbeddingFile> files_;
  std::vector<std::vector<const TensorInfo*>> rows_;  // of each file, an entry an encoder; may be null
  std::vector<LearnedToken> tokens_;                  // parallel
};

}  // namespace ipa
