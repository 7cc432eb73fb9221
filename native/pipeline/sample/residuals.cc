#include "pipeline/sample/residuals.h"

#include <algorithm>
#include <array>
#include <utility>

namespace ipa {
namespace {

// Floats that are read and written at a time.
constexpr size_t block = 4096;

template <class Change>
void for_blocks(size_t floats, Change change) {
  for (size_t at = 0; at < floats; at += block) change(at * sizeof(float), std::min(block, floats - at));
}

size_t item_bytes(const Shape& shape) { return static_cast<size_t>(shape.elements()) * sizeof(float); }

}  // namespace

Residuals::Residuals(const MemorySpace& space, std::vector<Shape> shapes, int64_t batch)
    : space_(&space), shapes_(std::move(shapes)) {
  for (const Shape& shape : shapes_) {
    places_.push_back(bytes_);
    const size_t bytes = item_bytes(shape) * static_cast<size_t>(batch);
    bytes_ += (bytes + space.alignment() - 1) / space.alignment() * space.alignment();
  }
}

Status Residuals::take(Workspace& workspace) {
  if (!bytes_) return {};
  held_ = std::make_unique<Held>(workspace, bytes_);
  memory_ = Memory(*space_, bytes_);
  if (!memory_) return space_->no_memory(bytes_, "out of memory for what controls add to the UNet");
  clear();
  return {};
}

BoundView Residuals::items(size_t i, int64_t first, int64_t count) const {
  const size_t each = item_bytes(shapes_[i]);
  return memory_.view().part(places_[i] + static_cast<size_t>(first) * each, static_cast<size_t>(count) * each);
}

void scale_into(const BoundView& from, float factor, bool add, const BoundView& to) {
  if (!add && factor == 1.0f && from.same_place(to)) return;
  std::array<float, block> values, sums;
  for_blocks(to.bytes() / sizeof(float), [&](size_t at, size_t count) {
    from.read(at, values.data(), count * sizeof(float));
    if (add) to.read(at, sums.data(), count * sizeof(float));
    for (size_t i = 0; i < count; ++i) values[i] = (add ? sums[i] : 0.0f) + factor * values[i];
    to.write(at, values.data(), count * sizeof(float));
  });
}

void pool_pixels(const BoundView& item, const Shape& shape, float factor) {
  const auto channels = static_cast<size_t>(shape.c), row = channels * sizeof(float);
  const auto pixels = static_cast<size_t>(shape.rows_per_item());
  std::vector<float> values(channels);
  std::vector<double> sums(channels);
  for (size_t p = 0; p < pixels; ++p) {
    item.read(p * row, values.data(), row);
    for (size_t c = 0; c < channels; ++c) sums[c] += static_cast<double>(factor * values[c]);
  }
  for (size_t c = 0; c < channels; ++c) values[c] = static_cast<float>(sums[c] / static_cast<double>(pixels));
  for (size_t p = 0; p < pixels; ++p) item.write(p * row, values.data(), row);
}

}  // namespace ipa
