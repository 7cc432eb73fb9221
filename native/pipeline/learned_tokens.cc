#include "pipeline/learned_tokens.h"

#include <utility>

#include "base/utf8.h"

namespace ipa {
namespace {

using Encoders = std::vector<LearnedTokens::Encoder>;
using Rows = std::vector<const TensorInfo*>;

std::string widths_of(const Encoders& encoders) {
  std::string text;
  for (size_t i = 0; i < encoders.size(); ++i) text += (i ? " and " : "") + std::to_string(encoders[i].width);
  return text;
}

Status another_width(const TensorInfo& rows, const Encoders& encoders) {
  return Status(Code::mismatch, "tensor " + quoted(rows.name) + " has vectors of " +
                                    std::to_string(embedding_width(rows)) +
                                    " numbers, the model's text encoders take " + widths_of(encoders) +
                                    ": use a textual inversion made for this model family");
}

// What each encoder gets of a file.
Result<Rows> choose_rows(const EmbeddingFile& file, const Encoders& encoders) {
  Rows rows(encoders.size());
  const TensorInfo* any = file.any;
  if (!any && encoders.size() == 1) {
    if (file.first && file.second)
      return Status(
          Code::mismatch,
          "it has vectors for the two text encoders of SDXL, the model has one: use a textual inversion "
          "made for this model family");
    any = file.first ? file.first : file.second;
  }
  if (any) {
    for (size_t i = 0; i < encoders.size(); ++i) {
      if (encoders[i].width != embedding_width(*any)) continue;
      rows[i] = any;
      return rows;
    }
    return another_width(*any, encoders);
  }
  rows[0] = file.first;
  rows[1] = file.second;
  for (size_t i = 0; i < 2; ++i) {
    if (rows[i] && embedding_width(*rows[i]) != encoders[i].width) return another_width(*rows[i], encoders);
  }
  return rows;
}

}  // namespace

Result<LearnedTokens> LearnedTokens::open(const std::vector<std::string>& files, const Encoders& encoders) {
  LearnedTokens result;
  std::vector<int64_t> next;
  for (const Encoder& encoder : encoders) next.push_back(encoder.vocab_size);
  for (const std::string& path : files) {
    IPA_ASSIGN(EmbeddingFile file, open_embedding(path));
    Result<Rows> rows = choose_rows(file, encoders);
    if (!rows.ok()) return rows.status().in(quoted(path, 1024));
    LearnedToken token;
    token.name = file.token;
    for (size_t i = 0; i < encoders.size(); ++i) {
      const TensorInfo* own = rows.value()[i];
      token.encoders.push_back({next[i], own ? embedding_vectors(*own) : 0});
      next[i] += token.encoders[i].count;
    }
    result.tokens_.push_back(std::move(token));
    result.rows_.push_back(rows.take());
    result.files_.push_back(std::move(file));
  }
  return result;
}

std::vector<MoreRows> LearnedTokens::rows_of(size_t encoder) const {
  std::vector<MoreRows> more;
  for (size_t i = 0; i < files_.size(); ++i) {
    if (const TensorInfo* rows = rows_[i][encoder]) more.push_back({files_[i].weights.get(), rows});
  }
  return more;
}

int64_t LearnedTokens::count_of(size_t encoder) const {
  int64_t count = 0;
  for (const LearnedToken& token : tokens_) count += token.encoders[encoder].count;
  return count;
}

}  // namespace ipa
