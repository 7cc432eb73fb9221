#include "pipeline/sample/controlnet_run.h"

#include <cmath>

#include "pipeline/seamless.h"

namespace ipa {

ControlNetRun::ControlNetRun(const ControlCall& call, const std::vector<size_t>& conditions, bool among)
    : first_(call.request.controls[conditions.front()]),
      request_(call.request),
      net_(*call.models.controls[static_cast<size_t>(first_.control)]->net),
      items_(call.conditioning.batch()),
      guess_(first_.guess || net_.config().pooled),
      mixed_(conditions.size() > 1 && !among),
      active_(active_calls(call.request, conditions, call.kinds.size())) {
  const int64_t scale = call.models.vae->config().scale();
  shape_.height = request_.height / scale;
  shape_.width = request_.width / scale;
  shape_.wrap = wrap_of(request_);
}

ControlNetProgramShape ControlNetRun::shape_of(StepKind kind) const {
  ControlNetProgramShape shape = shape_;
  // The part that runs alone comes last.
  shape.batch = kind.guided && !guess_ ? items_ : 1;
  shape.first = items_ - shape.batch;
  shape.skips = kind.full ? net_.config().trunk.skip_connections() : static_cast<size_t>(request_.cache_depth);
  return shape;
}

ControlNetRun::Extent ControlNetRun::extent(StepKind kind) const {
  const ControlNetProgramShape shape = shape_of(kind);
  const bool all = shape.skips == net_.config().trunk.skip_connections();
  return {shape.first, shape.batch, shape.skips + (all ? 1 : 0)};
}

std::unique_ptr<ControlNetProgram>& ControlNetRun::program_of(StepKind kind) {
  const bool all = kind.guided && !guess_;
  return kind.full ? (all ? all_full_ : last_full_) : (all ? all_shallow_ : last_shallow_);
}

Result<std::unique_ptr<ControlNetRun>> ControlNetRun::plan(const ControlCall& call,
                                                           const std::vector<size_t>& conditions, bool among,
                                                           const Residuals& results) {
  std::unique_ptr<ControlNetRun> self(new ControlNetRun(call, conditions, among));
  IPA_ASSIGN(self->pictures_, ControlPictures::plan(call, self->net_, conditions, self->mixed_));
  const ControlNetBinding binding{
      self->net_,     call.conditioning, call.conditioning.control_keys(conditions.front()),
      self->picture_, results,           self->pictures_->modes()};
  for (size_t i = 0; i < call.kinds.size(); ++i) {
    if (!self->active_[i]) continue;
    std::unique_ptr<ControlNetProgram>& program = self->program_of(call.kinds[i]);
    if (program) continue;
    IPA_ASSIGN(program, ControlNetProgram::plan(call.models.backend(Part::unet), binding,
                                                self->shape_of(call.kinds[i])));
  }
  return self;
}

void ControlNetRun::count(MemoryCount& memory) const {
  pictures_->count(memory);
  for (const auto* program : {&all_full_, &all_shallow_, &last_full_, &last_shallow_})
    if (*program) (*program)->count(memory);
}

Status ControlNetRun::begin(const Call& call) {
  {
    IPA_ASSIGN(const std::vector<float> read, pictures_->read(call));
    pictures_.reset();
    held_ = std::make_unique<Held>(call.workspace, read.size() * sizeof(float));
    IPA_TRY(picture_.set(call.models.backend(Part::unet).memory(), read));
  }
  for (const auto* program : {&all_full_, &all_shallow_, &last_full_, &last_shallow_})
    if (*program) IPA_TRY((*program)->prepare(call.workspace));
  return {};
}

Status ControlNetRun::run(StepKind kind, const std::vector<float>& latents, float timestep,
                          const CancelFlag* cancel) {
  return program_of(kind)->run(latents, timestep, cancel);
}

float ControlNetRun::factor(size_t i) const {
  const float scale = mixed_ ? 1.0f : first_.scale;
  if (!guess_ || pooled()) return scale;
  // From a tenth to one, the middle last.
  const auto last = static_cast<double>(net_.config().trunk.skip_connections());
  return static_cast<float>(std::pow(10.0, static_cast<double>(i) / last - 1.0)) * scale;
}

}  // namespace ipa
