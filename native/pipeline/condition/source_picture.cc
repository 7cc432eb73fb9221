#include "pipeline/condition/source_picture.h"

#include <algorithm>
#include <cmath>

#include "image/resample.h"
#include "pipeline/model_options.h"

namespace ipa {
namespace {

Status check_pixels(const char* name, const Picture& picture) {
  if (picture.rgb.empty()) return {};  // sizes only
  const bool whole = picture.width > 0 && picture.height > 0 &&
                     picture.rgb.size() == static_cast<size_t>(3 * picture.width * picture.height);
  return whole ? Status() : Status::option(name, "expected 3 * width * height bytes");
}

// Which pixels are repainted: PIL's grey of the resized mask, from the middle up.
std::vector<bool> white_pixels(const std::vector<uint8_t>& rgb) {
  std::vector<bool> white(rgb.size() / 3);
  for (size_t i = 0; i < white.size(); ++i) {
    const uint8_t* p = rgb.data() + 3 * i;
    const uint32_t grey = (p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16;
    white[i] = grey >= 128;
  }
  return white;
}

// The encoder's input. Where `white`, it is 0 in the range from -1 to 1, the grey between black and white.
std::vector<float> pixels_of(const std::vector<uint8_t>& rgb, const std::vector<bool>& white, float black) {
  std::vector<float> out(rgb.size());
  for (size_t i = 0; i < rgb.size(); ++i) {
    const bool hidden = !white.empty() && white[i / 3];
    const float value = hidden ? 0.0f : 2.0f * (static_cast<float>(rgb[i]) / 255.0f) - 1.0f;
    out[i] = black < 0 ? value : (value + 1.0f) / 2.0f;
  }
  return out;
}

}  // namespace

Status check_source(const ModelSet& models, const GenerateRequest& request) {
  const Task task = models.task();
  const bool image = request.image.has_value(), mask = request.mask.has_value();
  if (image) IPA_TRY(check_option(models, "image"));
  if (task != Task::text_to_image && !image)
    return Status::option("image",
                          task == Task::inpainting
                              ? "this inpainting model repaints a part of a picture: add image and mask"
                              : "this instruct model changes a picture after the prompt: add image");
  if (mask) IPA_TRY(check_option(models, "mask"));
  if (task == Task::inpainting && !mask)
    return Status::option("mask", "this inpainting model needs to know what to repaint: add mask, white there");
  if (image) IPA_TRY(check_pixels("image", *request.image));
  if (mask) IPA_TRY(check_pixels("mask", *request.mask));
  return {};
}

Result<std::unique_ptr<SourcePicture>> SourcePicture::plan(const ModelSet& models,
                                                           const GenerateRequest& request) {
  if (models.task() == Task::text_to_image) return std::unique_ptr<SourcePicture>();
  std::unique_ptr<SourcePicture> self(new SourcePicture(models, request));
  Graph graph(&models.vae->params);
  self->pixels_ = graph.input({1, request.height, request.width, 3});
  self->encoded_ = models.vae->network.encode(graph, self->pixels_);
  graph.output(self->encoded_);
  IPA_ASSIGN(self->program_, Program::plan(std::move(graph), models.backend()));
  return self;
}

size_t SourcePicture::picture_bytes() const {
  return static_cast<size_t>((inpainting_ ? 6 : 3) * request_.width * request_.height);
}

Status SourcePicture::run(const Call& call) {
  const Held held(call.workspace, picture_bytes());
  IPA_TRY(program_->prepare(call.workspace));
  {
    IPA_ASSIGN(const std::vector<float> pixels, encoder_input());
    IPA_TRY(program_->set(pixels_, pixels));
  }
  IPA_TRY(program_->run(call.cancel));
  IPA_TRY(read_latents());
  program_.reset();
  return {};
}

Result<std::vector<float>> SourcePicture::encoder_input() {
  const int64_t w = request_.width, h = request_.height;
  auto resized = [&](const Picture& picture) {
    return resize_picture(picture.rgb.data(), picture.width, picture.height, w, h, Filter::lanczos);
  };
  std::vector<bool> white;
  if (inpainting_) {
    IPA_ASSIGN(const std::vector<uint8_t> mask, resized(*request_.mask));
    white = white_pixels(mask);
    // The nearest pixel of each latent is the upper left one.
    const VaeConfig& config = models_.vae->config();
    const Shape shape = program_->shape(encoded_);
    for (int64_t y = 0; y < shape.h; ++y)
      for (int64_t x = 0; x < shape.w; ++x)
        mask_.push_back(white[static_cast<size_t>((y * w + x) * config.scale())] ? 1.0f : 0.0f);
    factor_ = static_cast<float>(config.scaling_factor);
  }
  IPA_ASSIGN(const std::vector<uint8_t> rgb, resized(*request_.image));
  return pixels_of(rgb, white, models_.vae->network.black());
}

Status SourcePicture::read_latents() {
  const Shape shape = program_->shape(encoded_);
  const int64_t latents = models_.vae->config().latent_channels;
  std::vector<float> out(static_cast<size_t>(shape.elements()));
  IPA_TRY(program_->get(encoded_, out));
  auto channel = [&](int64_t c, int64_t p) { return out[static_cast<size_t>(p * shape.c + c)]; };
  for (int64_t c = 0; c < latents; ++c)
    for (int64_t p = 0; p < shape.rows(); ++p) mean_.push_back(channel(c, p));
  if (inpainting_ && shape.c > latents)
    for (int64_t c = latents; c < 2 * latents; ++c)
      for (int64_t p = 0; p < shape.rows(); ++p)
        deviation_.push_back(std::exp(0.5f * std::clamp(channel(c, p), -30.0f, 20.0f)));
  return {};
}

std::vector<float> SourcePicture::channels(Noise& noise) const {
  std::vector<float> result = mask_;
  std::vector<float> drawn(deviation_.size());
  if (!drawn.empty()) noise.fill(drawn.data(), drawn.size());
  for (size_t i = 0; i < mean_.size(); ++i)
    result.push_back(factor_ * (drawn.empty() ? mean_[i] : mean_[i] + deviation_[i] * drawn[i]));
  return result;
}

}  // namespace ipa
