#include "image/canny.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace ipa {
namespace {

enum : uint8_t { no_edge, weak_edge, strong_edge };

struct GreyView {
  const uint8_t* data;
  int64_t width, height;
  const uint8_t* row(int64_t y) const { return data + std::clamp<int64_t>(y, 0, height - 1) * width; }
};

// Sobel's derivatives of a row and their size, with a zero on either side of the sizes.
struct SlopeRow {
  std::vector<int32_t> dx, dy, size;

  explicit SlopeRow(int64_t width)
      : dx(static_cast<size_t>(width)), dy(dx.size()), size(static_cast<size_t>(width) + 2) {}

  // Outside of the picture there is no slope.
  void read(const GreyView& grey, int64_t y) {
    if (y < 0 || y >= grey.height) return std::fill(size.begin(), size.end(), 0);
    const uint8_t *above = grey.row(y - 1), *here = grey.row(y), *below = grey.row(y + 1);
    for (int64_t x = 0; x < grey.width; ++x) {
      const int64_t left = std::max<int64_t>(x - 1, 0), right = std::min(x + 1, grey.width - 1);
      const int32_t across =
          (above[right] - above[left]) + 2 * (here[right] - here[left]) + (below[right] - below[left]);
      const int32_t down =
          (below[left] + 2 * below[x] + below[right]) - (above[left] + 2 * above[x] + above[right]);
      const auto at = static_cast<size_t>(x);
      dx[at] = across;
      dy[at] = down;
      size[at + 1] = std::abs(across) + std::abs(down);
    }
  }
};

// Whether the slope at `at` is the largest across the edge. The direction is one of four, told by the tangents of
// 22.5 and 67.5 degrees in 15 bits of fraction.
bool is_ridge(const SlopeRow& above, const SlopeRow& here, const SlopeRow& below, size_t at) {
  constexpr int32_t tangent = 13573;  // of 22.5 degrees; that of 67.5 is 2 more
  const int32_t size = here.size[at + 1];
  const int32_t x = std::abs(here.dx[at]), y = std::abs(here.dy[at]) << 15, low = x * tangent;
  if (y < low) return size > here.size[at] && size >= here.size[at + 2];
  if (y > low + (x << 16)) return size > above.size[at + 1] && size >= below.size[at + 1];
  const bool falling = (here.dx[at] ^ here.dy[at]) < 0;
  return size > above.size[falling ? at + 2 : at] && size > below.size[falling ? at : at + 2];
}

class EdgeMap {
 public:
  EdgeMap(int64_t width, int64_t height)
      : width_(width),
        height_(height),
        stride_(width + 2),
        marks_(static_cast<size_t>(stride_ * (height + 2))) {}

  void mark(int64_t x, int64_t y, bool strong) {
    const int64_t at = (y + 1) * stride_ + x + 1;
    marks_[static_cast<size_t>(at)] = strong ? strong_edge : weak_edge;
    if (strong) open_.push_back(at);
  }

  // Makes strong what touches a strong one. False when it was stopped.
  bool follow(StopFlag stop) {
    constexpr int64_t between_looks = 1 << 16;
    for (int64_t turn = 0; !open_.empty(); ++turn) {
      if (turn % between_looks == 0 && stopped(stop)) return false;
      const int64_t from = open_.back();
      open_.pop_back();
      for (const int64_t row : {from - stride_, from, from + stride_})
        for (int64_t at = row - 1; at <= row + 1; ++at) {
          uint8_t& mark = marks_[static_cast<size_t>(at)];
          if (mark != weak_edge) continue;
          mark = strong_edge;
          open_.push_back(at);
        }
    }
    return true;
  }

  std::vector<uint8_t> picture() const {
    std::vector<uint8_t> result(static_cast<size_t>(width_ * height_));
    for (int64_t y = 0; y < height_; ++y) {
      const uint8_t* marks = marks_.data() + (y + 1) * stride_ + 1;
      uint8_t* to = result.data() + y * width_;
      for (int64_t x = 0; x < width_; ++x) to[x] = marks[x] == strong_edge ? 255 : 0;
    }
    return result;
  }

 private:
  int64_t width_, height_, stride_;  // with a border that is no edge
  std::vector<uint8_t> marks_;
  std::vector<int64_t> open_;
};

}  // namespace

Result<std::vector<uint8_t>> canny(const std::vector<uint8_t>& grey, int64_t width, double low, double high,
                                   StopFlag stop) {
  const GreyView view{grey.data(), width, static_cast<int64_t>(grey.size()) / width};
  const auto least = static_cast<int32_t>(std::floor(std::min(low, high)));
  const auto strong = static_cast<int32_t>(std::floor(std::max(low, high)));
  EdgeMap edges(width, view.height);
  std::array<SlopeRow, 3> rows{SlopeRow(width), SlopeRow(width), SlopeRow(width)};
  const auto row = [&](int64_t y) -> SlopeRow& { return rows[static_cast<size_t>(y + 1) % 3]; };
  row(-1).read(view, -1);
  row(0).read(view, 0);
  for (int64_t y = 0; y < view.height; ++y) {
    if (stopped(stop)) return Status(Code::cancelled, "the edges were cancelled");
    row(y + 1).read(view, y + 1);
    const SlopeRow& here = row(y);
    for (int64_t x = 0; x < width; ++x) {
      const auto at = static_cast<size_t>(x);
      if (here.size[at + 1] > least && is_ridge(row(y - 1), here, row(y + 1), at))
        edges.mark(x, y, here.size[at + 1] > strong);
    }
  }
  if (!edges.follow(stop)) return Status(Code::cancelled, "the edges were cancelled");
  return edges.picture();
}

}  // namespace ipa
