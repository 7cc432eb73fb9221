#include "pipeline/sample/inpaint_run.h"

#include <algorithm>
#include <utility>

namespace ipa {
namespace {

// Channels-last, with the edges repeated once around them.
std::vector<float> with_edges(const std::vector<float>& channels, const Shape& padded) {
  const int64_t height = padded.h - 2, width = padded.w - 2;
  std::vector<float> values;
  values.reserve(static_cast<size_t>(padded.elements()));
  for (int64_t y = 0; y < padded.h; ++y)
    for (int64_t x = 0; x < padded.w; ++x) {
      const int64_t row = std::clamp<int64_t>(y - 1, 0, height - 1);
      const int64_t at = row * width + std::clamp<int64_t>(x - 1, 0, width - 1);
      for (int64_t c = 0; c < padded.c; ++c)
        values.push_back(channels[static_cast<size_t>(c * height * width + at)]);
    }
  return values;
}

}  // namespace

Result<std::unique_ptr<InpaintRun>> InpaintRun::plan(const ModelSet& models, const GenerateRequest& request) {
  if (!models.inpaint || !request.mask) return std::unique_ptr<InpaintRun>();
  std::unique_ptr<InpaintRun> self(new InpaintRun());
  const LoadedNetwork<InpaintHead>& head = *models.inpaint->head;
  const int64_t scale = models.vae->config().scale();
  Graph graph(&head.params);
  self->input_ =
      graph.input({1, request.height / scale + 2, request.width / scale + 2, head.config().input_channels()});
  self->output_ = head.network.build(graph, self->input_);
  graph.output(self->output_);
  IPA_ASSIGN(self->program_, Program::plan(std::move(graph), models.backend(Part::unet)));
  return self;
}

void InpaintRun::count(MemoryCount& memory) const {
  const auto padded = static_cast<size_t>(program_->shape(input_).elements()) * sizeof(float);
  memory.staying(*program_, padded);
}

Status InpaintRun::begin(const Call& call) {
  cancel_ = call.cancel;
  return program_->prepare(call.workspace);
}

Status InpaintRun::read(const std::vector<float>& channels) {
  const Shape padded = program_->shape(input_);
  const int64_t pixels = (padded.h - 2) * (padded.w - 2);
  if (channels.size() != static_cast<size_t>(pixels * padded.c))
    return Status(Code::internal, "the inpaint head reads channels that it was not given");
  IPA_TRY(program_->set(input_, with_edges(channels, padded)));
  return program_->run(cancel_);
}

}  // namespace ipa
