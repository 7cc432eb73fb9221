#include "pipeline/condition/source_picture.h"

#include <algorithm>
#include <cmath>

#include "graph/program.h"
#include "image/resample.h"
#include "pipeline/model_options.h"

namespace ipa {
namespace {

Status invalid(const std::string& message) { return Status(Code::invalid_option, message); }

Status check_pixels(const char* name, const Picture& picture) {
  if (picture.rgb.empty()) return {};  // sizes only
  const bool whole = picture.width > 0 && picture.height > 0 &&
                     picture.rgb.size() == static_cast<size_t>(3 * picture.width * picture.height);
  return whole ? Status() : invalid(std::string(name) + ": expected 3 * width * height bytes");
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
void fill_pixels(const std::vector<uint8_t>& rgb, const std::vector<bool>& white, float black, float* out) {
  for (size_t i = 0; i < rgb.size(); ++i) {
    const bool hidden = !white.empty() && white[i / 3];
    const float value = hidden ? 0.0f : 2.0f * (static_cast<float>(rgb[i]) / 255.0f) - 1.0f;
    out[i] = black < 0 ? value : (value + 1.0f) / 2.0f;
  }
}

}  // namespace

Status check_source(const ModelSet& models, const GenerateRequest& request) {
  const Task task = models.task();
  const bool image = request.image.has_value(), mask = request.mask.has_value();
  if (image) IPA_TRY(check_option(models, "image"));
  if (task != Task::text_to_image && !image)
    return invalid(task == Task::inpainting
                       ? "image: this inpainting model repaints a part of a picture: add image and mask"
                       : "image: this instruct model changes a picture after the prompt: add image");
  if (mask) IPA_TRY(check_option(models, "mask"));
  if (task == Task::inpainting && !mask)
    return invalid("mask: this inpainting model needs to know what to repaint: add mask, white there");
  if (task == Task::instruct && !(request.image_guidance >= 1 && std::isfinite(request.image_guidance)))
    return invalid("imageGuidance: expected 1 or more");
  if (image) IPA_TRY(check_pixels("image", *request.image));
  if (mask) IPA_TRY(check_pixels("mask", *request.mask));
  return {};
}

Result<std::unique_ptr<SourcePicture>> SourcePicture::make(const Call& call, const GenerateRequest& request) {
  const ModelSet& models = call.models;
  if (models.task() == Task::text_to_image) return std::unique_ptr<SourcePicture>();
  const bool inpainting = models.task() == Task::inpainting;
  const VaeConfig& config = models.vae->config();
  const int64_t w = request.width, h = request.height, latents = config.latent_channels;
  // The resized pictures.
  const Held held(call.workspace, static_cast<size_t>((inpainting ? 6 : 3) * w * h));
  Graph graph(&models.vae->params);
  const Value pixels = graph.input({1, h, w, 3});
  const Value encoded = models.vae->network.encode(graph, pixels);
  graph.output(encoded);
  IPA_ASSIGN(const std::unique_ptr<Program> program,
             Program::make(std::move(graph), models.backend(), {}, &call.workspace));
  IPA_TRY(program->prepare());
  auto self = std::make_unique<SourcePicture>();
  if (call.workspace.dry()) return self;

  auto resized = [&](const Picture& picture) {
    return resize_picture(picture.rgb.data(), picture.width, picture.height, w, h, Filter::lanczos);
  };
  const Shape shape = program->shape(encoded);
  std::vector<bool> white;
  if (inpainting) {
    IPA_ASSIGN(const std::vector<uint8_t> mask, resized(*request.mask));
    white = white_pixels(mask);
    // The nearest pixel of each latent is the upper left one.
    const int64_t scale = config.scale();
    for (int64_t y = 0; y < shape.h; ++y)
      for (int64_t x = 0; x < shape.w; ++x)
        self->mask_.push_back(white[static_cast<size_t>((y * w + x) * scale)] ? 1.0f : 0.0f);
    self->factor_ = static_cast<float>(config.scaling_factor);
  }
  IPA_ASSIGN(const std::vector<uint8_t> rgb, resized(*request.image));
  fill_pixels(rgb, white, models.vae->network.black(), program->floats(pixels));
  IPA_TRY(program->run(call.cancel));

  const float* out = program->floats(encoded);
  auto channel = [&](int64_t c, int64_t p) { return out[p * shape.c + c]; };
  for (int64_t c = 0; c < latents; ++c)
    for (int64_t p = 0; p < shape.rows(); ++p) self->mean_.push_back(channel(c, p));
  if (inpainting && shape.c > latents)
    for (int64_t c = latents; c < 2 * latents; ++c)
      for (int64_t p = 0; p < shape.rows(); ++p)
        self->deviation_.push_back(std::exp(0.5f * std::clamp(channel(c, p), -30.0f, 20.0f)));
  return self;
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
