#include "pipeline/load/learned_tokens.h"

#include <algorithm>
#include <utility>

#include "base/finite.h"
#include "base/utf8.h"
#include "weights/changes/lora_file.h"
#include "weights/describe/misplaced_file.h"

namespace ipa {
namespace {

using Encoders = std::vector<LearnedTokens::Encoder>;
using Chosen = std::vector<const TensorInfo*>;

std::string widths_of(const Encoders& encoders) {
  std::string text;
  for (size_t i = 0; i < encoders.size(); ++i) text += (i ? " and " : "") + std::to_string(encoders[i].width);
  return text;
}

Status another_width(const TensorInfo& rows, const Encoders& encoders) {
  return Status(Code::mismatch, "tensor " + in_quotes(rows.name) + " has vectors of " +
                                    std::to_string(embedding_width(rows)) +
                                    " numbers, the model's text encoders take " + widths_of(encoders) +
                                    ": use a textual inversion made for this model family");
}

// What each encoder gets of a file.
Result<Chosen> choose_rows(const EmbeddingRows& file, const Encoders& encoders) {
  Chosen rows(encoders.size());
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

Status check_finite(const TensorInfo& rows, const TensorSource& source) {
  std::vector<float> values(static_cast<size_t>(rows.elements()));
  IPA_TRY(source.read_f32(rows, values.data()));
  if (all_finite(values.data(), values.size())) return {};
  return Status(Code::range, in_quotes(source.path(), 1024) + ": tensor " + in_quotes(rows.name) +
                                 " has values that are no finite numbers: get the textual inversion again");
}

}  // namespace

Status LearnedTokens::add(const EmbeddingRows& rows, const TensorSource& source, const Encoders& encoders) {
  Result<Chosen> chosen = choose_rows(rows, encoders);
  if (!chosen.ok()) return chosen.status().in(in_quotes(source.path(), 1024));
  for (const TensorInfo* own : chosen.value())
    if (own) IPA_TRY(check_finite(*own, source));
  LearnedToken token;
  token.name = rows.token;
  for (size_t i = 0; i < encoders.size(); ++i) {
    const TensorInfo* own = chosen.value()[i];
    token.encoders.push_back({next_[i], own ? embedding_vectors(*own) : 0});
    next_[i] += token.encoders[i].count;
  }
  tokens_.push_back(std::move(token));
  rows_.push_back({&source, chosen.take()});
  return {};
}

Result<LearnedTokens> LearnedTokens::open(const std::vector<std::string>& files,
                                          const std::vector<std::string>& loras, const Encoders& encoders) {
  LearnedTokens result;
  for (const Encoder& encoder : encoders) result.next_.push_back(encoder.vocab_size);
  for (const std::string& path : files) {
    Result<EmbeddingFile> opened = open_embedding(path);
    if (!opened.ok()) return or_misplaced(opened.take_status(), path, "textual inversion", "embeddings");
    EmbeddingFile file = opened.take();
    IPA_TRY(result.add(file, *file.weights, encoders));
    if (file.ignored.count > 0) result.ignored_.push_back({path, file.ignored});
    result.sources_.push_back(std::move(file.weights));
  }
  for (size_t i = 0; i < loras.size(); ++i) {
    Result<LoraFile> opened = open_lora(loras[i]);
    if (!opened.ok()) return or_misplaced(opened.take_status(), loras[i], "LoRA", "loras");
    LoraFile file = opened.take();
    for (const EmbeddingRows& rows : file.embeddings) {
      IPA_TRY(result.add(rows, *file.weights, encoders));
      result.tokens_.back().lora = static_cast<int>(i);
    }
    if (!file.embeddings.empty()) result.sources_.push_back(std::move(file.weights));
  }
  result.loras_ = loras;
  return result;
}

bool LearnedTokens::has_lora(const std::string& file) const {
  return std::find(loras_.begin(), loras_.end(), file) != loras_.end();
}

std::vector<MoreRows> LearnedTokens::rows_of(size_t encoder) const {
  std::vector<MoreRows> more;
  for (const Rows& rows : rows_) {
    if (const TensorInfo* own = rows.of_encoder[encoder]) more.push_back({rows.source, own});
  }
  return more;
}

int64_t LearnedTokens::count_of(size_t encoder) const {
  int64_t count = 0;
  for (const LearnedToken& token : tokens_) count += token.encoders[encoder].count;
  return count;
}

}  // namespace ipa
