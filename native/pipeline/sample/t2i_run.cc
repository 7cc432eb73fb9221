#include "pipeline/sample/t2i_run.h"

#include <algorithm>
#include <utility>

#include "image/grey.h"
#include "image/resample.h"
#include "pipeline/seamless.h"

namespace ipa {
namespace {

// Squares of pixels become channels, as PyTorch's pixel_unshuffle orders them: by channel, row, column.
std::vector<float> squares_of(const std::vector<uint8_t>& rgb, int64_t width, int64_t height,
                              const T2iConfig& c) {
  std::vector<float> values;
  values.reserve(static_cast<size_t>(width * height * c.picture_channels));
  const int64_t side = c.picture_scale;
  for (int64_t y = 0; y < height; y += side)
    for (int64_t x = 0; x < width; x += side)
      for (int64_t channel = 0; channel < c.picture_channels; ++channel)
        for (int64_t i = 0; i < side * side; ++i) {
          const uint8_t* pixel = rgb.data() + 3 * ((y + i / side) * width + x + i % side);
          const uint8_t value = c.picture_channels == 1 ? grey_of(pixel, GreyRule::pillow) : pixel[channel];
          values.push_back(static_cast<float>(value) / 255.0f);
        }
  return values;
}

// Means of 2 x 2 pixels, of fewer at the end of an odd side.
std::vector<float> halved(const std::vector<float>& values, const Shape& from, const Shape& to) {
  std::vector<float> means(static_cast<size_t>(to.elements()));
  for (int64_t y = 0; y < to.h; ++y)
    for (int64_t x = 0; x < to.w; ++x)
      for (int64_t c = 0; c < to.c; ++c) {
        float sum = 0;
        int count = 0;
        for (int64_t j = 2 * y; j < std::min(2 * y + 2, from.h); ++j)
          for (int64_t i = 2 * x; i < std::min(2 * x + 2, from.w); ++i, ++count)
            sum += values[static_cast<size_t>((j * from.w + i) * from.c + c)];
        means[static_cast<size_t>((y * to.w + x) * to.c + c)] = sum / static_cast<float>(count);
      }
  return means;
}

}  // namespace

T2iRun::T2iRun(const ControlCall& call, size_t index)
    : use_(call.request.controls[index]),
      request_(call.request),
      net_(*call.models.controls[static_cast<size_t>(use_.control)]->adapter),
      places_(call.models.controls[static_cast<size_t>(use_.control)]->places),
      active_(active_calls(call.request, {index}, call.kinds.size())) {}

Result<std::unique_ptr<T2iRun>> T2iRun::plan(const ControlCall& call, size_t index) {
  std::unique_ptr<T2iRun> self(new T2iRun(call, index));
  IPA_TRY(self->plan_blocks(call.models.backend(Part::unet)));
  return self;
}

Status T2iRun::plan_blocks(const Backend& backend) {
  const T2iConfig& c = net_.config();
  Shape shape{1, request_.height / c.picture_scale, request_.width / c.picture_scale, 0};
  for (size_t i = 0; i < places_; ++i) {
    if (c.halves(i)) shape = {1, (shape.h + 1) / 2, (shape.w + 1) / 2, 0};
    Block block;
    Graph graph(&net_.params);
    graph.set_wrap(wrap_of(request_));
    block.input = graph.input(shape.with_channels(net_.network.input_width(i)));
    block.output = net_.network.build_block(graph, block.input, i);
    graph.output(block.output);
    shapes_.push_back(graph.shape(block.output));
    IPA_ASSIGN(block.program, Program::plan(std::move(graph), backend));
    blocks_.push_back(std::move(block));
  }
  return {};
}

size_t T2iRun::picture_bytes() const {
  const auto pixels = static_cast<size_t>(request_.width * request_.height);
  return 3 * pixels + static_cast<size_t>(net_.config().picture_channels) * pixels * sizeof(float);
}

size_t T2iRun::feature_bytes() const {
  size_t bytes = 0;
  for (const Shape& shape : shapes_) bytes += static_cast<size_t>(shape.elements()) * sizeof(float);
  return bytes;
}

void T2iRun::count(MemoryCount& memory) const {
  for (const Block& block : blocks_) memory.passing(*block.program, picture_bytes() + feature_bytes());
  memory.staying(feature_bytes());
}

Result<std::vector<float>> T2iRun::picture_values() const {
  const Picture& picture = use_.image;
  IPA_ASSIGN(const std::vector<uint8_t> rgb, resize_picture(picture.rgb.data(), picture.width, picture.height,
                                                            request_.width, request_.height, Filter::lanczos));
  return squares_of(rgb, request_.width, request_.height, net_.config());
}

Status T2iRun::begin(const Call& call) {
  held_ = std::make_unique<Held>(call.workspace, feature_bytes());
  const Held held(call.workspace, picture_bytes());
  IPA_ASSIGN(std::vector<float> values, picture_values());
  for (size_t i = 0; i < blocks_.size(); ++i) {
    Block& block = blocks_[i];
    IPA_TRY(block.program->prepare(call.workspace));
    const Shape& input = block.program->shape(block.input);
    IPA_TRY(block.program->set(block.input,
                               net_.config().halves(i) ? halved(values, shapes_[i - 1], input) : values));
    IPA_TRY(block.program->run(call.cancel));
    values.resize(static_cast<size_t>(shapes_[i].elements()));
    IPA_TRY(block.program->get(block.output, values));
    features_.push_back(values);
    block.program.reset();
  }
  return {};
}

}  // namespace ipa
