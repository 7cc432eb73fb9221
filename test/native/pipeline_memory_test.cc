// What a generation takes is known before it runs.
#include "allocation_counter.h"
#include "golden_pipeline.h"
#include "harness.h"
#include "pipeline/prepared_call.h"

namespace {

using ipa::GenerateRequest;
using ipa::ModelSet;
using ipa::Tiling;

GenerateRequest request_of(const std::string& model, const std::string& name) {
  GenerateRequest request = ipa_test::plain_request(model, name);
  request.steps = 1;
  request.decode = true;
  request.height = 256;
  request.width = 256;
  request.vae_tile = 128;
  return request;
}

// A decoder that takes the picture whole has no tiles to be told of.
void set_tiling(GenerateRequest& request, Tiling tiling) {
  request.vae_tiling = tiling;
  request.vae_tile = tiling == Tiling::off ? 0 : 128;
}

ipa::MemoryEstimate estimate(const ModelSet& models, const GenerateRequest& request) {
  const auto found = ipa::estimate_memory(models, request);
  CHECK_OK(found.status());
  return found.ok() ? found.value() : ipa::MemoryEstimate();
}

}  // namespace

TEST(pipeline_memory_is_what_was_planned) {
  for (auto [name, case_name] : {std::pair{"sd15", "ddim-4steps"}, std::pair{"sdxl", "euler-negative"}}) {
    const auto models =
        ipa_test::load_golden_models(name, {"adapters/base.safetensors", "adapters/plus.safetensors"});
    if (!models) return;
    GenerateRequest request = request_of(name, case_name);
    request.steps = 6;
    for (Tiling tiling : {Tiling::off, Tiling::on})
      for (bool pictures : {false, true}) {
        set_tiling(request, tiling);
        request.branches.clear();
        for (int adapter = 0; pictures && adapter < 2; ++adapter)
          request.branches.push_back({adapter, 0.5f, {ipa_test::golden_picture("images/wide-150x100.png")}});
        for (float guidance : {5.0f, 1.0f}) {
          request.guidance = guidance;
          ipa_test::check_begin_bytes(*models, request);
        }
        // All four kinds of steps: with guidance and without, in full and from kept features.
        request.guidance_end = 0.5;
        request.cache_every = 2;
        request.cache_depth = 1;
        ipa_test::check_begin_bytes(*models, request);
        const size_t without = estimate(*models, request).working;
        request.attention_maps = {0, 1, 2};
        for (size_t i = 0; i < request.branches.size(); ++i)
          request.branches[i].images[0].source = static_cast<int>(i);
        ipa_test::check_begin_bytes(*models, request);
        CHECK(estimate(*models, request).working > without);
        request.attention_maps.clear();
        request.guidance_end = 1;
        request.cache_every = 0;
      }
  }
}

TEST(pipeline_memory_of_masks_regions_and_scaled_keys_is_what_was_planned) {
  const auto models =
      ipa_test::load_golden_models("sdxl", {"adapters/base.safetensors", "adapters/plus.safetensors"});
  if (!models) return;
  GenerateRequest request = request_of("sdxl", "euler-negative");
  const ipa::Picture grey{std::vector<uint8_t>(3 * 20 * 10, 90), 20, 10};
  request.branches.resize(2);
  for (int adapter = 0; adapter < 2; ++adapter) {
    ipa::ImageBranch& branch = request.branches[static_cast<size_t>(adapter)];
    branch.adapter = adapter;
    branch.images.assign(2, ipa_test::golden_picture("images/wide-150x100.png"));
    branch.mask = grey;
    branch.soft_mask = adapter == 1;
  }
  request.branches[0].kv_scaling = ipa::KvScaling::mean_by_width;
  request.branches[1].combine = ipa::Combine::average;
  request.negative_images = {{1, ipa_test::golden_picture("images/square-64.png")}};
  request.regions = {{grey, 0.5f, request.prompt, request.negative},
                     {grey, 1, request.prompt, request.negative}};
  request.branches[1].region = 1;
  for (float guidance : {5.0f, 1.0f}) {
    request.guidance = guidance;
    if (guidance == 1) request.negative_images.clear();
    ipa_test::check_begin_bytes(*models, request);
  }
}

TEST(pipeline_memory_grows_with_what_is_asked) {
  const auto models = ipa_test::load_golden_models("sd15", {});
  if (!models) return;
  GenerateRequest request = request_of("sd15", "ddim-4steps");
  set_tiling(request, Tiling::off);
  const ipa::MemoryEstimate whole = estimate(*models, request);
  CHECK_EQ(whole.weights, models->memory_bytes());
  CHECK_EQ(whole.tile, 0);
  set_tiling(request, Tiling::on);
  const ipa::MemoryEstimate tiled = estimate(*models, request);
  CHECK_EQ(tiled.tile, 128);
  CHECK(tiled.working < whole.working);
  set_tiling(request, Tiling::off);
  request.seeds = {1, 2, 3, 4};
  // One arena for all pictures; only the results add up.
  const ipa::MemoryEstimate four = estimate(*models, request);
  CHECK(four.working > whole.working);
  CHECK(four.working - whole.working < 3 * (size_t{2} * 256 * 256 * 3));
  request.decode = false;
  CHECK(estimate(*models, request).working < four.working);
}

TEST(pipeline_memory_budget_decides_about_tiles) {
  const auto models = ipa_test::load_golden_models("sd15", {});
  if (!models) return;
  GenerateRequest request = request_of("sd15", "ddim-4steps");
  set_tiling(request, Tiling::off);
  const size_t whole = estimate(*models, request).total();
  set_tiling(request, Tiling::on);
  const size_t tiled = estimate(*models, request).total();

  set_tiling(request, Tiling::automatic);
  const auto tile = [&](uint64_t budget) {
    request.memory_budget = budget;
    const auto found = ipa::estimate_memory(*models, request);
    const bool fits = found.ok() && ipa::check_budget(found.value(), *models, request).ok();
    return fits ? found.value().tile : int64_t{-1};
  };
  CHECK_EQ(tile(whole), 0);
  CHECK_EQ(tile(whole - 1), 128);
  CHECK_EQ(tile(tiled), 128);
  CHECK_EQ(tile(tiled - 1), -1);

  // The engine's own choice: the larger of two that fits.
  request.vae_tile = 0;
  request.width = request.height = 768;
  const auto total = [&](Tiling tiling, int64_t side) {
    request.vae_tiling = tiling;
    request.vae_tile = side;
    const size_t bytes = estimate(*models, request).total();
    request.vae_tiling = Tiling::automatic;
    request.vae_tile = 0;
    return bytes;
  };
  const size_t large = total(Tiling::on, 512), small = total(Tiling::on, 256);
  CHECK(small < large);
  CHECK_EQ(tile(total(Tiling::off, 0)), 0);
  CHECK_EQ(tile(large), 512);
  CHECK_EQ(tile(large - 1), 256);
  CHECK_EQ(tile(small), 256);
  CHECK_EQ(tile(small - 1), -1);

  request.vae_tiling = Tiling::off;
  CHECK_EQ(tile(small), -1);
  const auto refused = ipa_test::generate(*models, request, nullptr, nullptr);
  CHECK(refused.status().code() == ipa::Code::no_memory);
}

// A budget is checked before a call runs: that must not take what the call would.
TEST(pipeline_memory_of_long_prompts_is_told_without_taking_it) {
  const auto models = ipa_test::load_golden_models("sdxl", {});
  if (!models) return;
  GenerateRequest request = request_of("sdxl", "euler-negative");
  const auto taken = [&] {
    const ipa_test::PeakMemory peak;
    estimate(*models, request);
    return peak.bytes();
  };
  const int64_t usual = taken();
  const size_t before = estimate(*models, request).working;
  constexpr size_t times = 1000;
  size_t tokens = 0;
  for (auto* prompt : {&request.prompt, &request.negative})
    for (ipa::TokenChunks& chunks : *prompt) {
      const std::vector<int32_t> ids = chunks.ids;
      for (size_t i = 1; i < times; ++i) chunks.ids.insert(chunks.ids.end(), ids.begin(), ids.end());
      chunks.weights.assign(chunks.ids.size(), 1.0f);
      tokens = chunks.ids.size();
    }
  const size_t features = 2 * tokens * static_cast<size_t>(models->unet->config().cross_size()) * sizeof(float);
  CHECK(estimate(*models, request).working > before + features);
  CHECK(taken() < usual + static_cast<int64_t>(features / 8));
}
