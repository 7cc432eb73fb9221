#include "pipeline/condition/text_features.h"

#include <algorithm>

#include "graph/program.h"

namespace ipa {
namespace {

Status check_chunks(const TextTower& tower, const TokenChunks& chunks) {
  const ClipTextConfig& config = tower.config();
  const size_t count = chunks.ids.size();
  if (count == 0 || count % static_cast<size_t>(config.context) != 0)
    return Status(Code::invalid_option, "token ids must come in chunks of " + std::to_string(config.context));
  if (chunks.weights.size() != count)
    return Status(Code::invalid_option, "every token id needs a weight: " + std::to_string(count) + " ids, " +
                                            std::to_string(chunks.weights.size()) + " weights");
  for (int32_t id : chunks.ids)
    if (id < 0 || id >= config.vocab_size)
      return Status(Code::mismatch, "token id " + std::to_string(id) +
                                        " is outside the text encoder's vocabulary of " +
                                        std::to_string(config.vocab_size) + ": " + tower.tokenizer +
                                        "/ and the text encoder do not belong together");
  return {};
}

double mean_of(const float* values, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]);
  return sum / static_cast<double>(count);
}

// Scales the tokens of one chunk and restores the chunk's mean.
void apply_weights(const float* weights, int64_t context, int64_t width, float* features) {
  if (std::all_of(weights, weights + context, [](float w) { return w == 1.0f; })) return;
  const double before = mean_of(features, context * width);
  for (int64_t t = 0; t < context; ++t)
    for (int64_t c = 0; c < width; ++c) features[t * width + c] *= weights[t];
  const double after = mean_of(features, context * width);
  if (after == 0) return;
  const auto factor = static_cast<float>(before / after);
  for (int64_t i = 0; i < context * width; ++i) features[i] *= factor;
}

// Runs one encoder over every chunk of every prompt in a batch and writes its channels at `channel` of the
// features.
Status run_tower(const Call& call, size_t index, const std::vector<const std::vector<TokenChunks>*>& prompts,
                 int clip_skip, int64_t channel, std::vector<TextFeatures>& results) {
  const ModelSet& models = call.models;
  TextTower& tower = *models.text[index];
  const ClipTextConfig& config = tower.config();
  const bool sdxl = models.family() == Family::sdxl;
  const int64_t context = config.context, width = config.stack.hidden_size;
  int64_t chunks = 0;
  for (const auto* prompt : prompts) {
    IPA_TRY(check_chunks(tower, (*prompt)[index]));
    chunks += static_cast<int64_t>((*prompt)[index].ids.size()) / context;
  }
  Graph graph(&tower.params);
  const Value ids = graph.input(tokens_shape(chunks, context, 1), Storage::i32);
  const bool pooled = sdxl && config.projection_size;
  const Value eos = pooled ? graph.input({chunks, 1, 1, 1}, Storage::i32) : Value{};
  const ClipText::Outputs outputs = tower.network.build(graph, ids, eos, clip_skip);
  const Value features = sdxl ? outputs.penultimate : outputs.last;
  const Value skipped = sdxl ? outputs.penultimate_skipped : outputs.last_skipped;
  if (prompts.size() > 1 || !clip_skip) graph.output(features);
  if (clip_skip) graph.output(skipped);
  if (pooled) graph.output(outputs.pooled);
  IPA_ASSIGN(const std::unique_ptr<Program> program,
             Program::make(std::move(graph), models.backend(), {}, &call.workspace));
  IPA_TRY(program->prepare());
  const bool dry = call.workspace.dry();

  int64_t row = 0;
  for (const auto* prompt : prompts)
    for (size_t i = 0; !dry && i < (*prompt)[index].ids.size(); ++i)
      program->ids(ids)[row++] = (*prompt)[index].ids[i];
  if (pooled && !dry)
    for (int64_t i = 0; i < chunks; ++i)
      program->ids(eos)[i] =
          static_cast<int32_t>(i * context + config.eos_position(program->ids(ids) + i * context));
  IPA_TRY(program->run(call.cancel));

  const int64_t cross = models.unet->config().cross_size();
  int64_t chunk = 0;
  for (size_t p = 0; p < prompts.size(); ++p) {
    const TokenChunks& tokens = (*prompts[p])[index];
    TextFeatures& result = results[p];
    const int64_t own = static_cast<int64_t>(tokens.ids.size()) / context;
    if (result.tokens == 0) {
      result.tokens = own * context;
      // A dry run tells how much this is, and must not take it.
      if (!dry) result.features.resize(static_cast<size_t>(result.tokens * cross));
    }
    if (result.tokens != own * context)
      return Status(Code::invalid_option, "the text encoders got prompts of different length");
    if (dry) continue;
    const bool positive = p + 1 == prompts.size();
    for (int64_t i = 0; i < own; ++i, ++chunk) {
      float* from = program->floats(positive && clip_skip ? skipped : features) + chunk * context * width;
      apply_weights(tokens.weights.data() + i * context, context, width, from);
      for (int64_t t = 0; t < context; ++t)
        std::copy_n(from + t * width, width, result.features.data() + (i * context + t) * cross + channel);
      if (pooled && i == 0) {
        const float* vector = program->floats(outputs.pooled) + chunk * config.projection_size;
        result.pooled.assign(vector, vector + config.projection_size);
      }
    }
  }
  return {};
}

}  // namespace

Result<std::vector<TextFeatures>> encode_prompts(const Call& call,
                                                 const std::vector<const std::vector<TokenChunks>*>& prompts,
                                                 int clip_skip) {
  const ModelSet& models = call.models;
  std::vector<TextFeatures> results(prompts.size());
  for (const auto* prompt : prompts)
    if (prompt->size() != models.text.size())
      return Status(Code::invalid_option,
                    "a prompt needs tokens for " + std::to_string(models.text.size()) + " text encoders");
  int64_t channel = 0;
  for (size_t i = 0; i < models.text.size(); ++i) {
    const int most = models.text[i]->network.most_skipped();
    if (clip_skip < 0 || clip_skip > most)
      return Status(Code::invalid_option, "clipSkip: expected 0 to " + std::to_string(most) +
                                              " for this model's text encoders but received " +
                                              std::to_string(clip_skip));
    IPA_TRY(run_tower(call, i, prompts, clip_skip, channel, results));
    channel += models.text[i]->config().stack.hidden_size;
  }
  return results;
}

}  // namespace ipa
