#include "pipeline/condition/conditioning.h"

#include <algorithm>
#include <utility>

#include "pipeline/condition/scaled_tokens.h"
#include "pipeline/load/loaded_control.h"

namespace ipa {
namespace {

// Size conditions in the order (original height, width, crop top, left, target height, width),
// the refiner's with the aesthetic score in place of the target.
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

}  // namespace

int face_branch(const ModelSet& models, const GenerateRequest& request) {
  for (size_t i = 0; i < request.branches.size(); ++i) {
    const auto adapter = static_cast<size_t>(request.branches[i].adapter);
    if (adapter < models.adapters.size() &&
        models.adapters[adapter]->variant == AdapterVariant::faceid_portrait_unnorm)
      return static_cast<int>(i);
  }
  return -1;
}

Result<PackedKeys> PackedKeys::plan(const ModelSet& models, Graph graph, std::vector<Value> inputs,
                                    std::vector<Value> keys) {
  PackedKeys packed;
  packed.inputs = std::move(inputs);
  for (Value value : keys)
    if (value.valid()) {
      graph.output(value);
      packed.tokens = graph.node(value).kv.tokens;
    }
  IPA_ASSIGN(packed.program, Program::plan(std::move(graph), models.backend(Part::unet)));
  packed.values = std::move(keys);
  return packed;
}

Status PackedKeys::run(const Call& call, const std::vector<std::vector<float>>& data) {
  IPA_TRY(program->prepare(call.workspace));
  for (size_t i = 0; i < inputs.size(); ++i) IPA_TRY(program->set(inputs[i], data[i]));
  return program->run(call.cancel);
}

Result<std::unique_ptr<Conditioning>> Conditioning::plan(const ModelSet& models, const GenerateRequest& request,
                                                         std::vector<GuidancePart> parts) {
  std::unique_ptr<Conditioning> self(new Conditioning(std::move(parts)));
  self->request_ = &request;
  const UNetConfig& config = models.unet->config();
  self->cross_size_ = config.cross_size();
  self->addition_size_ = models.family() == Family::sdxl ? config.addition_input_size : 0;
  self->zeros_ = self->guided() && request.negative.empty() && request.negative_embeds.empty();
  IPA_ASSIGN(self->text_, self->plan_text(models, {&request.prompt, &request.prompt_embeds},
                                          {&request.negative, &request.negative_embeds}));
  for (const PromptRegion& region : request.regions) {
    IPA_ASSIGN(Text text, self->plan_text(models, {&region.prompt, &region.prompt_embeds},
                                          {&region.negative, &region.negative_embeds}));
    self->regions_.push_back(std::move(text));
  }
  IPA_ASSIGN(self->scales_, BranchScales::plan(models, request, self->parts_));
  for (size_t i = 0; i < request.branches.size(); ++i) IPA_TRY(self->plan_branch(models, i));
  IPA_TRY(self->plan_controls(models, request));
  return self;
}

Result<Conditioning::Text> Conditioning::plan_text(const ModelSet& models, PromptInput prompt,
                                                   PromptInput negative) {
  Text text;
  PromptEncoder::Prompts prompts;
  if (guided() && !zeros_) prompts.push_back(negative);
  prompts.push_back(prompt);
  IPA_ASSIGN(text.encoder, PromptEncoder::plan(models, std::move(prompts), request_->clip_skip));
  if (zeros_ && !models.zeros_for_empty_prompt)
    return Status(Code::invalid_option, "guidance needs a negative prompt, which may be empty");
  const int64_t tokens = text.encoder->tokens().back();
  if (text.encoder->tokens().front() != tokens)
    return Status(Code::invalid_option, "prompt and negative prompt need the same number of chunks");
  const LoadedNetwork<UNet>& unet = *models.unet;
  Graph graph(&unet.params);
  const Value input = graph.input(tokens_shape(batch(), tokens, cross_size_));
  std::vector<Value> keys = build_text_keys(graph, unet.network.cross_layers(), input);
  IPA_ASSIGN(text.keys, PackedKeys::plan(models, std::move(graph), {input}, std::move(keys)));
  return text;
}

// The keys and values of text in a control, or of the tokens of a face.
Status Conditioning::plan_controls(const ModelSet& models, const GenerateRequest& request) {
  for (const ControlUse& use : request.controls) {
    const LoadedControl& control = *models.controls[static_cast<size_t>(use.control)];
    const int branch = use.keypoints.empty() ? -1 : face_branch(models, request);
    const auto same = [&](const ControlKeys& keys) {
      return keys.control == &control && keys.branch == branch;
    };
    const auto found = std::find_if(control_keys_.begin(), control_keys_.end(), same);
    control_places_.push_back(static_cast<size_t>(found - control_keys_.begin()));
    if (!control.net || found != control_keys_.end()) continue;
    const int64_t tokens =
        branch < 0 ? text_.encoder->tokens().back() : branches_[static_cast<size_t>(branch)].tokens();
    Graph graph(&control.net->params);
    const Value input = graph.input(tokens_shape(batch(), tokens, cross_size_));
    std::vector<Value> keys = build_text_keys(graph, control.net->network.cross_layers(), input);
    IPA_ASSIGN(PackedKeys packed, PackedKeys::plan(models, std::move(graph), {input}, std::move(keys)));
    control_keys_.push_back({&control, branch, std::move(packed)});
  }
  return {};
}

bool Conditioning::feeds_control(size_t branch) const {
  return std::any_of(control_keys_.begin(), control_keys_.end(),
                     [&](const ControlKeys& keys) { return keys.branch == static_cast<int>(branch); });
}

Status Conditioning::run_controls(const Call& call, int branch, const std::vector<float>& tokens) {
  for (ControlKeys& keys : control_keys_)
    if (keys.branch == branch && !keys.packed.values.empty()) IPA_TRY(keys.packed.run(call, {tokens}));
  return {};
}

Status Conditioning::plan_branch(const ModelSet& models, size_t branch) {
  IPA_ASSIGN(BranchEncoder encoder, BranchEncoder::plan(models, *request_, branch, guided()));
  branches_.push_back(std::move(encoder));
  images_.emplace_back();
  kv_weights_.emplace_back();
  const std::vector<bool> used = scales_.used(branch);
  if (std::none_of(used.begin(), used.end(), [](bool layer) { return layer; })) return {};
  IPA_ASSIGN(images_.back(), plan_image_keys(models, branch));
  return {};
}

Result<PackedKeys> Conditioning::plan_image_keys(const ModelSet& models, size_t branch) {
  const ImageBranch& own = request_->branches[branch];
  const std::vector<CrossLayer>& layers = models.unet->network.cross_layers();
  const std::vector<bool> used = scales_.used(branch);
  const Adapter& adapter = branches_[branch].adapter();
  Graph graph(&adapter.params);
  std::vector<Value> inputs;
  const auto add_input = [&] {
    const int64_t tokens = branches_[branch].tokens();
    inputs.push_back(graph.input(tokens_shape(batch(), tokens, adapter.projection.cross_size)));
    return inputs.back();
  };
  if (own.kv_scaling == KvScaling::result) {
    std::vector<Value> keys = build_image_keys(graph, layers, add_input(), used);
    return PackedKeys::plan(models, std::move(graph), std::move(inputs), std::move(keys));
  }
  std::vector<float>& weights = kv_weights_[branch];
  std::vector<KeyTokens> tokens;
  for (size_t i = 0; i < layers.size(); ++i) {
    tokens.emplace_back();
    if (!used[i]) continue;
    const float weight = kv_weight(own, layers[i]);
    const auto known = static_cast<size_t>(std::find(weights.begin(), weights.end(), weight) - weights.begin());
    if (known == weights.size()) {
      weights.push_back(weight);
      add_input();
      add_input();
    }
    tokens.back() = {inputs[2 * known], inputs[2 * known + 1]};
  }
  std::vector<Value> keys = build_image_keys(graph, layers, tokens);
  return PackedKeys::plan(models, std::move(graph), std::move(inputs), std::move(keys));
}

std::vector<std::vector<float>> Conditioning::key_tokens(size_t branch,
                                                         const std::vector<float>& tokens) const {
  const ImageBranch& own = request_->branches[branch];
  if (own.kv_scaling == KvScaling::result) return {tokens};
  std::vector<std::vector<float>> data;
  for (float weight : kv_weights_[branch]) {
    data.push_back(tokens_for_keys(tokens, weight));
    data.push_back(
        tokens_for_values(tokens, static_cast<size_t>(cross_size_), parts_.size(), own.kv_scaling, weight));
  }
  return data;
}

// For copies of both prompts' features side by side.
size_t Conditioning::feature_bytes(const Text& text) const {
  return 2 * static_cast<size_t>(batch() * text.encoder->tokens().back() * cross_size_) * sizeof(float);
}

void Conditioning::count(MemoryCount& memory) const {
  const auto count_text = [&](const Text& text) {
    text.encoder->count(memory);
    memory.staying(*text.keys.program, feature_bytes(text));
  };
  count_text(text_);
  for (const Text& region : regions_) count_text(region);
  memory.staying(scales_.bytes(), scales_.space());
  for (const ControlKeys& keys : control_keys_) memory.staying(*keys.packed.program, feature_bytes(text_));
  for (size_t i = 0; i < branches_.size(); ++i) {
    if (images_[i].program || feeds_control(i)) branches_[i].count(memory);
    if (images_[i].program) memory.staying(*images_[i].program);
  }
}

Status Conditioning::run(const Call& call) {
  IPA_TRY(run_text(call, text_));
  for (Text& region : regions_) IPA_TRY(run_text(call, region));
  return run_branches(call);
}

Status Conditioning::run_text(const Call& call, Text& text) {
  IPA_ASSIGN(std::vector<TextFeatures> features, text.encoder->run(call));
  const TextFeatures& positive = features.back();
  TextFeatures nothing;
  if (zeros_) {
    nothing.features.assign(positive.features.size(), 0.0f);
    nothing.pooled.assign(positive.pooled.size(), 0.0f);
  }
  const TextFeatures& negative = zeros_ ? nothing : features.front();
  const Held held(call.workspace, feature_bytes(text));
  std::vector<float> all, addition;
  for (const GuidancePart& part : parts_) {
    const TextFeatures& own = part.positive ? positive : negative;
    all.insert(all.end(), own.features.begin(), own.features.end());
    if (addition_size_) append_addition(call.models, *request_, own.pooled, !part.positive, addition);
  }
  if (&text == &text_) {
    // Of the whole picture alone: pooled features, and what controls attend to.
    if (addition_size_) IPA_TRY(addition_.set(call.models.backend(Part::unet).memory(), addition));
    IPA_TRY(run_controls(call, -1, all));
  }
  return text.keys.run(call, {all});
}

Status Conditioning::run_branches(const Call& call) {
  held_.emplace(call.workspace, scales_.bytes());
  for (size_t i = 0; i < branches_.size(); ++i) {
    if (!images_[i].program && !feeds_control(i)) continue;
    IPA_ASSIGN(const std::vector<float> tokens, branches_[i].run(call));
    // The negative half's, where there is one, come first.
    const auto half = static_cast<int64_t>(guided() ? tokens.size() / 2 : 0);
    std::vector<float> all;
    for (const GuidancePart& part : parts_) {
      const bool picture = part.positive != request_->branches[i].contrary;
      all.insert(all.end(), picture ? tokens.begin() + half : tokens.begin(),
                 picture ? tokens.end() : tokens.begin() + half);
    }
    if (images_[i].program) IPA_TRY(images_[i].run(call, key_tokens(i, all)));
    IPA_TRY(run_controls(call, static_cast<int>(i), all));
  }
  // The memory that the UNet's programs are bound to.
  return scales_.begin();
}

BoundView Conditioning::addition(int64_t first, int64_t count) const {
  return addition_.floats(static_cast<size_t>(first * addition_size_),
                          static_cast<size_t>(count * addition_size_));
}

}  // namespace ipa
