#include "pipeline/condition/outpaint.h"

#include <algorithm>
#include <string>
#include <utility>

#include "pipeline/held_bytes.h"

namespace ipa {
namespace {

// Of the larger picture's columns or rows, the one of the picture that stands there.
int64_t nearest_place(int64_t place, int64_t margin, int64_t side) {
  return std::clamp<int64_t>(place - margin, 0, side - 1);
}

bool is_own(int64_t place, int64_t margin, int64_t side) { return place >= margin && place < margin + side; }

// The pixels of both: the picture with its outermost ones repeated, and white where it has none.
void paint(const Picture& image, int64_t left, int64_t top, Picture& larger, Picture& mask) {
  larger.rgb.reserve(larger.bytes());
  mask.rgb.reserve(mask.bytes());
  for (int64_t y = 0; y < larger.height; ++y) {
    const uint8_t* row = image.rgb.data() + 3 * image.width * nearest_place(y, top, image.height);
    for (int64_t x = 0; x < larger.width; ++x) {
      const uint8_t* pixel = row + 3 * nearest_place(x, left, image.width);
      larger.rgb.insert(larger.rgb.end(), pixel, pixel + 3);
      const bool own = is_own(y, top, image.height) && is_own(x, left, image.width);
      mask.rgb.insert(mask.rgb.end(), 3, static_cast<uint8_t>(own ? 0 : 255));
    }
  }
}

}  // namespace

bool has_margins(const GenerateRequest& request) {
  return request.outpaint_left || request.outpaint_top || request.outpaint_right || request.outpaint_bottom;
}

Result<GenerateRequest> with_margins(const GenerateRequest& request) {
  if (!request.image) return Status::option("outpaint", "it says how far image grows: add image");
  if (request.mask || request.mask_crop >= 0)
    return Status::option("outpaint", "it makes a mask of its own: leave mask and maskCrop out");
  const Picture& image = *request.image;
  if (!image.is_whole()) return Status::option("image", "expected 3 * width * height bytes");
  // The sides are multiples of what a latent covers: the margins on the right and below take what is left.
  const int64_t width = request.width, height = request.height;
  const int64_t left = request.outpaint_left, top = request.outpaint_top;
  if (left + image.width > width || top + image.height > height)
    return Status::option("outpaint", "the picture and its margins do not fit into width and height");
  Picture larger{{}, width, height}, mask{{}, width, height};
  if (!image.rgb.empty()) paint(image, left, top, larger, mask);
  GenerateRequest extended = request;
  extended.outpaint_left = extended.outpaint_top = extended.outpaint_right = extended.outpaint_bottom = 0;
  extended.bytes_beside += held_bytes(request);
  extended.image = std::move(larger);
  extended.mask = std::move(mask);
  return extended;
}

Status of_margins(const Status& error) {
  const std::string& option = error.option();
  if (option == "mask")
    return Status::option("outpaint",
                          "its margins are narrower than the squares that the model paints, so nothing "
                          "would be: use wider ones, or a picture whose sides are multiples of those");
  if (option != "width" && option != "height") return error;
  return Status::option("outpaint", "the picture and its margins have a " + error.text());
}

}  // namespace ipa
