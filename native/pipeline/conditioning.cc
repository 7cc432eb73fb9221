#include "pipeline/conditioning.h"

#include <algorithm>

#include "pipeline/image_features.h"
#include "pipeline/text_features.h"

namespace ipa {
namespace {

Result<PackedKeys> run_keys(ModelSet& models, Graph graph, Value input, std::vector<Value> keys,
                            const std::vector<float>& data, Workspace& workspace, const CancelFlag* cancel) {
  PackedKeys packed;
  for (Value value : keys)
    if (value.valid()) {
      graph.output(value);
      packed.tokens = graph.node(value).kv.tokens;
    }
  IPA_ASSIGN(packed.program, Program::make(std::move(graph), models.backend(), {}, &workspace));
  IPA_TRY(packed.program->prepare());
  if (!workspace.dry()) std::copy(data.begin(), data.end(), packed.program->floats(input));
  IPA_TRY(packed.program->run(cancel));
  packed.values = std::move(keys);
  return packed;
}

// Size conditions in the order (original height, width, crop top, left, target height, width).
void append_addition(const ModelSet& models, const GenerateRequest& request, const std::vector<float>& pooled,
                     std::vector<float>& out) {
  const UNetConfig& c = models.unet->config();
  out.insert(out.end(), pooled.begin(), pooled.end());
  const auto height = static_cast<double>(request.height), width = static_cast<double>(request.width);
  for (double value : {height, width, 0.0, 0.0, height, width}) {
    const size_t at = out.size();
    out.resize(at + static_cast<size_t>(c.addition_time_size));
    timestep_sinusoid(value, c.addition_time_size, c.flip_sin_to_cos, c.freq_shift, out.data() + at);
  }
}

Status add_text(ModelSet& models, const GenerateRequest& request, bool guided, Conditioning& conditioning,
                Workspace& workspace, const CancelFlag* cancel) {
  const int64_t cross = models.unet->config().cross_size();
  std::vector<const std::vector<TokenChunks>*> prompts;
  const bool zeros = guided && request.negative.empty();
  if (guided && !zeros) prompts.push_back(&request.negative);
  prompts.push_back(&request.prompt);
  IPA_ASSIGN(std::vector<TextFeatures> features, encode_prompts(models, prompts, workspace, cancel));
  const TextFeatures& positive = features.back();
  if (zeros) {
    if (!models.zeros_for_empty_prompt || models.family() != Family::sdxl)
      return Status(Code::invalid_option, "guidance needs a negative prompt, which may be empty");
    TextFeatures nothing;
    nothing.tokens = positive.tokens;
    nothing.features.assign(positive.features.size(), 0.0f);
    nothing.pooled.assign(positive.pooled.size(), 0.0f);
    features.insert(features.begin(), std::move(nothing));
  }
  if (features.front().tokens != features.back().tokens)
    return Status(Code::invalid_option, "prompt and negative prompt need the same number of chunks");

  std::vector<float> all;
  for (const TextFeatures& f : features) all.insert(all.end(), f.features.begin(), f.features.end());
  Graph graph(&models.unet_params);
  const Value input = graph.input(tokens_shape(conditioning.batch, features.back().tokens, cross));
  std::vector<Value> keys = build_text_keys(graph, models.unet->cross_layers(), input);
  IPA_ASSIGN(conditioning.text,
             run_keys(models, std::move(graph), input, std::move(keys), all, workspace, cancel));
  if (models.family() == Family::sdxl)
    for (const TextFeatures& f : features) append_addition(models, request, f.pooled, conditioning.addition);
  return {};
}

Status add_branch(ModelSet& models, const ImageBranch& branch, bool guided, Conditioning& conditioning,
                  Workspace& workspace, const CancelFlag* cancel) {
  if (branch.adapter < 0 || static_cast<size_t>(branch.adapter) >= models.adapters.size())
    return Status(Code::invalid_option, "imagePrompts: there is no adapter " + std::to_string(branch.adapter) +
                                            ", " + std::to_string(models.adapters.size()) + " loaded");
  Adapter& adapter = *models.adapters[static_cast<size_t>(branch.adapter)];
  const ImageProjectionConfig& p = adapter.projection;
  if (branch.images.empty())
    return Status(Code::invalid_option, "imagePrompts: an adapter needs at least one picture or embeds");

  std::vector<float> positive;
  size_t each = 0;
  for (const ImagePrompt& image : branch.images) {
    std::vector<float> features = image.embeds;
    if (features.empty()) {
      IPA_ASSIGN(features, encode_image(models, adapter, image, workspace, cancel));
    }
    const auto size = static_cast<size_t>(p.embed_size);
    const bool fits = p.kind == ProjectionKind::base ? features.size() == size : features.size() % size == 0;
    if (!fits || features.empty() || (each && features.size() != each))
      return Status(Code::mismatch, "image embeds of " + std::to_string(features.size()) +
                                        " numbers, this adapter takes " +
                                        (p.kind == ProjectionKind::base ? "" : "hidden states of ") +
                                        std::to_string(size) + " (" + adapter.encoder + ")");
    each = features.size();
    positive.insert(positive.end(), features.begin(), features.end());
  }
  const auto images = static_cast<int64_t>(branch.images.size());
  std::vector<float> all;
  if (guided) {
    IPA_ASSIGN(const std::vector<float> negative, negative_features(models, adapter, each, workspace, cancel));
    for (int64_t i = 0; i < images; ++i) all.insert(all.end(), negative.begin(), negative.end());
  }
  all.insert(all.end(), positive.begin(), positive.end());

  Graph graph(&adapter.params);
  const int64_t states = static_cast<int64_t>(each) / p.embed_size;
  const Value input = graph.input(tokens_shape(conditioning.batch * images, states, p.embed_size));
  const Value tokens = build_image_projection(graph, p, input);
  // Several pictures of one adapter: their tokens in one row.
  const Value joined = graph.reshape(
      tokens, tokens_shape(conditioning.batch, images * graph.shape(tokens).rows_per_item(), p.cross_size));
  std::vector<Value> keys = build_image_keys(graph, models.unet->cross_layers(), joined);
  IPA_ASSIGN(PackedKeys packed,
             run_keys(models, std::move(graph), input, std::move(keys), all, workspace, cancel));
  conditioning.images.push_back(std::move(packed));
  conditioning.scales.push_back(branch.scale);
  return {};
}

}  // namespace

Result<Conditioning> make_conditioning(ModelSet& models, const GenerateRequest& request, bool guided,
                                       Workspace& workspace, const CancelFlag* cancel) {
  Conditioning conditioning;
  conditioning.batch = guided ? 2 : 1;
  IPA_TRY(add_text(models, request, guided, conditioning, workspace, cancel));
  for (const ImageBranch& branch : request.branches)
    IPA_TRY(add_branch(models, branch, guided, conditioning, workspace, cancel));
  return conditioning;
}

}  // namespace ipa
