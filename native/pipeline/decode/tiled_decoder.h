// The VAE decoder in tiles, for pictures whose decoding would not fit in memory.
//
// Tiles decoded on their own do not fit together: the mid block's attention and every group norm see another
// picture in each. So the head of the decoder, up to where it is still small, runs once over all latents. The
// group norms of the rest take their statistics from one run over the features thinned out to the size of a
// tile, the same for all tiles. What is left are convolutions, and tiles overlap by as much as those reach:
// where two of them meet, both give the same values. Where the picture wraps, tiles reach over its edge.
#pragma once

#include "pipeline/decode/decoder.h"
#include "pipeline/decode/tiles.h"
#include "pipeline/load/model_set.h"

namespace ipa {

class TiledDecoder : public Decoder {
 public:
  // `tile` is less than the picture's longer side.
  static Result<std::unique_ptr<Decoder>> plan(const ModelSet& models, int64_t height, int64_t width,
                                               int64_t tile, Wrap wrap);
  void count(MemoryCount& memory) const override;
  // Activations that are held at once, about.
  int64_t working_numbers() const;
  Status prepare(Workspace& workspace) override;
  Result<std::vector<uint8_t>> decode(const float* latents, const TileFunction& on_tile,
                                      const CancelFlag* cancel) override;

 private:
  TiledDecoder(const VaeConfig& config, int64_t height, int64_t width, Wrap wrap)
      : config_(config), height_(height), width_(width), wrap_(wrap) {}
  Status build(const ModelSet& models, int blocks, int64_t tile);
  void thin_out();
  void fill_window(const Tile& row, const Tile& column);
  Status read_tile(const Tile& row, const Tile& column, uint8_t* rgb);
  // Of a feature at this place of the head's output, and of a window.
  size_t place(int64_t y, int64_t x) const { return static_cast<size_t>((y * features_.w + x) * features_.c); }
  size_t place_in_window(int64_t y, int64_t x) const {
    return static_cast<size_t>((y * window_.w + x) * features_.c);
  }

  const VaeConfig& config_;
  int64_t height_, width_;  // latents
  Wrap wrap_;
  Shape features_, window_;  // of the head's output, and what a tile sees of it
  int64_t scale_ = 1;        // pixels a feature
  std::vector<Tile> rows_, columns_;
  std::unique_ptr<Program> head_, statistics_, tail_;
  Value head_in_, head_out_, statistics_in_, tail_in_, tail_out_;
  std::vector<Value> recorded_, given_;  // statistics, as outputs and as inputs
};

}  // namespace ipa
