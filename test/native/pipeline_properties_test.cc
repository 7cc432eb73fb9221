// What must hold bit for bit, whatever the numbers:
// scale 0, a batch of one, seeds and threads, cancelling, progress.
#include <atomic>
#include <cmath>
#include <thread>

#include "golden_pipeline.h"
#include "harness.h"
#include "pipeline/condition/conditioning.h"
#include "test_device.h"

namespace {

using ipa::Code;
using ipa::GenerateRequest;
using ipa::ImageBranch;
using ipa::ModelSet;
using ipa_test::GoldenFolder;

const std::vector<std::string> all_adapters = {"adapters/base.safetensors", "adapters/plus.safetensors",
                                               "adapters/full.safetensors"};

// The named case's request, without its adapters and in few steps.
GenerateRequest short_request(const std::string& model, const std::string& name) {
  GenerateRequest request = ipa_test::plain_request(model, name);
  request.steps = 4;
  request.decode = false;
  return request;
}

ImageBranch branch_of(int adapter, float scale,
                      const std::vector<std::string>& pictures = {"images/wide-150x100.png"}) {
  ImageBranch branch;
  branch.adapter = adapter;
  branch.scale = scale;
  for (const std::string& path : pictures) branch.images.push_back(ipa_test::golden_picture(path));
  return branch;
}

// Empty, with a failed test, when the generation fails.
ipa::GenerateResult run(ModelSet& models, const GenerateRequest& request) {
  auto result = ipa_test::generate(models, request, nullptr, nullptr);
  CHECK_OK(result.status());
  return result.ok() ? result.take() : ipa::GenerateResult();
}

std::vector<float> latents_of(ModelSet& models, const GenerateRequest& request) {
  ipa::GenerateResult result = run(models, request);
  return result.latents.empty() ? std::vector<float>() : std::move(result.latents.front());
}

void check_scale_zero(const std::string& model, const std::string& case_name) {
  const auto models = ipa_test::load_golden_models(model, all_adapters);
  if (!models) return;
  for (float guidance : {7.5f, 1.0f}) {
    GenerateRequest request = short_request(model, case_name);
    request.guidance = guidance;
    const std::vector<float> without = latents_of(*models, request);
    CHECK(!without.empty());
    for (const std::vector<int>& used : {std::vector<int>{0}, {1}, {2}, {0, 1, 2}, {1, 1}}) {
      request.branches.clear();
      for (int adapter : used) request.branches.push_back(branch_of(adapter, 0));
      CHECK(latents_of(*models, request) == without);
    }
    request.branches = {branch_of(0, 0.7f)};
    const std::vector<float> one = latents_of(*models, request);
    CHECK(one != without);
    request.branches = {branch_of(1, 0), branch_of(0, 0.7f),
                        branch_of(2, 0, {"images/square-64.png", "images/tall-75x131.png"})};
    CHECK(latents_of(*models, request) == one);
  }
}

// A generation that keeps all threads busy: adapters, two seeds, a picture.
GenerateRequest busy_request(const std::string& model, const std::string& case_name) {
  GenerateRequest request = short_request(model, case_name);
  request.steps = 2;
  request.width = 200;
  request.height = 136;
  request.decode = true;
  request.scheduler = "euler_a";
  request.seeds = {3, 4};
  request.branches = {branch_of(0, 0.5f),
                      branch_of(1, 0.9f, {"images/square-64.png", "images/tall-75x131.png"})};
  return request;
}

bool same(const ipa::GenerateResult& a, const ipa::GenerateResult& b) {
  return !a.latents.empty() && a.latents == b.latents && a.images == b.images;
}

}  // namespace

TEST(pipeline_scale_zero_is_no_adapter) {
  check_scale_zero("sd15", "ddim-4steps");
  check_scale_zero("sdxl", "euler-negative");
}

TEST(pipeline_guidance_one_runs_a_batch_of_one) {
  const auto models = ipa_test::load_golden_models("sdxl", {all_adapters[1]});
  if (!models) return;
  GenerateRequest request = short_request("sdxl", "euler-negative");
  request.branches = {branch_of(0, 0.8f)};
  for (bool guided : {true, false}) {
    const std::vector<ipa::GuidancePart> parts = ipa::Guidance(models->task(), request).parts(guided);
    ipa::Caches caches;
    ipa::Workspace workspace;
    const auto conditioning = ipa::Conditioning::plan(*models, request, parts);
    CHECK_OK(conditioning.status());
    if (!conditioning.ok()) return;
    CHECK_OK(conditioning.value()->run({*models, caches, workspace}));
    const int64_t batch = guided ? 2 : 1;
    CHECK_EQ(conditioning.value()->batch(), batch);
    CHECK_EQ(conditioning.value()->addition_bytes(),
             static_cast<size_t>(batch * models->unet->config().addition_input_size) * sizeof(float));
    const ipa::PackedKeys& keys = conditioning.value()->text();
    CHECK_EQ(keys.program->plan().graph().node(keys.values.front()).kv.batch, batch);
  }

  request.guidance = 1;
  const std::vector<float> expected = latents_of(*models, request);
  // Nothing of the negative half is looked at: not even whether it is there.
  request.negative.clear();
  CHECK(latents_of(*models, request) == expected);
  request.negative = request.prompt;
  CHECK(latents_of(*models, request) == expected);
  for (float guidance : {0.0f, 0.5f}) {
    request.guidance = guidance;
    CHECK(latents_of(*models, request) == expected);
  }
}

TEST(pipeline_same_seed_same_bits_for_any_threads) {
  const GenerateRequest request = busy_request("sd15", "ddim-4steps");
  ipa::GenerateResult first;
  for (int threads : {1, 2, 3, 4, 2}) {
    const auto models = ipa_test::load_golden_models("sd15", all_adapters, threads);
    if (!models) return;
    if (!ipa_test::test_device().is_gpu())
      CHECK_EQ(models->backend(ipa::Part::unet).capabilities().threads, threads);
    ipa::GenerateResult result = run(*models, request);
    if (first.latents.empty()) first = result;
    CHECK_EQ(result.images.size(), size_t{2});
    CHECK(same(result, first));
    CHECK(same(run(*models, request), first));
  }
  CHECK(first.latents.front() != first.latents.back());
}

TEST(pipeline_seeds_of_one_request_are_independent) {
  const auto models = ipa_test::load_golden_models("sd15", all_adapters);
  if (!models) return;
  GenerateRequest request = busy_request("sd15", "ddim-4steps");
  const ipa::GenerateResult both = run(*models, request);
  if (both.latents.size() != 2) return;
  for (size_t i = 0; i < 2; ++i) {
    request.seeds = {3 + i};
    const ipa::GenerateResult alone = run(*models, request);
    CHECK(!alone.latents.empty() && alone.latents.front() == both.latents[i] &&
          alone.images.front() == both.images[i]);
  }
}

TEST(pipeline_same_seed_same_bits_beside_another_generation) {
  const auto models = ipa_test::load_golden_models("sd15", all_adapters);
  const auto others = ipa_test::load_golden_models("sdxl", all_adapters);
  if (!models || !others) return;
  const GenerateRequest request = busy_request("sd15", "ddim-4steps");
  const GenerateRequest other = busy_request("sdxl", "euler-negative");
  const ipa::GenerateResult expected = run(*models, request), other_expected = run(*others, other);

  // Checks are made after the join: the harness is not for several threads.
  std::atomic<bool> running{false}, stop{false};
  bool other_same = true;
  std::thread companion([&] {
    const auto started = [&](ipa::Progress) { running = true; };
    do {
      const auto result = ipa_test::generate(*others, other, started, nullptr);
      other_same = other_same && result.ok() && same(result.value(), other_expected);
      running = true;
    } while (!stop);
  });
  while (!running) std::this_thread::yield();
  for (int i = 0; i < 3; ++i) CHECK(same(run(*models, request), expected));
  stop = true;
  companion.join();
  CHECK(other_same);
}

TEST(pipeline_cancel_stops_and_the_next_call_works) {
  const auto models = ipa_test::load_golden_models("sd15", all_adapters);
  if (!models) return;
  GenerateRequest request = busy_request("sd15", "ddim-4steps");
  const ipa::GenerateResult expected = run(*models, request);
  ipa::CancelFlag cancel{true};
  CHECK(ipa_test::generate(*models, request, nullptr, &cancel).status().code() == Code::cancelled);
  // At the first step, at the last one of the first picture, within the second.
  for (int last : {1, 2, 3}) {
    cancel = false;
    int steps = 0;
    const auto watch = [&](const ipa::Progress& progress) {
      steps = progress.step;
      if (steps == last) cancel = true;
    };
    CHECK(ipa_test::generate(*models, request, watch, &cancel).status().code() == Code::cancelled);
    CHECK_EQ(steps, last);
    CHECK(same(run(*models, request), expected));
  }
  cancel = true;
  ipa::LoadRequest load;
  load.model = ipa_test::golden_folder() + "/models/sd15";
  CHECK(ModelSet::load(load, &cancel).status().code() == Code::cancelled);
  cancel = false;
  CHECK_OK(ModelSet::load(load, &cancel).status());
}

TEST(pipeline_progress_counts_model_calls) {
  const auto models = ipa_test::load_golden_models("sd15", {});
  if (!models) return;
  GenerateRequest request = short_request("sd15", "pndm-4steps");
  request.seeds = {1, 2};
  request.preview_every = 2;
  int calls = 0, previews = 0;
  const auto watch = [&](const ipa::Progress& progress) {
    CHECK_EQ(progress.step, ++calls);
    CHECK_EQ(progress.total, 10);                       // PNDM calls the model once more than it has steps
    CHECK_EQ(progress.image, (progress.step - 1) % 2);  // pictures of a small model advance together
    if (progress.preview.empty()) return;
    ++previews;
    CHECK_EQ(progress.preview.size(), static_cast<size_t>(3 * request.width * request.height));
  };
  const auto watched = ipa_test::generate(*models, request, watch, nullptr);
  CHECK_OK(watched.status());
  CHECK_EQ(calls, 10);
  CHECK_EQ(previews, 4);
  // Looking on changes nothing.
  request.preview_every = 0;
  if (watched.ok()) CHECK(run(*models, request).latents == watched.value().latents);
}
