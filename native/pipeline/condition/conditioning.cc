#include "pipeline/condition/conditioning.h"

#include <algorithm>

#include "pipeline/condition/image_tokens.h"
#include "pipeline/condition/text_features.h"

namespace ipa {
namespace {

Result<PackedKeys> run_keys(const Call& call, Graph graph, Value input, std::vector<Value> keys,
                            const std::vector<float>& data) {
  PackedKeys packed;
  for (Value value : keys)
    if (value.valid()) {
      graph.output(value);
      packed.tokens = graph.node(value).kv.tokens;
    }
  IPA_ASSIGN(packed.program, Program::make(std::move(graph), call.models.backend(), {}, &call.workspace));
  IPA_TRY(packed.program->prepare());
  if (!call.workspace.dry()) std::copy(data.begin(), data.end(), packed.program->floats(input));
  IPA_TRY(packed.program->run(call.cancel));
  packed.values = std::move(keys);
  return packed;
}

// Size conditions in the order (original height, width, crop top, left, target height, width), the refiner's
// with the aesthetic score in place of the target.
void append_addition(const ModelSet& models, const GenerateRequest& request, const std::vector<float>& pooled,
                     bool negative, std::vector<float>& out) {
  const UNetConfig& c = models.unet->config();
  out.insert(out.end(), pooled.begin(), pooled.end());
  const auto or_own = [](int64_t size, int64_t own) { return static_cast<double>(size ? size : own); };
  std::vector<double> values = {or_own(request.original_height, request.height),
                                or_own(request.original_width, request.width),
                                static_cast<double>(request.crop_top), static_cast<double>(request.crop_left)};
  if (models.refiner) {
    values.push_back(
        static_cast<double>(negative ? request.negative_aesthetic_score : request.aesthetic_score));
  } else {
    values.push_back(or_own(request.target_height, request.height));
    values.push_back(or_own(request.target_width, request.width));
  }
  for (double value : values) {
    const size_t at = out.size();
    out.resize(at + static_cast<size_t>(c.addition_time_size));
    timestep_sinusoid(value, c.addition_time_size, c.flip_sin_to_cos, c.freq_shift, out.data() + at);
  }
}

Status add_text(const Call& call, const GenerateRequest& request, bool guided, Conditioning& conditioning) {
  const ModelSet& models = call.models;
  const int64_t cross = models.unet->config().cross_size();
  std::vector<const std::vector<TokenChunks>*> prompts;
  const bool zeros = guided && request.negative.empty();
  if (guided && !zeros) prompts.push_back(&request.negative);
  prompts.push_back(&request.prompt);
  IPA_ASSIGN(std::vector<TextFeatures> features, encode_prompts(call, prompts, request.clip_skip));
  const TextFeatures& positive = features.back();
  if (zeros) {
    if (!models.zeros_for_empty_prompt)
      return Status(Code::invalid_option, "guidance needs a negative prompt, which may be empty");
    TextFeatures nothing;
    nothing.tokens = positive.tokens;
    nothing.features.assign(positive.features.size(), 0.0f);
    nothing.pooled.assign(positive.pooled.size(), 0.0f);
    features.insert(features.begin(), std::move(nothing));
  }
  if (features.front().tokens != features.back().tokens)
    return Status(Code::invalid_option, "prompt and negative prompt need the same number of chunks");

  if (conditioning.batch == 3) features.insert(features.begin(), TextFeatures(features.front()));

  // Of each prompt, and of all together.
  const auto batch = static_cast<size_t>(conditioning.batch);
  const Held held(call.workspace,
                  2 * batch * static_cast<size_t>(features.back().tokens * cross) * sizeof(float));
  std::vector<float> all;
  for (const TextFeatures& f : features) all.insert(all.end(), f.features.begin(), f.features.end());
  Graph graph(&models.unet->params);
  const Value input = graph.input(tokens_shape(conditioning.batch, features.back().tokens, cross));
  std::vector<Value> keys = build_text_keys(graph, models.unet->network.cross_layers(), input);
  IPA_ASSIGN(conditioning.text, run_keys(call, std::move(graph), input, std::move(keys), all));
  if (models.family() == Family::sdxl)
    for (const TextFeatures& f : features)
      append_addition(models, request, f.pooled, &f != &features.back(), conditioning.addition);
  return {};
}

Status add_branch(const Call& call, const ImageBranch& branch, bool guided, Conditioning& conditioning) {
  const ModelSet& models = call.models;
  if (branch.adapter < 0 || static_cast<size_t>(branch.adapter) >= models.adapters.size())
    return Status(Code::invalid_option, "imagePrompts: there is no adapter " + std::to_string(branch.adapter) +
                                            ", " + std::to_string(models.adapters.size()) + " loaded");
  Adapter& adapter = *models.adapters[static_cast<size_t>(branch.adapter)];
  IPA_ASSIGN(BranchTokens tokens, branch_tokens(call, adapter, branch, guided));
  if (conditioning.batch == 3) {
    const std::vector<float> negative(tokens.values.begin(),
                                      tokens.values.begin() + static_cast<int64_t>(tokens.values.size() / 2));
    tokens.values.insert(tokens.values.begin(), negative.begin(), negative.end());
  }
  Graph graph(&adapter.params);
  const Value input =
      graph.input(tokens_shape(conditioning.batch, tokens.tokens, adapter.projection.cross_size));
  std::vector<Value> keys = build_image_keys(graph, models.unet->network.cross_layers(), input);
  IPA_ASSIGN(PackedKeys packed, run_keys(call, std::move(graph), input, std::move(keys), tokens.values));
  conditioning.images.push_back(std::move(packed));
  conditioning.scales.push_back(branch.scale);
  return {};
}

}  // namespace

Result<Conditioning> make_conditioning(const Call& call, const GenerateRequest& request, bool guided) {
  Conditioning conditioning;
  conditioning.batch = !guided ? 1 : call.models.task() == Task::instruct ? 3 : 2;
  IPA_TRY(add_text(call, request, guided, conditioning));
  for (const ImageBranch& branch : request.branches) IPA_TRY(add_branch(call, branch, guided, conditioning));
  return conditioning;
}

}  // namespace ipa
