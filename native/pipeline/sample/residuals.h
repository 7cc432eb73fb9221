// What is added to a UNet's skip connections and middle in a step:
// memory that programs of controls write and those of the UNet read.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/memory.h"
#include "graph/shape.h"
#include "graph/workspace.h"
#include "pipeline/memory_count.h"

namespace ipa {

class Residuals {
 public:
  Residuals() = default;
  // In `space`, of `batch` items; `shapes` are of one item.
  Residuals(const MemorySpace& space, std::vector<Shape> shapes, int64_t batch);

  size_t count() const { return shapes_.size(); }
  // Of one item.
  const Shape& shape(size_t i) const { return shapes_[i]; }
  size_t bytes() const { return bytes_; }
  void count(MemoryCount& memory) const {
    if (bytes_) memory.staying(bytes_, *space_);
  }
  // Takes the memory, which is zeros then. no_memory.
  Status take(Workspace& workspace);
  // Of `count` items from `first` on.
  BoundView items(size_t i, int64_t first, int64_t count) const;
  void clear() const { memory_.view().fill_with_zeros(); }

 private:
  const MemorySpace* space_ = nullptr;
  std::vector<Shape> shapes_;
  std::vector<size_t> places_;
  size_t bytes_ = 0;
  Memory memory_;
  std::unique_ptr<Held> held_;
};

// What the controls of a call add to the UNet.
struct Additions {
  Residuals
      skips;  // ControlNet: to the skip connections, the outermost first, and to the middle, for each item
  Residuals levels;  // T2I-Adapter: to what each level hands down, and to the middle; the same for all items
};

// `to` becomes `factor` times `from`, with `add` that and itself. Both have floats, and may be the same.
void scale_into(const BoundView& from, float factor, bool add, const BoundView& to);
// Every pixel of an item of this shape becomes the mean of `factor` times all of them.
void pool_pixels(const BoundView& item, const Shape& shape, float factor);

}  // namespace ipa
