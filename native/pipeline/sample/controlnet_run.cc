#include "pipeline/sample/controlnet_run.h"

#include <cmath>
#include <utility>

#include "image/resample.h"

namespace ipa {

ControlNetRun::ControlNetRun(const ControlCall& call, size_t index, const Residuals& results)
    : use_(call.request.controls[index]),
      request_(call.request),
      net_(*call.models.controls[static_cast<size_t>(use_.control)]->net),
      results_(results),
      items_(call.conditioning.batch()),
      guess_(use_.guess || net_.config().pooled),
      active_(active_calls(use_, call.kinds.size())) {
  const int64_t scale = call.models.vae->config().scale();
  shape_.height = request_.height / scale;
  shape_.width = request_.width / scale;
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

Result<std::unique_ptr<ControlNetRun>> ControlNetRun::plan(const ControlCall& call, size_t index,
                                                           const Residuals& results) {
  std::unique_ptr<ControlNetRun> self(new ControlNetRun(call, index, results));
  IPA_TRY(self->plan_picture(call));
  const ControlNetBinding binding{self->net_, call.conditioning, call.conditioning.control_text(index),
                                  self->picture_, results};
  for (size_t i = 0; i < call.kinds.size(); ++i) {
    if (!self->active_[i]) continue;
    std::unique_ptr<ControlNetProgram>& program = self->program_of(call.kinds[i]);
    if (program) continue;
    IPA_ASSIGN(program, ControlNetProgram::plan(call.models.backend(), binding, self->shape_of(call.kinds[i])));
  }
  return self;
}

Status ControlNetRun::plan_picture(const ControlCall& call) {
  Graph graph(&net_.params);
  pixels_ = graph.input({1, request_.height, request_.width, net_.config().picture_channels});
  read_ = net_.network.read_picture(graph, pixels_);
  graph.output(read_);
  IPA_ASSIGN(picture_program_, Program::plan(std::move(graph), call.models.backend()));
  return {};
}

size_t ControlNetRun::picture_bytes() const {
  // As bytes, as floats, and once more on the way into the program.
  return static_cast<size_t>(3 * request_.width * request_.height) * (1 + sizeof(float));
}

void ControlNetRun::count(MemoryCount& memory) const {
  memory.passing(*picture_program_, picture_bytes());
  memory.staying(static_cast<size_t>(picture_program_->shape(read_).elements()) * sizeof(float));
  for (const auto* program : {&all_full_, &all_shallow_, &last_full_, &last_shallow_})
    if (*program) (*program)->count(memory);
}

Result<std::vector<float>> ControlNetRun::picture_values() const {
  const Picture& picture = use_.image;
  IPA_ASSIGN(const std::vector<uint8_t> rgb, resize_picture(picture.rgb.data(), picture.width, picture.height,
                                                            request_.width, request_.height, Filter::lanczos));
  std::vector<float> values(rgb.size());
  for (size_t i = 0; i < rgb.size(); i += 3)
    for (size_t c = 0; c < 3; ++c)
      values[i + c] = static_cast<float>(rgb[i + (net_.config().bgr ? 2 - c : c)]) / 255.0f;
  return values;
}

Status ControlNetRun::begin(const Call& call) {
  {
    const Held held(call.workspace, picture_bytes());
    IPA_TRY(picture_program_->prepare(call.workspace));
    IPA_ASSIGN(const std::vector<float> values, picture_values());
    IPA_TRY(picture_program_->set(pixels_, values));
    IPA_TRY(picture_program_->run(call.cancel));
    std::vector<float> read(static_cast<size_t>(picture_program_->shape(read_).elements()));
    IPA_TRY(picture_program_->get(read_, read));
    IPA_TRY(picture_.set(read));
    picture_program_.reset();
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
  if (!guess_ || pooled()) return use_.scale;
  // From a tenth to one, the middle last.
  const auto last = static_cast<double>(net_.config().trunk.skip_connections());
  return static_cast<float>(std::pow(10.0, static_cast<double>(i) / last - 1.0)) * use_.scale;
}

}  // namespace ipa
