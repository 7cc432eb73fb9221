#include "pipeline/request_fields.h"

#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

namespace ipa {
namespace {

using R = GenerateRequest;

constexpr double kLargestSide = 4096, kLargestPhotograph = 65536;
constexpr double kLargestInteger = 9007199254740991.0;  // of JavaScript

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.16g", value);
  return text;
}

// The option itself, without the index of a pair.
std::string option_of(const RequestField& field) {
  std::string path = field.path;
  const size_t dot = path.find('.');
  const bool indexed = dot != std::string::npos && path[dot + 1] >= '0' && path[dot + 1] <= '9';
  return indexed ? path.substr(0, dot) + "[" + path.substr(dot + 1) + "]" : path;
}

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
      {"denoisingStart", &R::denoising_start, 0, 1},
      {"denoisingEnd", &R::denoising_end, 0, 1},
      {"clipSkip", &R::clip_skip, 0, 64},
      {"featureCache.every", &R::cache_every, 2, 10},
      {"featureCache.depth", &R::cache_depth, 1, 64},
      {"tokenMerging", &R::merge_ratio, 0, 0.75},
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
  };
  return fields;
}

bool RequestField::is_integer() const {
  return !std::holds_alternative<float R::*>(member) && !std::holds_alternative<double R::*>(member);
}

bool RequestField::holds(double value) const {
  return std::visit(
      [&](auto pointer) {
        using Type = std::remove_reference_t<decltype(std::declval<R&>().*pointer)>;
        if constexpr (std::is_same_v<Type, double>) return true;
        if constexpr (std::is_same_v<Type, float>)
          return !std::isfinite(value) || std::fabs(value) <= std::numeric_limits<float>::max();
        const bool is_small = std::is_same_v<Type, int>;
        const double most = is_small ? std::numeric_limits<int>::max() : kLargestInteger;
        const double least = std::is_unsigned_v<Type> ? 0 : -most;
        return value >= least && value <= most && value == std::floor(value);
      },
      member);
}

double RequestField::get(const GenerateRequest& request) const {
  return std::visit([&](auto pointer) { return static_cast<double>(request.*pointer); }, member);
}

void RequestField::set(GenerateRequest& request, double value) const {
  std::visit(
      [&](auto pointer) {
        using Type = std::remove_reference_t<decltype(request.*pointer)>;
        if constexpr (std::is_enum_v<Type>)
          request.*pointer = static_cast<Type>(static_cast<int>(value));
        else
          request.*pointer = static_cast<Type>(value);
      },
      member);
}

Status check_fields(const GenerateRequest& request) {
  const GenerateRequest usual;
  for (const RequestField& field : request_fields()) {
    const double value = field.get(request);
    if ((value >= field.least && value <= field.most) || value == field.get(usual)) continue;
    return Status::option(option_of(field),
                          std::string(field.is_integer() ? "expected an integer" : "expected a finite number") +
                              " between " + number_text(field.least) + " and " + number_text(field.most) +
                              " but received " + number_text(value));
  }
  return {};
}

}  // namespace ipa
