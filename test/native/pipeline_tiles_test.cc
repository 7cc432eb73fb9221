// Decoding in tiles: where tiles lie, that they meet without a seam, and how a tiled generation behaves.
#include <algorithm>

#include "golden_pipeline.h"
#include "harness.h"
#include "models/vae.h"
#include "pipeline/decode/tiles.h"
#include "pipeline/load/load_params.h"
#include "random.h"
#include "weights/formats/sharded.h"
#include "weights/names/dialects.h"

namespace {

using ipa::Code;
using ipa::GenerateRequest;
using ipa::Graph;
using ipa::NormStatistics;
using ipa::Program;
using ipa::Shape;
using ipa::Value;

// The VAE of a golden folder, filled.
struct FilledVae {
  std::unique_ptr<ipa::Vae> vae;
  ipa::ParamSet params;

  explicit FilledVae(const std::string& name) {
    const ipa_test::GoldenFolder folder(name);
    const std::string path = folder.path("vae");
    const auto config = ipa::VaeConfig::parse(ipa_test::read_json_file(path + "/config.json"), path);
    CHECK_OK(config.status());
    vae = std::make_unique<ipa::Vae>(config.value());
    Graph graph(&params);
    vae->decode(graph, graph.input({1, 4, 4, vae->config().latent_channels}));
    auto source = ipa::open_model_weights(path, ipa::diffusers_stem);
    CHECK_OK(source.status());
    source = ipa::with_vae_names(source.take());
    CHECK_OK(source.status());
    CHECK_OK(ipa::load_params(params, *source.value(), "the VAE", {ipa_test::golden_backend(), 2}));
  }
  std::unique_ptr<Program> program(Graph graph) {
    auto made = Program::make(std::move(graph), ipa_test::golden_backend());
    CHECK_OK(made.status());
    std::unique_ptr<Program> program = made.take();
    CHECK_OK(program->prepare());
    return program;
  }
};

std::vector<float> values_of(Program& program, Value value) {
  const float* values = program.floats(value);
  return std::vector<float>(values, values + program.shape(value).elements());
}

// The part of `picture` that a window of `shape` at (y, x) sees; it goes on above and below itself.
std::vector<float> crop(const std::vector<float>& picture, const Shape& whole, const Shape& shape, int64_t y,
                        int64_t x) {
  std::vector<float> part;
  for (int64_t row = y; row < y + shape.h; ++row) {
    const auto from = picture.begin() + ((row + whole.h) % whole.h * whole.w + x) * whole.c;
    part.insert(part.end(), from, from + shape.w * shape.c);
  }
  return part;
}

void check_cut(FilledVae& filled, int blocks, ipa::Wrap wrap) {
  const ipa::Vae& vae = *filled.vae;
  const Shape latents{1, 96, 3, vae.config().latent_channels};
  std::vector<float> input(static_cast<size_t>(latents.elements()));
  ipa_test::Random random(7);
  for (float& value : input) value = random.uniform(-2, 2);

  Graph plain(&filled.params);
  plain.set_wrap(wrap);
  const Value plain_in = plain.input(latents);
  const Value plain_out = vae.decode(plain, plain_in);
  plain.output(plain_out);
  const auto whole = filled.program(std::move(plain));
  std::copy(input.begin(), input.end(), whole->floats(plain_in));
  CHECK_OK(whole->run());
  const std::vector<float> expected = values_of(*whole, plain_out);

  Graph cut(&filled.params);
  cut.set_wrap(wrap);
  const Value cut_in = cut.input(latents);
  const Value features = vae.decode_head(cut, cut_in, blocks);
  const Shape all = cut.shape(features);
  cut.output(features);
  cut.set_norm_statistics(NormStatistics::recorded);
  const Value cut_out = vae.decode_tail(cut, features, blocks);
  cut.output(cut_out);
  const std::vector<Value> recorded = cut.norm_statistics();
  const auto recording = filled.program(std::move(cut));
  std::copy(input.begin(), input.end(), recording->floats(cut_in));
  CHECK_OK(recording->run());
  // Neither the cut nor keeping the statistics changes a bit.
  CHECK(values_of(*recording, cut_out) == expected);

  const int64_t reach = vae.tail_reach(blocks), scale = vae.tail_scale(blocks);
  const Shape window{1, 4 * reach, all.w, all.c};
  Graph given(&filled.params);
  given.set_wrap({wrap.x, false});
  const Value tile_in = given.input(window);
  given.set_norm_statistics(NormStatistics::given);
  const Value tile_out = vae.decode_tail(given, tile_in, blocks);
  given.output(tile_out);
  const std::vector<Value> statistics = given.norm_statistics();
  const auto tile = filled.program(std::move(given));
  CHECK_EQ(statistics.size(), recorded.size());
  for (size_t i = 0; i < statistics.size(); ++i) {
    const std::vector<float> kept = values_of(*recording, recorded[i]);
    std::copy(kept.begin(), kept.end(), tile->floats(statistics[i]));
  }
  const std::vector<float> seen = values_of(*recording, features);
  const std::vector<ipa::Tile> rows = ipa::place_tiles(all.h, window.h, reach, wrap.y);
  CHECK(rows.size() > 2);
  for (const ipa::Tile& row : rows) {
    const std::vector<float> part = crop(seen, all, window, row.window, 0);
    std::copy(part.begin(), part.end(), tile->floats(tile_in));
    CHECK_OK(tile->run());
    const Shape pixels{1, all.h * scale, all.w * scale, 3};
    const Shape kept{1, (row.last - row.first) * scale, pixels.w, 3};
    const Shape own{1, window.h * scale, pixels.w, 3};
    // A halo shorter than the reach would show here, and as a seam in pictures.
    CHECK(ipa_test::relative_error(
              crop(values_of(*tile, tile_out), own, kept, (row.first - row.window) * scale, 0),
              crop(expected, pixels, kept, row.first * scale, 0)) < 1e-5);
  }
}

// A picture of several tiles from the smallest model, in two steps.
GenerateRequest tiled_request() {
  const ipa_test::GoldenFolder folder("sd15");
  const ipa::Json* entry = ipa_test::find_case(folder, "pipeline", "ddim-4steps");
  if (!entry) return {};
  GenerateRequest request = golden_request(folder, *entry);
  request.branches.clear();
  request.steps = 2;
  request.decode = true;
  request.height = 256;
  request.width = 192;
  request.vae_tiling = ipa::Tiling::on;
  request.vae_tile = 128;
  return request;
}

}  // namespace

TEST(pipeline_tiles_cover_a_side_once) {
  for (int64_t window : {1, 2, 7, 16, 64})
    for (int64_t halo : {0, 1, 3, 13})
      for (int64_t side = window; side < 5 * window + 9; ++side) {
        const std::vector<ipa::Tile> tiles = ipa::place_tiles(side, window, halo, false);
        const int64_t kept = std::min(halo, window / 4);
        bool good = tiles.front().first == 0 && tiles.back().last == side;
        for (size_t i = 0; i < tiles.size(); ++i) {
          const ipa::Tile& tile = tiles[i];
          good = good && tile.window >= 0 && tile.window + window <= side && tile.first < tile.last;
          if (i > 0) good = good && tile.first == tiles[i - 1].last && tile.first - tile.window >= kept;
          if (i + 1 < tiles.size()) good = good && tile.window + window - tile.last >= kept;
        }
        CHECK(good);
      }
}

TEST(pipeline_tiles_cover_a_side_whose_ends_meet_once) {
  for (int64_t window : {1, 2, 7, 16, 64})
    for (int64_t halo : {0, 1, 3, 13})
      for (int64_t side = window + 1; side < 5 * window + 9; ++side) {
        const std::vector<ipa::Tile> tiles = ipa::place_tiles(side, window, halo, true);
        const int64_t kept = std::min(halo, window / 4);
        bool good = tiles.front().first == 0 && tiles.back().last == side;
        for (size_t i = 0; i < tiles.size(); ++i) {
          const ipa::Tile& tile = tiles[i];
          good = good && tile.first < tile.last && tile.first - tile.window >= kept &&
                 tile.window + window - tile.last >= kept;
          if (i > 0) good = good && tile.first == tiles[i - 1].last;
        }
        CHECK(good);
        CHECK_EQ(ipa::place_tiles(window, window, halo, true).size(), size_t{1});
      }
}

TEST(pipeline_tiles_give_the_values_of_the_whole_where_they_meet) {
  for (const char* name : {"sd15", "sdxl", "sd2"}) {
    FilledVae filled(name);
    for (int blocks = 0; blocks <= filled.vae->last_cut(); ++blocks)
      for (const ipa::Wrap wrap : {ipa::Wrap{false, false}, ipa::Wrap{true, true}})
        check_cut(filled, blocks, wrap);
  }
}

TEST(pipeline_tiles_same_bits_for_any_threads) {
  std::vector<std::vector<uint8_t>> pictures;
  for (int threads : {1, 3}) {
    const auto models = ipa_test::load_golden_models("sd15", {}, threads);
    if (!models) return;
    GenerateRequest request = tiled_request();
    auto result = ipa_test::generate(*models, request, nullptr, nullptr);
    CHECK_OK(result.status());
    if (!result.ok()) return;
    CHECK_EQ(result.value().images.front().size(), size_t{3 * 256 * 192});
    pictures.push_back(result.value().images.front());
    request.vae_tiling = ipa::Tiling::off;
    request.vae_tile = 0;
    const auto whole = ipa_test::generate(*models, request, nullptr, nullptr);
    CHECK(whole.ok() && whole.value().latents == result.value().latents);
  }
  CHECK(pictures[0] == pictures[1]);
}

TEST(pipeline_tiles_report_and_can_be_cancelled_between) {
  const auto models = ipa_test::load_golden_models("sd15", {});
  if (!models) return;
  GenerateRequest request = tiled_request();
  request.preview_every = 1;
  int tiles = 0, last = 0;
  const auto watch = [&](const ipa::Progress& progress) {
    if (!progress.tiles) return;
    CHECK_EQ(progress.tile, ++last);
    CHECK_EQ(progress.step, progress.total);
    tiles = progress.tiles;
  };
  CHECK_OK(ipa_test::generate(*models, request, watch, nullptr).status());
  CHECK(tiles > 1);
  CHECK_EQ(last, tiles);
  ipa::CancelFlag cancel{false};
  int seen = 0;
  const auto stop = [&](const ipa::Progress& progress) {
    if (!progress.tiles) return;
    ++seen;
    cancel = true;
  };
  CHECK(ipa_test::generate(*models, request, stop, &cancel).status().code() == Code::cancelled);
  CHECK_EQ(seen, 1);
}
