#include "pipeline/decode/tiled_decoder.h"

#include <algorithm>

namespace ipa {
namespace {

// Of a place on a side whose ends meet, at most one side away.
int64_t around(int64_t place, int64_t side) { return (place + side) % side; }

// What the step of the most numbers reads and writes.
int64_t largest_step(const Graph& graph) {
  int64_t most = 0;
  for (const Node& node : graph.nodes()) {
    int64_t numbers = node.shape.elements();
    for (const Value& input : node.inputs)
      if (input.valid()) numbers += graph.shape(input).elements();
    most = std::max(most, numbers);
  }
  return most;
}

}  // namespace

// The deepest cut that takes little more memory than the best one: the more of the decoder runs over the whole
// picture, the closer the result is to that of the whole decoder, and the less of the tiles overlaps. Memory is counted in
// numbers of activations, which are the same on every device: the cut decides about the picture.
Result<std::unique_ptr<Decoder>> TiledDecoder::plan(const ModelSet& models, int64_t height, int64_t width,
                                                    int64_t tile, Wrap wrap) {
  constexpr double worth = 1.25;
  std::vector<std::unique_ptr<TiledDecoder>> cuts;
  std::vector<double> numbers;
  for (int blocks = 0; blocks <= models.vae->network.last_cut(); ++blocks) {
    std::unique_ptr<TiledDecoder> cut(new TiledDecoder(models.vae->config(), height, width, wrap));
    IPA_TRY(cut->build(models, blocks, tile));
    numbers.push_back(static_cast<double>(cut->working_numbers()));
    cuts.push_back(std::move(cut));
  }
  const double most = worth * *std::min_element(numbers.begin(), numbers.end());
  size_t chosen = cuts.size() - 1;
  while (numbers[chosen] > most) --chosen;
  return std::unique_ptr<Decoder>(std::move(cuts[chosen]));
}

Status TiledDecoder::build(const ModelSet& models, int blocks, int64_t tile) {
  const LoadedNetwork<Vae>& loaded = *models.vae;
  const Vae& vae = loaded.network;
  scale_ = vae.tail_scale(blocks);
  {
    Graph graph(&loaded.params);
    graph.set_wrap(wrap_);
    head_in_ = graph.input({1, height_, width_, config_.latent_channels});
    head_out_ = vae.decode_head(graph, head_in_, blocks);
    features_ = graph.shape(head_out_);
    graph.output(head_out_);
    IPA_ASSIGN(head_, Program::plan(std::move(graph), models.backend(Part::vae)));
  }
  const int64_t side = std::max<int64_t>(1, tile / scale_);
  window_ = {1, std::min(side, features_.h), std::min(side, features_.w), features_.c};
  rows_ = place_tiles(features_.h, window_.h, vae.tail_reach(blocks), wrap_.y);
  columns_ = place_tiles(features_.w, window_.w, vae.tail_reach(blocks), wrap_.x);
  {
    Graph graph(&loaded.params);
    graph.set_wrap(wrap_);
    statistics_in_ = graph.input(window_);
    graph.set_norm_statistics(NormStatistics::recorded);
    vae.decode_tail(graph, statistics_in_, blocks);
    recorded_ = graph.norm_statistics();
    IPA_ASSIGN(statistics_, Program::plan(std::move(graph), models.backend(Part::vae)));
  }
  Graph graph(&loaded.params);
  // The edges of a window that is a part of a side do not meet; what they spoil is not kept.
  graph.set_wrap({wrap_.x && window_.w == features_.w, wrap_.y && window_.h == features_.h});
  tail_in_ = graph.input(window_);
  graph.set_norm_statistics(NormStatistics::given);
  tail_out_ = vae.decode_tail(graph, tail_in_, blocks);
  graph.output(tail_out_);
  given_ = graph.norm_statistics();
  std::vector<Value> external = given_;
  external.push_back(tail_in_);
  IPA_ASSIGN(tail_, Program::plan(std::move(graph), models.backend(Part::vae), external));
  return {};
}

int64_t TiledDecoder::working_numbers() const {
  const auto largest = [](const Program& program) { return largest_step(program.plan().graph()); };
  return std::max(largest(*head_), features_.elements() + std::max(largest(*statistics_), largest(*tail_)));
}

void TiledDecoder::count(MemoryCount& memory) const {
  for (const auto* program : {&head_, &statistics_, &tail_}) memory.staying(**program);
}

Status TiledDecoder::prepare(Workspace& workspace) {
  IPA_TRY(head_->prepare(workspace));
  IPA_TRY(statistics_->prepare(workspace));
  // The tiles read from where the statistics were left, and share that run's input.
  for (size_t i = 0; i < recorded_.size(); ++i) tail_->bind(given_[i], statistics_->view(recorded_[i]));
  tail_->bind(tail_in_, statistics_->view(statistics_in_));
  return tail_->prepare(workspace);
}

// Single features rather than averages: averages vary less than what the norms will see.
void TiledDecoder::thin_out() {
  const BoundView from = head_->view(head_out_), to = statistics_->view(statistics_in_);
  const size_t bytes = static_cast<size_t>(features_.c) * sizeof(float);
  for (int64_t y = 0; y < window_.h; ++y)
    for (int64_t x = 0; x < window_.w; ++x) {
      const int64_t from_y = (2 * y + 1) * features_.h / (2 * window_.h);
      const int64_t from_x = (2 * x + 1) * features_.w / (2 * window_.w);
      to.copy(place_in_window(y, x) * sizeof(float), from.part(place(from_y, from_x) * sizeof(float), bytes));
    }
}

void TiledDecoder::fill_window(const Tile& row, const Tile& column) {
  const BoundView from = head_->view(head_out_), to = tail_->view(tail_in_);
  for (int64_t y = 0; y < window_.h; ++y)
    for (int64_t x = 0, run = 0; x < window_.w; x += run) {
      const int64_t from_y = around(row.window + y, features_.h),
                    from_x = around(column.window + x, features_.w);
      run = std::min(window_.w - x, features_.w - from_x);
      const size_t bytes = static_cast<size_t>(run * features_.c) * sizeof(float);
      to.copy(place_in_window(y, x) * sizeof(float), from.part(place(from_y, from_x) * sizeof(float), bytes));
    }
}

// Writes the kept part of the tile into the whole picture; all of the tile must be finite.
Status TiledDecoder::read_tile(const Tile& row, const Tile& column, uint8_t* rgb) {
  const auto line = static_cast<size_t>(3 * window_.w * scale_);
  const int64_t width = features_.w * scale_;
  std::vector<uint8_t> pixels(line);
  for (int64_t y = row.window * scale_; y < (row.window + window_.h) * scale_; ++y) {
    const auto in_window = static_cast<size_t>(y - row.window * scale_);
    IPA_TRY(read_pixels(*tail_, tail_out_, in_window * line, line, pixels.data()));
    if (y < row.first * scale_ || y >= row.last * scale_) continue;
    std::copy_n(pixels.data() + 3 * (column.first - column.window) * scale_,
                3 * (column.last - column.first) * scale_, rgb + 3 * (y * width + column.first * scale_));
  }
  return {};
}

Result<std::vector<uint8_t>> TiledDecoder::decode(const float* latents, const TileFunction& on_tile,
                                                  const CancelFlag* cancel) {
  IPA_TRY(head_->set(head_in_, unscale_latents(config_, latents, height_ * width_)));
  IPA_TRY(head_->run(cancel));
  thin_out();
  IPA_TRY(statistics_->run(cancel));

  std::vector<uint8_t> rgb(static_cast<size_t>(3 * features_.h * scale_ * features_.w * scale_));
  const int tiles = static_cast<int>(rows_.size() * columns_.size());
  int done = 0;
  for (const Tile& row : rows_)
    for (const Tile& column : columns_) {
      fill_window(row, column);
      IPA_TRY(tail_->run(cancel));
      IPA_TRY(read_tile(row, column, rgb.data()));
      if (on_tile) on_tile(++done, tiles);
    }
  return rgb;
}

}  // namespace ipa
