#include "image/preprocess.h"

#include <algorithm>
#include <new>
#include <utility>

#include "image/area_shrink.h"
#include "image/canny.h"
#include "image/gaussian.h"
#include "image/grey.h"
#include "image/resample.h"
#include "image/scribble.h"

namespace ipa {
namespace {

bool within(double value, double least, double most) { return value >= least && value <= most; }

Status check(const RgbView& picture, const Preprocess& how) {
  constexpr int64_t largest = 65536;
  if (std::min(picture.width, picture.height) < 1 || std::max(picture.width, picture.height) > largest)
    return Status(Code::limit, "a picture's sides must be 1 to 65536 pixels");
  if (!within(how.low, 0, 2040) || !within(how.high, 0, 2040) || !within(how.sigma, 0.1, 64) ||
      !within(how.factor, 1, 64) || !within(how.threshold, 1, 510))
    return Status(Code::limit, "a preprocessor's number is out of its range");
  return {};
}

std::vector<uint8_t> inverted(const RgbView& picture) {
  std::vector<uint8_t> result(picture.data, picture.data + 3 * picture.pixels());
  for (uint8_t& value : result) value = static_cast<uint8_t>(255 - value);
  return result;
}

Result<std::vector<uint8_t>> tile(const RgbView& picture, double factor) {
  const auto shrunk = [&](int64_t side) {
    return std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(side) / factor));
  };
  const int64_t width = shrunk(picture.width), height = shrunk(picture.height);
  const std::vector<uint8_t> small = area_shrink(picture, width, height);
  return resize_picture(small.data(), width, height, picture.width, picture.height, Filter::lanczos);
}

Result<std::vector<uint8_t>> run(const RgbView& picture, const Preprocess& how, StopFlag stop) {
  switch (how.what) {
    case Preprocessor::canny: {
      const std::vector<uint8_t> grey = to_grey(picture.data, picture.pixels(), GreyRule::opencv);
      IPA_ASSIGN(const std::vector<uint8_t> edges, canny(grey, picture.width, how.low, how.high, stop));
      return grey_to_rgb(edges);
    }
    case Preprocessor::invert: return inverted(picture);
    case Preprocessor::blur: return gaussian_blur(picture, how.sigma, stop);
    case Preprocessor::tile: return tile(picture, how.factor);
    case Preprocessor::scribble: {
      IPA_ASSIGN(const std::vector<uint8_t> lines, scribble(picture, how.threshold, stop));
      return grey_to_rgb(lines);
    }
    case Preprocessor::grey: return grey_to_rgb(to_grey(picture.data, picture.pixels(), GreyRule::pillow));
  }
  return Status(Code::internal, "not a preprocessor");
}

}  // namespace

std::optional<Preprocessor> preprocessor_of(std::string_view name) {
  for (const auto& [known, what] :
       {std::pair{"canny", Preprocessor::canny}, std::pair{"invert", Preprocessor::invert},
        std::pair{"blur", Preprocessor::blur}, std::pair{"tile", Preprocessor::tile},
        std::pair{"scribble", Preprocessor::scribble}, std::pair{"grey", Preprocessor::grey}})
    if (name == known) return what;
  return std::nullopt;
}

Result<std::vector<uint8_t>> preprocess(const RgbView& picture, const Preprocess& how, StopFlag stop) {
  IPA_TRY(check(picture, how));
  try {
    return run(picture, how, stop);
  } catch (const std::bad_alloc&) {
    return Status(Code::no_memory, "out of memory while preprocessing a picture");
  }
}

}  // namespace ipa
