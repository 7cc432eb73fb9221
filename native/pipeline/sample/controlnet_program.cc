#include "pipeline/sample/controlnet_program.h"

#include "models/unet.h"

namespace ipa {

Value ControlNetProgram::bind(Value value, Source source) {
  bound_.emplace_back(value, std::move(source));
  return value;
}

UNetInputs ControlNetProgram::describe_inputs(Graph& graph, const ControlNetBinding& to,
                                              const ControlNetProgramShape& shape) {
  UNetInputs inputs;
  inputs.latents = latents_ = graph.input({shape.batch, shape.height, shape.width, config_.in_channels});
  inputs.sinusoid = sinusoid_ = graph.input({1, 1, 1, config_.sinusoid_size()});
  if (config_.text_time)
    inputs.addition = bind(graph.input({shape.batch, 1, 1, config_.addition_input_size}),
                           [conditioning = &to.conditioning, first = shape.first, batch = shape.batch] {
                             return conditioning->addition(first, batch);
                           });
  modes_ = to.modes;
  if (!modes_.empty())
    inputs.control_types = control_types_ = graph.input({1, 1, 1, static_cast<int64_t>(modes_.size())});
  for (const Value key : to.text.values) {
    KeyValueShape kv = to.text.program->plan().graph().node(key).kv;
    kv.batch = shape.batch;
    inputs.text_kv.push_back(
        bind(graph.packed_kv_input(kv), [program = to.text.program.get(), key, first = shape.first,
                                         batch = shape.batch] { return program->items(key, first, batch); }));
  }
  return inputs;
}

Result<std::unique_ptr<ControlNetProgram>> ControlNetProgram::plan(const Backend& backend,
                                                                   const ControlNetBinding& to,
                                                                   const ControlNetProgramShape& shape) {
  std::unique_ptr<ControlNetProgram> self(new ControlNetProgram(to.net.config().trunk));
  self->batch_ = shape.batch;
  Graph graph(&to.net.params);
  graph.set_wrap(shape.wrap);
  const UNetInputs inputs = self->describe_inputs(graph, to, shape);
  const int64_t width = self->config_.levels.front().channels;
  const Value picture = self->bind(graph.input({1, shape.height, shape.width, width}),
                                   [memory = &to.picture] { return memory->view(); });
  const std::vector<Value> results = to.net.network.build(graph, inputs, picture, shape.skips);
  for (size_t i = 0; i < results.size(); ++i) {
    graph.output(results[i]);
    self->bind(results[i], [to = &to.results, i, first = shape.first, batch = shape.batch] {
      return to->items(i, first, batch);
    });
  }
  std::vector<Value> external;
  for (const auto& [value, source] : self->bound_) external.push_back(value);
  IPA_ASSIGN(self->program_, Program::plan(std::move(graph), backend, external));
  return self;
}

Status ControlNetProgram::prepare(Workspace& workspace) {
  for (const auto& [value, source] : bound_) program_->bind(value, source());
  IPA_TRY(program_->prepare(workspace));
  return modes_.empty() ? Status() : program_->set(control_types_, modes_);
}

Status ControlNetProgram::run(const std::vector<float>& latents, float timestep, const CancelFlag* cancel) {
  std::vector<float> sinusoid(static_cast<size_t>(config_.sinusoid_size()));
  timestep_sinusoid(static_cast<double>(timestep), config_.sinusoid_size(), config_.flip_sin_to_cos,
                    config_.freq_shift, sinusoid.data());
  IPA_TRY(program_->set(sinusoid_, sinusoid));
  for (size_t item = 0; item < static_cast<size_t>(batch_); ++item)
    IPA_TRY(program_->set(latents_, latents, item * latents.size()));
  return program_->run(cancel);
}

}  // namespace ipa
