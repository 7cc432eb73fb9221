#include "pipeline/condition/text_features.h"

#include <algorithm>
#include <cmath>

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
  for (float weight : chunks.weights)
    if (!std::isfinite(weight)) return Status::option("prompt", "expected weights that are finite numbers");
  for (int32_t id : chunks.ids)
    if (id < 0 || id >= config.vocab_size)
      return Status(Code::mismatch, "token id " + std::to_string(id) +
                                        " is outside the text encoder's vocabulary of " +
                                        std::to_string(config.vocab_size) + ": " + tower.tokenizer +
                                        "/ and the text encoder do not belong together");
  return {};
}

// Whether features that were made before fit this model.
Status check_embeds(const ModelSet& models, const TextEmbeds& embeds) {
  const auto chunk =
      static_cast<size_t>(models.text.front()->config().context * models.unet->config().cross_size());
  if (embeds.features.size() % chunk != 0)
    return Status::option("promptEmbeds", "expected a multiple of " + std::to_string(chunk) +
                                              " numbers but received " +
                                              std::to_string(embeds.features.size()));
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

}  // namespace

int64_t pooled_size(const ModelSet& models) {
  int64_t size = 0;
  if (models.family() == Family::sdxl)
    for (const auto& tower : models.text) size = std::max(size, tower->config().projection_size);
  return size;
}

// Of every prompt: all encoders have the same number.
Status PromptEncoder::count_tokens(const ModelSet& models) {
  for (const PromptInput& prompt : prompts_) {
    if (prompt.embeds) {
      IPA_TRY(check_embeds(models, *prompt.embeds));
      tokens_.push_back(static_cast<int64_t>(prompt.embeds->features.size()) / cross_size_);
      continue;
    }
    if (prompt.tokens->size() != models.text.size())
      return Status(Code::invalid_option,
                    "a prompt needs tokens for " + std::to_string(models.text.size()) + " text encoders");
    for (size_t i = 0; i < models.text.size(); ++i) IPA_TRY(check_chunks(*models.text[i], (*prompt.tokens)[i]));
    for (const TokenChunks& chunks : *prompt.tokens)
      if (chunks.ids.size() != prompt.tokens->front().ids.size())
        return Status(Code::invalid_option, "the text encoders got prompts of different length");
    tokens_.push_back(static_cast<int64_t>(prompt.tokens->front().ids.size()));
  }
  return {};
}

bool PromptEncoder::reads_tokens() const {
  return std::any_of(prompts_.begin(), prompts_.end(),
                     [](const PromptInput& prompt) { return !prompt.embeds; });
}

Status PromptEncoder::plan_tower(const ModelSet& models, size_t index) {
  const TextTower& loaded = *models.text[index];
  const ClipTextConfig& config = loaded.config();
  const bool sdxl = models.family() == Family::sdxl;
  int64_t tokens = 0;
  bool skips = false, plain = false;
  for (size_t p = 0; p < prompts_.size(); ++p) {
    if (prompts_[p].embeds) continue;
    tokens += tokens_[p];
    (skips_layers(p) ? skips : plain) = true;
  }
  const int64_t chunks = tokens / config.context;
  Tower tower;
  tower.loaded = &loaded;
  Graph graph(&loaded.params);
  tower.ids = graph.input(tokens_shape(chunks, config.context, 1), Storage::i32);
  const bool pooled = sdxl && config.projection_size;
  if (pooled) tower.eos = graph.input({chunks, 1, 1, 1}, Storage::i32);
  const ClipText::Outputs outputs = loaded.network.build(graph, tower.ids, tower.eos, clip_skip_);
  tower.features = sdxl ? outputs.penultimate : outputs.last;
  tower.skipped = sdxl ? outputs.penultimate_skipped : outputs.last_skipped;
  if (plain) graph.output(tower.features);
  if (skips) graph.output(tower.skipped);
  if (pooled) graph.output(tower.pooled = outputs.pooled);
  IPA_ASSIGN(tower.program, Program::plan(std::move(graph), models.backend(Part::text_encoder)));
  towers_.push_back(std::move(tower));
  return {};
}

Result<PromptEncoder> PromptEncoder::plan(const ModelSet& models, Prompts prompts, int clip_skip) {
  PromptEncoder encoder;
  encoder.prompts_ = std::move(prompts);
  encoder.clip_skip_ = clip_skip;
  encoder.cross_size_ = models.unet->config().cross_size();
  IPA_TRY(encoder.count_tokens(models));
  for (size_t i = 0; i < models.text.size(); ++i) {
    const int most = models.text[i]->network.most_skipped();
    if (clip_skip < 0 || clip_skip > most)
      return Status::option("clipSkip", "expected 0 to " + std::to_string(most) +
                                            " for this model's text encoders but received " +
                                            std::to_string(clip_skip));
    if (encoder.reads_tokens()) IPA_TRY(encoder.plan_tower(models, i));
  }
  return encoder;
}

void PromptEncoder::count(MemoryCount& memory) const {
  for (const Tower& tower : towers_) memory.passing(*tower.program);
}

// The chunks of all prompts, one after the other.
Status PromptEncoder::fill(Tower& tower, size_t index) const {
  const ClipTextConfig& config = tower.loaded->config();
  std::vector<int32_t> ids, eos;
  for (const PromptInput& prompt : prompts_) {
    if (prompt.embeds) continue;
    const std::vector<int32_t>& own = (*prompt.tokens)[index].ids;
    ids.insert(ids.end(), own.begin(), own.end());
  }
  IPA_TRY(tower.program->set(tower.ids, ids));
  if (!tower.eos.valid()) return {};
  for (size_t at = 0; at < ids.size(); at += static_cast<size_t>(config.context))
    eos.push_back(static_cast<int32_t>(static_cast<int64_t>(at) + config.eos_position(ids.data() + at)));
  return tower.program->set(tower.eos, eos);
}

// Its channels are written at `channel` of the features.
Status PromptEncoder::read(const Tower& tower, size_t index, int64_t channel,
                           std::vector<TextFeatures>& results) const {
  const ClipTextConfig& config = tower.loaded->config();
  const int64_t context = config.context, width = config.stack.hidden_size;
  std::vector<float> states(static_cast<size_t>(context * width));
  size_t chunk = 0;
  for (size_t p = 0; p < prompts_.size(); ++p) {
    if (prompts_[p].embeds) continue;
    const TokenChunks& tokens = (*prompts_[p].tokens)[index];
    TextFeatures& result = results[p];
    for (int64_t i = 0; i < tokens_[p] / context; ++i, ++chunk) {
      IPA_TRY(
          tower.program->get(skips_layers(p) ? tower.skipped : tower.features, states, chunk * states.size()));
      apply_weights(tokens.weights.data() + i * context, context, width, states.data());
      for (int64_t t = 0; t < context; ++t)
        std::copy_n(states.data() + t * width, width,
                    result.features.data() + (i * context + t) * cross_size_ + channel);
      if (tower.pooled.valid() && i == 0) {
        result.pooled.resize(static_cast<size_t>(config.projection_size));
        IPA_TRY(tower.program->get(tower.pooled, result.pooled, chunk * result.pooled.size()));
      }
    }
  }
  return {};
}

Result<std::vector<TextFeatures>> PromptEncoder::run(const Call& call) {
  std::vector<TextFeatures> results(prompts_.size());
  for (size_t p = 0; p < results.size(); ++p) {
    results[p].tokens = tokens_[p];
    if (const TextEmbeds* given = prompts_[p].embeds) {
      results[p].features = given->features;
      results[p].pooled = given->pooled;
    } else {
      results[p].features.resize(static_cast<size_t>(tokens_[p] * cross_size_));
    }
  }
  int64_t channel = 0;
  for (size_t i = 0; i < towers_.size(); ++i) {
    Tower& tower = towers_[i];
    IPA_TRY(tower.program->prepare(call.workspace));
    IPA_TRY(fill(tower, i));
    IPA_TRY(tower.program->run(call.cancel));
    IPA_TRY(read(tower, i, channel, results));
    channel += tower.loaded->config().stack.hidden_size;
    tower.program.reset();
  }
  return results;
}

}  // namespace ipa
