#include "pipeline/condition/source_picture.h"

#include <algorithm>
#include <utility>

#include "image/fill_masked.h"
#include "image/grey.h"
#include "pipeline/condition/mask_crop.h"
#include "pipeline/model_options.h"
#include "pipeline/seamless.h"

namespace ipa {
namespace {

Status check_pixels(const char* name, const Picture& picture) {
  return picture.is_whole() ? Status() : Status::option(name, "expected 3 * width * height bytes");
}

// Which pixels are repainted: PIL's grey of the mask, from the middle up.
std::vector<bool> white_pixels(const std::vector<uint8_t>& rgb) {
  const std::vector<uint8_t> grey = to_grey(rgb.data(), static_cast<int64_t>(rgb.size() / 3), GreyRule::pillow);
  std::vector<bool> white(grey.size());
  for (size_t i = 0; i < white.size(); ++i) white[i] = grey[i] >= 128;
  return white;
}

// That something of the fill is seen.
Status check_fill(const ModelSet& models, const GenerateRequest& request) {
  if (request.mask_fill == MaskFill::original) return {};
  if (request.denoising_start > 0 || strength_of(models, request) < 1) return {};
  return Status::option(
      "maskFill",
      "at strength 1, the default with a mask, the steps begin with noise alone and nothing of "
      "it is seen: use a strength below 1, or leave maskFill out");
}

// Of the options about where the picture is kept.
Status check_keeping(const ModelSet& models, const GenerateRequest& request) {
  const GenerateRequest usual;
  const char* given = request.keep_unmasked != usual.keep_unmasked ? "keepUnmasked"
                      : request.mask_crop != usual.mask_crop       ? "maskCrop"
                      : request.mask_feather != usual.mask_feather ? "maskFeather"
                                                                   : nullptr;
  if (request.mask_fill != usual.mask_fill && !request.mask)
    return Status::option("maskFill", "it says what the picture begins with where mask is white: add mask");
  if (given && !request.mask) return Status::option(given, "it is about what mask leaves: add mask");
  if (request.mask_crop >= 0 && request.keep_unmasked == false)
    return Status::option("keepUnmasked",
                          "maskCrop puts what was painted into the picture: leave one of them out");
  if (request.mask_crop >= 0 && !request.seamless.empty())
    return Status::option(
        "seamless", "maskCrop paints a part of the picture, whose edges do not meet: leave one of them out");
  if (request.mask_feather > 0 && !keeps_unmasked(models, request))
    return Status::option("maskFeather",
                          "it softens the edge of what keepUnmasked keeps: use keepUnmasked: true, or "
                          "leave maskFeather out");
  return check_fill(models, request);
}

Status check_strength(const ModelSet& models, const GenerateRequest& request) {
  if (request.strength >= 0) {
    IPA_TRY(check_option(models, "strength"));
    if (!request.image) return Status::option("strength", "it says how much of image is changed: add image");
    if (request.denoising_start > 0)
      return Status::option("strength", "denoisingStart says where to begin, too: leave one of them out");
  }
  // An inpainting model reads the picture beside the latents.
  if (request.denoising_start > 0 && !request.latents.empty() && request.image && !request.mask &&
      models.task() == Task::text_to_image)
    return Status::option("latents", "with image the call begins with that: leave one of them out");
  return {};
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
  if (mask && !image) return Status::option("mask", "it says which part of image is repainted: add image");
  IPA_TRY(check_strength(models, request));
  IPA_TRY(check_keeping(models, request));
  if (image) IPA_TRY(check_pixels("image", *request.image));
  if (mask) IPA_TRY(check_pixels("mask", *request.mask));
  return {};
}

SourcePicture::SourcePicture(const ModelSet& models, const GenerateRequest& request)
    : models_(models), request_(request), task_(models.task()) {
  const bool plain = task_ == Task::text_to_image;
  const bool goes_on = request.denoising_start > 0 && request.latents.empty();
  blends_ = plain && request.mask.has_value();
  reads_beside_ = !plain || (blends_ && models.inpaint);
  if (task_ != Task::instruct)
    begins_ =
        goes_on || (plain && !blends_) || (request.denoising_start == 0 && strength_of(models, request) < 1);
}

Result<std::unique_ptr<SourcePicture>> SourcePicture::plan(const ModelSet& models,
                                                           const GenerateRequest& request) {
  if (!request.image) return std::unique_ptr<SourcePicture>();
  std::unique_ptr<SourcePicture> self(new SourcePicture(models, request));
  IPA_ASSIGN(self->encoder_, PictureEncoder::plan(models, request.height, request.width, wrap_of(request)));
  return self;
}

size_t SourcePicture::picture_bytes() const {
  const auto painted = static_cast<size_t>(3 * request_.width * request_.height);
  const size_t filling = request_.mask_fill == MaskFill::blur ? 2 : 0;
  return (filling + (request_.mask ? 2 : 1)) * painted +
         (request_.mask_crop >= 0 ? keep_unmasked_bytes(request_) : 0);
}

Status SourcePicture::run(const Call& call) {
  const Held held(call.workspace, picture_bytes());
  IPA_TRY(encoder_->prepare(call));
  std::vector<bool> white;
  if (request_.mask) {
    IPA_ASSIGN(white, read_mask());
  }
  IPA_ASSIGN(const std::vector<uint8_t> rgb, fit_to_paint(request_, *request_.image));
  if (begins_ || blends_) {
    IPA_ASSIGN(picture_, encode_filled(rgb, white, call.cancel));
  }
  if (reads_beside_ && !picture_.mean.empty() && request_.mask_fill == MaskFill::neutral)
    beside_ = picture_;
  else if (reads_beside_) {
    IPA_ASSIGN(beside_, encoder_->encode(rgb, white, call.cancel));
  }
  encoder_.reset();
  return {};
}

// What the steps begin with, and what is put back outside the mask.
Result<EncodedPicture> SourcePicture::encode_filled(const std::vector<uint8_t>& rgb,
                                                    const std::vector<bool>& white, const CancelFlag* cancel) {
  switch (request_.mask_fill) {
    case MaskFill::original: break;
    case MaskFill::neutral: return encoder_->encode(rgb, white, cancel);
    case MaskFill::blur: {
      IPA_ASSIGN(const std::vector<uint8_t> filled,
                 blur_into_mask(rgb, request_.width, request_.height, white));
      return encoder_->encode(filled, {}, cancel);
    }
  }
  return encoder_->encode(rgb, {}, cancel);
}

Result<std::vector<bool>> SourcePicture::read_mask() {
  IPA_ASSIGN(const std::vector<uint8_t> mask, fit_to_paint(request_, *request_.mask));
  std::vector<bool> white = white_pixels(mask);
  if (std::find(white.begin(), white.end(), true) == white.end())
    return Status::option("mask",
                          "none of it is white (greys count from the middle up), so there is nothing to "
                          "paint: paint a part white, or leave mask out");
  // The nearest pixel of each latent is the upper left one.
  const Shape shape = encoder_->latents_shape();
  const int64_t scale = models_.vae->config().scale();
  for (int64_t y = 0; y < shape.h; ++y)
    for (int64_t x = 0; x < shape.w; ++x)
      mask_.push_back(white[static_cast<size_t>((y * request_.width + x) * scale)] ? 1.0f : 0.0f);
  if (std::find(mask_.begin(), mask_.end(), 1.0f) == mask_.end())
    return Status::option(
        "mask", "what is white of it lies between the corners of the squares of " + std::to_string(scale) +
                    " pixels that the model paints, so nothing would be: make it larger, or add "
                    "maskCrop");
  if (!models_.inpaint) return white;
  // The inpaint head takes a latent for white where any of its pixels is.
  touched_.assign(mask_.size(), 0.0f);
  for (size_t at = 0; at < white.size(); ++at) {
    const int64_t y = static_cast<int64_t>(at) / request_.width, x = static_cast<int64_t>(at) % request_.width;
    if (white[at]) touched_[static_cast<size_t>(y / scale * shape.w + x / scale)] = 1;
  }
  return white;
}

std::vector<float> SourcePicture::draw(Noise& noise) const {
  if (!begins_ && !blends_) return {};
  return draw_latents(picture_, models_.vae->config(), noise);
}

std::vector<float> SourcePicture::channels(Noise& noise) const {
  if (task_ == Task::instruct) return beside_.mean;
  if (!reads_beside_) {
    if (blends_) draw_latents(picture_, models_.vae->config(), noise);
    return {};
  }
  std::vector<float> result = models_.inpaint ? touched_ : mask_;
  const std::vector<float> latents = draw_latents(beside_, models_.vae->config(), noise);
  result.insert(result.end(), latents.begin(), latents.end());
  return result;
}

}  // namespace ipa
