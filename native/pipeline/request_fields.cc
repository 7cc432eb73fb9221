#include "pipeline/request_fields.h"

namespace ipa {
namespace {

using R = GenerateRequest;

constexpr double kLargestSide = 4096, kLargestPhotograph = 65536;

}  // namespace

const std::vector<RequestField>& request_fields() {
  static const std::vector<RequestField> fields = {
      {"steps", &R::steps, 1, 1000},
      {"guidance", &R::guidance, 0, 100},
      {"guidanceInterval.0", &R::guidance_start, 0, 1},
      {"guidanceInterval.1", &R::guidance_end, 0, 1},
      {"imageGuidance", &R::image_guidance, 1, 100},
      {"eta", &R::eta, 0, 1},
      {"strength", &R::strength, 0, 1},
      {"keepUnmasked", &R::keep_unmasked, 0, 1},
      {"maskCrop", &R::mask_crop, 0, kLargestSide},
      {"maskFill", &R::mask_fill, 0, 2, {"original", "neutral", "blur"}},
      {"maskFeather", &R::mask_feather, 0, 256},
      {"denoisingStart", &R::denoising_start, 0, 1},
      {"denoisingEnd", &R::denoising_end, 0, 1},
      {"clipSkip", &R::clip_skip, 0, 64},
      {"featureCache.every", &R::cache_every, 2, 10},
      {"featureCache.depth", &R::cache_depth, 1, 64},
      {"tokenMerging", &R::merge_ratio, 0, 0.75},
      {"variation.seed", &R::variation_seed, 0, kLargestInteger},
      {"variation.strength", &R::variation_strength, 0, 1},
      {"hires.scale", &R::hires_scale, 1, 4},
      {"hires.strength", &R::hires_strength, 0, 1},
      {"outpaint.left", &R::outpaint_left, 0, kLargestSide},
      {"outpaint.top", &R::outpaint_top, 0, kLargestSide},
      {"outpaint.right", &R::outpaint_right, 0, kLargestSide},
      {"outpaint.bottom", &R::outpaint_bottom, 0, kLargestSide},
      {"seamless", &R::seamless, 0, 2, {"x", "y", "both"}},
      {"width", &R::width, 16, kLargestSide},
      {"height", &R::height, 16, kLargestSide},
      {"originalSize.0", &R::original_width, 1, kLargestPhotograph},
      {"originalSize.1", &R::original_height, 1, kLargestPhotograph},
      {"targetSize.0", &R::target_width, 1, kLargestPhotograph},
      {"targetSize.1", &R::target_height, 1, kLargestPhotograph},
      {"cropOffset.0", &R::crop_left, 0, kLargestPhotograph},
      {"cropOffset.1", &R::crop_top, 0, kLargestPhotograph},
      {"aestheticScore", &R::aesthetic_score, 0, 10},
      {"negativeAestheticScore", &R::negative_aesthetic_score, 0, 10},
      {"output", &R::decode, 0, 1, {"latents", "image"}},
      {"preview.every", &R::preview_every, 1, 1000},
      {"preview.decoder", &R::linear_preview, 0, 1, {"vae", "linear"}},
      {"vaeTiling", &R::vae_tiling, 0, 2, {"auto", "on", "off"}},
      {"vaeTile", &R::vae_tile, 128, kLargestSide},
      {"memoryBudget", &R::memory_budget, 1, kLargestInteger},
      {"deadline", &R::deadline, 1, 2147483647},
      {"priority", &R::priority, -10, 10},
  };
  return fields;
}

}  // namespace ipa
