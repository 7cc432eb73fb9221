#include "pipeline/decode/tiled_decoder.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace ipa {

// The deepest cut that takes little more memory than the best one: the more of the decoder runs over the whole
// picture, the closer the result is to that of the whole decoder, and the less of the tiles overlaps.
Result<std::unique_ptr<Decoder>> TiledDecoder::make(const Call& call, int64_t height, int64_t width,
                                                    int64_t tile) {
  constexpr double worth = 1.25;
  const LoadedNetwork<Vae>& vae = *call.models.vae;
  const VaeConfig& config = vae.config();
  std::vector<double> bytes;
  for (int blocks = 0; blocks <= vae.network.last_cut(); ++blocks) {
    Workspace dry(true);
    TiledDecoder probe(config, height, width);
    IPA_TRY(probe.build(call.models, blocks, tile, dry));
    bytes.push_back(static_cast<double>(dry.peak()));
  }
  const double most = worth * *std::min_element(bytes.begin(), bytes.end());
  int blocks = vae.network.last_cut();
  while (bytes[static_cast<size_t>(blocks)] > most) --blocks;
  std::unique_ptr<TiledDecoder> self(new TiledDecoder(config, height, width));
  IPA_TRY(self->build(call.models, blocks, tile, call.workspace));
  return std::unique_ptr<Decoder>(std::move(self));
}

Status TiledDecoder::build(const ModelSet& models, int blocks, int64_t tile, Workspace& workspace) {
  const Vae& vae = models.vae->network;
  scale_ = vae.tail_scale(blocks);
  {
    Graph graph(&models.vae->params);
    head_in_ = graph.input({1, height_, width_, config_.latent_channels});
    head_out_ = vae.decode_head(graph, head_in_, blocks);
    features_ = graph.shape(head_out_);
    graph.output(head_out_);
    IPA_ASSIGN(head_, Program::make(std::move(graph), models.backend(), {}, &workspace));
  }
  const int64_t side = std::max<int64_t>(1, tile / scale_);
  window_ = {1, std::min(side, features_.h), std::min(side, features_.w), features_.c};
  rows_ = place_tiles(features_.h, window_.h, vae.tail_reach(blocks));
  columns_ = place_tiles(features_.w, window_.w, vae.tail_reach(blocks));

  std::vector<Value> recorded;
  {
    Graph graph(&models.vae->params);
    statistics_in_ = graph.input(window_);
    graph.set_norm_statistics(NormStatistics::recorded);
    vae.decode_tail(graph, statistics_in_, blocks);
    recorded = graph.norm_statistics();
    IPA_ASSIGN(statistics_, Program::make(std::move(graph), models.backend(), {}, &workspace));
  }
  Graph graph(&models.vae->params);
  tail_in_ = graph.input(window_);
  graph.set_norm_statistics(NormStatistics::given);
  tail_out_ = vae.decode_tail(graph, tail_in_, blocks);
  graph.output(tail_out_);
  // The tiles read from where the statistics were left, and share that run's input.
  std::vector<Value> external = graph.norm_statistics();
  external.push_back(tail_in_);
  IPA_ASSIGN(tail_, Program::make(std::move(graph), models.backend(), external, &workspace));
  for (size_t i = 0; i < recorded.size(); ++i) tail_->bind(external[i], statistics_->floats(recorded[i]));
  tail_->bind(tail_in_, statistics_->floats(statistics_in_));
  IPA_TRY(head_->prepare());
  IPA_TRY(statistics_->prepare());
  return tail_->prepare();
}

// Single features rather than averages: averages vary less than what the norms will see.
void TiledDecoder::thin_out(const float* features) {
  float* to = statistics_->floats(statistics_in_);
  for (int64_t y = 0; y < window_.h; ++y)
    for (int64_t x = 0; x < window_.w; ++x) {
      const int64_t from_y = (2 * y + 1) * features_.h / (2 * window_.h);
      const int64_t from_x = (2 * x + 1) * features_.w / (2 * window_.w);
      std::memcpy(to + (y * window_.w + x) * features_.c,
                  features + (from_y * features_.w + from_x) * features_.c,
                  static_cast<size_t>(features_.c) * sizeof(float));
    }
}

Result<std::vector<uint8_t>> TiledDecoder::decode(const float* latents, const TileFunction& on_tile,
                                                  const CancelFlag* cancel) {
  unscale_latents(config_, latents, height_ * width_, head_->floats(head_in_));
  IPA_TRY(head_->run(cancel));
  const float* features = head_->floats(head_out_);
  thin_out(features);
  IPA_TRY(statistics_->run(cancel));

  const int64_t width = features_.w * scale_;
  std::vector<uint8_t> rgb(static_cast<size_t>(3 * features_.h * scale_ * width));
  float* in = tail_->floats(tail_in_);
  const float* out = tail_->floats(tail_out_);
  const int tiles = static_cast<int>(rows_.size() * columns_.size());
  int done = 0;
  for (const Tile& row : rows_)
    for (const Tile& column : columns_) {
      for (int64_t y = 0; y < window_.h; ++y)
        std::memcpy(in + y * window_.w * features_.c,
                    features + ((row.window + y) * features_.w + column.window) * features_.c,
                    static_cast<size_t>(window_.w * features_.c) * sizeof(float));
      IPA_TRY(tail_->run(cancel));
      IPA_TRY(check_pixels(out, 3 * window_.h * window_.w * scale_ * scale_));
      for (int64_t y = row.first * scale_; y < row.last * scale_; ++y) {
        const int64_t window_y = y - row.window * scale_;
        const int64_t window_x = (column.first - column.window) * scale_;
        round_pixels(out + 3 * (window_y * window_.w * scale_ + window_x),
                     3 * (column.last - column.first) * scale_,
                     rgb.data() + 3 * (y * width + column.first * scale_));
      }
      if (on_tile) on_tile(++done, tiles);
    }
  return rgb;
}

}  // namespace ipa
