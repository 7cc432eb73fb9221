#include "pipeline/condition/conditioning.h"

#include <algorithm>
#include <utility>

#include "pipeline/load/control.h"

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

Result<PackedKeys> PackedKeys::plan(const ModelSet& models, Graph graph, Value input, std::vector<Value> keys) {
  PackedKeys packed;
  packed.input = input;
  for (Value value : keys)
    if (value.valid()) {
      graph.output(value);
      packed.tokens = graph.node(value).kv.tokens;
    }
  IPA_ASSIGN(packed.program, Program::plan(std::move(graph), models.backend()));
  packed.values = std::move(keys);
  return packed;
}

Status PackedKeys::run(const Call& call, const std::vector<float>& data) {
  IPA_TRY(program->prepare(call.workspace));
  IPA_TRY(program->set(input, data));
  return program->run(call.cancel);
}

Result<std::unique_ptr<Conditioning>> Conditioning::plan(const ModelSet& models, const GenerateRequest& request,
                                                         std::vector<GuidancePart> parts) {
  std::unique_ptr<Conditioning> self(new Conditioning(std::move(parts)));
  self->request_ = &request;
  const UNetConfig& config = models.unet->config();
  self->cross_size_ = config.cross_size();
  self->addition_size_ = models.family() == Family::sdxl ? config.addition_input_size : 0;
  IPA_TRY(self->plan_text(models, request));
  IPA_TRY(self->plan_controls(models, request));
  IPA_ASSIGN(self->scales_, BranchScales::plan(models.unet->network, request.branches, self->parts_));
  for (size_t i = 0; i < request.branches.size(); ++i) IPA_TRY(self->plan_branch(models, i));
  return self;
}

Status Conditioning::plan_text(const ModelSet& models, const GenerateRequest& request) {
  PromptEncoder::Prompts prompts;
  zeros_ = guided() && request.negative.empty();
  if (guided() && !zeros_) prompts.push_back(&request.negative);
  prompts.push_back(&request.prompt);
  IPA_ASSIGN(prompts_, PromptEncoder::plan(models, std::move(prompts), request.clip_skip));
  if (zeros_ && !models.zeros_for_empty_prompt)
    return Status(Code::invalid_option, "guidance needs a negative prompt, which may be empty");
  const int64_t tokens = prompts_->tokens().back();
  if (prompts_->tokens().front() != tokens)
    return Status(Code::invalid_option, "prompt and negative prompt need the same number of chunks");
  const LoadedNetwork<UNet>& unet = *models.unet;
  Graph graph(&unet.params);
  const Value input = graph.input(tokens_shape(batch(), tokens, cross_size_));
  std::vector<Value> keys = build_text_keys(graph, unet.network.cross_layers(), input);
  IPA_ASSIGN(text_, PackedKeys::plan(models, std::move(graph), input, std::move(keys)));
  return {};
}

Status Conditioning::plan_controls(const ModelSet& models, const GenerateRequest& request) {
  std::vector<int> used;
  for (const ControlUse& use : request.controls) {
    const auto found = std::find(used.begin(), used.end(), use.control);
    control_places_.push_back(static_cast<size_t>(found - used.begin()));
    if (found != used.end()) continue;
    used.push_back(use.control);
    const LoadedNetwork<ControlNet>& net = *models.controls[static_cast<size_t>(use.control)]->net;
    Graph graph(&net.params);
    const Value input = graph.input(tokens_shape(batch(), prompts_->tokens().back(), cross_size_));
    std::vector<Value> keys = build_text_keys(graph, net.network.cross_layers(), input);
    IPA_ASSIGN(PackedKeys packed, PackedKeys::plan(models, std::move(graph), input, std::move(keys)));
    control_text_.push_back(std::move(packed));
  }
  return {};
}

Status Conditioning::plan_branch(const ModelSet& models, size_t branch) {
  IPA_ASSIGN(BranchEncoder encoder, BranchEncoder::plan(models, request_->branches[branch], guided()));
  branches_.push_back(std::move(encoder));
  images_.emplace_back();
  const std::vector<bool> used = scales_.used(branch);
  if (std::none_of(used.begin(), used.end(), [](bool layer) { return layer; })) return {};
  const Adapter& adapter = branches_.back().adapter();
  Graph graph(&adapter.params);
  const Value input =
      graph.input(tokens_shape(batch(), branches_.back().tokens(), adapter.projection.cross_size));
  std::vector<Value> keys = build_image_keys(graph, models.unet->network.cross_layers(), input, used);
  IPA_ASSIGN(images_.back(), PackedKeys::plan(models, std::move(graph), input, std::move(keys)));
  return {};
}

size_t Conditioning::feature_bytes() const {
  return 2 * static_cast<size_t>(batch() * prompts_->tokens().back() * cross_size_) * sizeof(float);
}

void Conditioning::count(MemoryCount& memory) const {
  prompts_->count(memory);
  memory.staying(*text_.program, feature_bytes());
  memory.staying(scales_.bytes());
  for (const PackedKeys& keys : control_text_) memory.staying(*keys.program, feature_bytes());
  for (size_t i = 0; i < branches_.size(); ++i) {
    if (!images_[i].program) continue;
    branches_[i].count(memory);
    memory.staying(*images_[i].program);
  }
}

Status Conditioning::run(const Call& call) {
  IPA_TRY(run_text(call));
  return run_branches(call);
}

Status Conditioning::run_text(const Call& call) {
  IPA_ASSIGN(std::vector<TextFeatures> features, prompts_->run(call));
  const TextFeatures& positive = features.back();
  TextFeatures nothing;
  if (zeros_) {
    nothing.features.assign(positive.features.size(), 0.0f);
    nothing.pooled.assign(positive.pooled.size(), 0.0f);
  }
  const TextFeatures& negative = zeros_ ? nothing : features.front();
  const Held held(call.workspace, feature_bytes());
  std::vector<float> all, addition;
  for (const GuidancePart& part : parts_) {
    const TextFeatures& own = part.positive ? positive : negative;
    all.insert(all.end(), own.features.begin(), own.features.end());
    if (addition_size_) append_addition(call.models, *request_, own.pooled, !part.positive, addition);
  }
  if (addition_size_) IPA_TRY(addition_.set(addition));
  for (PackedKeys& keys : control_text_)
    if (!keys.values.empty()) IPA_TRY(keys.run(call, all));
  return text_.run(call, all);
}

Status Conditioning::run_branches(const Call& call) {
  held_.emplace(call.workspace, scales_.bytes());
  for (size_t i = 0; i < branches_.size(); ++i) {
    if (!images_[i].program) continue;
    IPA_ASSIGN(const std::vector<float> tokens, branches_[i].run(call));
    // The negative half's, where there is one, come first.
    const auto half = static_cast<int64_t>(guided() ? tokens.size() / 2 : 0);
    std::vector<float> all;
    for (const GuidancePart& part : parts_) {
      const bool picture = part.positive != request_->branches[i].contrary;
      all.insert(all.end(), picture ? tokens.begin() + half : tokens.begin(),
                 picture ? tokens.end() : tokens.begin() + half);
    }
    IPA_TRY(images_[i].run(call, all));
  }
  // The memory that the UNet's programs are bound to.
  return scales_.begin_call(0, 1);
}

BoundView Conditioning::addition(int64_t first, int64_t count) const {
  return addition_.floats(static_cast<size_t>(first * addition_size_),
                          static_cast<size_t>(count * addition_size_));
}

}  // namespace ipa
