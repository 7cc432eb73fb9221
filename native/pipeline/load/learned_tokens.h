// Textual inversions of a pipeline: which text encoder gets which rows, and the token ids they have then.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "weights/changes/embedding_file.h"
#include "weights/changes/extended_source.h"
#include "weights/ignored_tensors.h"

namespace ipa {

// One token of prompts: consecutive ids in each text encoder, none where `count` is 0.
struct LearnedToken {
  std::string name;  // as its file has it; empty when it has none
  int lora = -1;     // the LoRA it came along with, counted in their order; -1: a file of its own
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
  // Of these files, then of those that come along with LoRAs, for these text encoders;
  // ids go on behind each vocabulary. Errors of open_embedding and open_lora;
  // Code::mismatch (vectors of another width than the encoders').
  static Result<LearnedTokens> open(const std::vector<std::string>& files,
                                    const std::vector<std::string>& loras,
                                    const std::vector<Encoder>& encoders);

  const std::vector<LearnedToken>& tokens() const { return tokens_; }
  // Whether these were opened with this LoRA, and so have the tokens that come along with it.
  bool has_lora(const std::string& file) const;
  // What the files of their own hold beside vectors.
  const std::vector<IgnoredOfFile>& ignored() const { return ignored_; }
  // What the encoder's table gets, in the order of the ids; valid as long as this is.
  std::vector<MoreRows> rows_of(size_t encoder) const;
  int64_t count_of(size_t encoder) const;

 private:
  // What each encoder gets of a token; may be null.
  struct Rows {
    const TensorSource* source = nullptr;
    std::vector<const TensorInfo*> of_encoder;
  };
  Status add(const EmbeddingRows& rows, const TensorSource& source, const std::vector<Encoder>& encoders);

  std::vector<std::unique_ptr<TensorSource>> sources_;
  std::vector<std::string> loras_;
  std::vector<IgnoredOfFile> ignored_;
  std::vector<LearnedToken> tokens_;
  std::vector<Rows> rows_;     // parallel
  std::vector<int64_t> next_;  // id in each encoder
};

}  // namespace ipa
