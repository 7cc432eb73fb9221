#include "image/region.h"

#include <algorithm>

#include "image/resample.h"

namespace ipa {
namespace {

// Widens [from, to) by `more`, half on each side, and moves it inside [0, limit).
void widen_side(int64_t& from, int64_t& to, int64_t more, int64_t limit) {
  const int64_t before = more / 2;
  from -= before;
  to += more - before;
  if (to >= limit) {
    from -= to - limit;
    to = limit;
  }
  if (from < 0) {
    to -= from;
    from = 0;
  }
  to = std::min(to, limit);
}

// Copies `from` into `to` with its upper left corner at (x, y); what lies outside is left out.
void paste_at(const std::vector<uint8_t>& from, Size from_size, std::vector<uint8_t>& to, Size to_size,
              int64_t x, int64_t y) {
  const int64_t first = std::max<int64_t>(0, -x), last = std::min(from_size.width, to_size.width - x);
  if (first >= last) return;
  for (int64_t row = std::max<int64_t>(0, -y); row < std::min(from_size.height, to_size.height - y); ++row)
    std::copy_n(from.begin() + 3 * (row * from_size.width + first), 3 * (last - first),
                to.begin() + 3 * ((row + y) * to_size.width + x + first));
}

// What Pillow's bicubic resize makes of a box without extent at the edge: nine eighths of the pixel there
// less an eighth of the one beside it.
uint8_t beyond_edge(int edge, int beside) {
  return static_cast<uint8_t>(std::clamp((9 * edge - beside + 4) >> 3, 0, 255));
}

struct Fitted {
  Size size;
  int64_t x = 0, y = 0;  // where it lies in the target
};

// The largest size within the target, or the smallest around it.
Fitted fit_within(Size size, Size target, bool around) {
  const double ratio = static_cast<double>(target.width) / static_cast<double>(target.height);
  const double own = static_cast<double>(size.width) / static_cast<double>(size.height);
  const bool full_width = around ? ratio > own : ratio < own;
  const bool full_height = around ? ratio <= own : ratio >= own;
  Fitted fitted;
  fitted.size.width = full_width ? target.width : size.width * target.height / size.height;
  fitted.size.height = full_height ? target.height : size.height * target.width / size.width;
  fitted.x = target.width / 2 - fitted.size.width / 2;
  fitted.y = target.height / 2 - fitted.size.height / 2;
  return fitted;
}

Result<std::vector<uint8_t>> resize_to(const std::vector<uint8_t>& rgb, Size size, Size target) {
  return resize_picture(rgb.data(), size.width, size.height, target.width, target.height, Filter::lanczos);
}

// The rows above and below, or the columns beside, that `fitted` leaves free.
void fill_edges(std::vector<uint8_t>& to, Size target, const Fitted& fitted) {
  const bool rows = fitted.y > 0;
  const int64_t along = rows ? target.width : target.height,
                across = rows ? fitted.size.height : fitted.size.width;
  const int64_t free = rows ? fitted.y : fitted.x, end = rows ? target.height : target.width;
  const int64_t step = 3 * (rows ? target.width : 1), line = 3 * (rows ? 1 : target.width);
  const auto fill = [&](int64_t from, int64_t count, int64_t edge, int64_t beside) {
    for (int64_t i = from; i < std::min(from + count, end); ++i)
      for (int64_t j = 0; j < along; ++j)
        for (int64_t c = 0; c < 3; ++c) {
          const auto at = [&](int64_t k) { return static_cast<size_t>(k * step + j * line + c); };
          to[at(i)] = beyond_edge(to[at(edge)], to[at(beside)]);
        }
  };
  const int64_t beside = across > 1 ? 1 : 0;
  fill(0, free, free, free + beside);
  fill(free + across, free, free + across - 1, free + across - 1 - beside);
}

}  // namespace

std::optional<Region> mask_region(const std::vector<uint8_t>& grey, Size size, Size target, int64_t padding) {
  Region box{size.width, size.height, 0, 0};
  for (int64_t y = 0; y < size.height; ++y)
    for (int64_t x = 0; x < size.width; ++x) {
      if (!grey[static_cast<size_t>(y * size.width + x)]) continue;
      box.left = std::min(box.left, x);
      box.right = std::max(box.right, x + 1);
      box.top = std::min(box.top, y);
      box.bottom = y + 1;
    }
  if (box.width() <= 0) return std::nullopt;
  box.left = std::max<int64_t>(box.left - padding, 0);
  box.top = std::max<int64_t>(box.top - padding, 0);
  box.right = std::min(box.right + padding, size.width);
  box.bottom = std::min(box.bottom + padding, size.height);
  const double shape = static_cast<double>(target.width) / static_cast<double>(target.height);
  const auto width = static_cast<double>(box.width()), height = static_cast<double>(box.height());
  if (width / height > shape)
    widen_side(box.top, box.bottom, static_cast<int64_t>(width / shape - height), size.height);
  else
    widen_side(box.left, box.right, static_cast<int64_t>(height * shape - width), size.width);
  return box;
}

std::vector<uint8_t> crop_picture(const std::vector<uint8_t>& rgb, Size size, const Region& region) {
  std::vector<uint8_t> part;
  part.reserve(static_cast<size_t>(3 * region.width() * region.height()));
  for (int64_t y = region.top; y < region.bottom; ++y) {
    const auto row = rgb.begin() + 3 * (y * size.width + region.left);
    part.insert(part.end(), row, row + 3 * region.width());
  }
  return part;
}

Result<std::vector<uint8_t>> resize_and_fill(const std::vector<uint8_t>& rgb, Size size, Size target) {
  const Fitted fitted = fit_within(size, target, false);
  if (fitted.size.width < 1 || fitted.size.height < 1)
    return Status(Code::invalid_option, "a region this narrow cannot be fitted into the picture");
  IPA_ASSIGN(const std::vector<uint8_t> resized, resize_to(rgb, size, fitted.size));
  std::vector<uint8_t> result(static_cast<size_t>(3 * target.width * target.height));
  paste_at(resized, fitted.size, result, target, fitted.x, fitted.y);
  if (fitted.x > 0 || fitted.y > 0) fill_edges(result, target, fitted);
  return result;
}

Result<std::vector<uint8_t>> resize_and_cut(const std::vector<uint8_t>& rgb, Size size, Size target) {
  const Fitted fitted = fit_within(size, target, true);
  IPA_ASSIGN(const std::vector<uint8_t> resized, resize_to(rgb, size, fitted.size));
  std::vector<uint8_t> result(static_cast<size_t>(3 * target.width * target.height));
  paste_at(resized, fitted.size, result, target, fitted.x, fitted.y);
  return result;
}

}  // namespace ipa
