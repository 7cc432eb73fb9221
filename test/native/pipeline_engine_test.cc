// An engine with many calls at once: every one is answered once, with what it gives alone, whatever others do.
#include "pipeline/engine.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "golden_pipeline.h"
#include "harness.h"
#include "test_device.h"

namespace {

using ipa::Code;
using ipa::Engine;
using ipa::GenerateRequest;
using ipa::GenerateResult;
using ipa::Result;

// Answers of calls, in the order in which they were asked for.
class Answers {
 public:
  explicit Answers(size_t calls) : results_(calls), times_(calls) {}
  Engine::Done<GenerateResult> to(size_t call) {
    return [this, call](Result<GenerateResult> result) {
      const std::lock_guard<std::mutex> lock(mutex_);
      results_[call] = std::move(result);
      if (++times_[call] == 1) ++given_;
      all_given_.notify_all();
    };
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    all_given_.wait(lock, [this] { return given_ == results_.size(); });
    for (const int times : times_) CHECK_EQ(times, 1);
  }
  const Result<GenerateResult>& operator[](size_t call) const { return *results_[call]; }

 private:
  std::mutex mutex_;
  std::condition_variable all_given_;
  std::vector<std::optional<Result<GenerateResult>>> results_;
  std::vector<int> times_;
  size_t given_ = 0;
};

// Two shapes, each with and without guidance and a picture.
std::vector<GenerateRequest> requests(size_t count) {
  const ipa_test::GoldenFolder folder("sd15");
  const ipa::Json* entry = ipa_test::find_case(folder, "pipeline", "ddim-4steps");
  std::vector<GenerateRequest> all;
  for (size_t i = 0; entry && i < count; ++i) {
    GenerateRequest request = golden_request(folder, *entry);
    request.branches.clear();
    if (i % 3 == 0)
      request.branches.push_back(
          {0, 0.1f * static_cast<float>(i), {ipa_test::golden_picture("images/wide-150x100.png")}});
    request.steps = 3 + static_cast<int>(i % 4);
    request.guidance = i % 4 == 1 ? 1 : 5;
    request.seeds = {i, i + 100};
    request.decode = i % 2 == 0;
    request.height = i % 5 == 0 ? 96 : 64;
    request.width = 64;
    all.push_back(std::move(request));
  }
  return all;
}

std::unique_ptr<ipa::ModelSet> small_model() {
  return ipa_test::load_golden_models("sd15", {"adapters/base.safetensors"});
}

TEST(pipeline_engine_gives_every_call_the_bits_it_has_alone) {
  ON_CPU_ALONE("cuda_faults_* have engines on GPUs");
  const auto models = small_model();
  if (!models) return;
  const std::vector<GenerateRequest> calls = requests(16);
  std::vector<GenerateResult> alone;
  for (const GenerateRequest& call : calls) {
    auto made = ipa_test::generate(*models, call, nullptr, nullptr);
    CHECK_OK(made.status());
    if (!made.ok()) return;
    alone.push_back(made.take());
  }
  Engine engine(small_model(), {6, 4});
  // The ways to run are tried in the first rounds.
  for (int round = 0; round < 4; ++round) {
    Answers answers(calls.size());
    for (size_t i = 0; i < calls.size(); ++i)
      engine.generate(calls[i], ipa::make_cancel_handle(), nullptr, answers.to(i));
    answers.wait();
    for (size_t i = 0; i < calls.size(); ++i) {
      CHECK_OK(answers[i].status());
      if (!answers[i].ok()) return;
      CHECK(answers[i].value().latents == alone[i].latents);
      CHECK(answers[i].value().images == alone[i].images);
    }
  }
}

TEST(pipeline_engine_answers_cancelled_calls_and_leaves_the_others) {
  ON_CPU_ALONE("cuda_faults_* have engines on GPUs");
  Engine engine(small_model(), {6, 4});
  const std::vector<GenerateRequest> calls = requests(12);
  std::vector<ipa::CancelHandle> handles;
  Answers answers(calls.size());
  for (size_t i = 0; i < calls.size(); ++i) {
    handles.push_back(ipa::make_cancel_handle());
    engine.generate(calls[i], handles[i], nullptr, answers.to(i));
  }
  for (size_t i = 0; i < calls.size(); i += 2) {
    handles[i]->store(true);
    engine.withdraw(handles[i]);
  }
  answers.wait();
  for (size_t i = 0; i < calls.size(); ++i)
    CHECK(i % 2 ? answers[i].ok() : answers[i].ok() || answers[i].status().code() == Code::cancelled);
  const ipa::EngineStats stats = engine.stats();
  CHECK_EQ(stats.queued, 0);
  CHECK_EQ(stats.active, 0);
  CHECK_EQ(stats.batcher.reserved, size_t{0});
}

// Something that happens once, and whoever waits for it.
class Event {
 public:
  void happen() {
    const std::lock_guard<std::mutex> lock(mutex_);
    happened_ = true;
    waiting_.notify_all();
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    waiting_.wait(lock, [this] { return happened_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable waiting_;
  bool happened_ = false;
};

TEST(pipeline_engine_closes_while_calls_wait_and_run) {
  ON_CPU_ALONE("cuda_faults_* have engines on GPUs");
  for (const int steps : {0, 1, 9}) {
    const std::vector<GenerateRequest> calls = requests(12);
    Answers answers(calls.size());
    Engine engine(small_model(), {4, 4});
    std::atomic<int> done{0};
    Event begun, closed;
    const auto watch = [&](const ipa::Progress&) {
      if (++done == steps) begun.happen();
    };
    for (size_t i = 0; i < calls.size(); ++i)
      engine.generate(calls[i], ipa::make_cancel_handle(), watch, answers.to(i));
    if (steps > 0) begun.wait();
    engine.close([&] { closed.happen(); });
    closed.wait();
    answers.wait();
    for (size_t i = 0; i < calls.size(); ++i) {
      const Code code = answers[i].status().code();
      CHECK(answers[i].ok() || code == Code::cancelled || code == Code::disposed);
    }
  }
}

TEST(pipeline_engine_changes_models_between_calls) {
  ON_CPU_ALONE("cuda_faults_* have engines on GPUs");
  Engine engine(small_model(), {6, 4});
  const std::vector<GenerateRequest> calls = requests(8);
  Answers answers(2 * calls.size());
  for (size_t i = 0; i < calls.size(); ++i)
    engine.generate(calls[i], ipa::make_cancel_handle(), nullptr, answers.to(i));
  engine.change(
      [](ipa::ModelSet& models, const ipa::CancelFlag* cancel) { return models.set_adapters({}, cancel); },
      ipa::make_cancel_handle(), [](Result<ipa::LoadedParts> parts) { CHECK_OK(parts.status()); });
  for (size_t i = 0; i < calls.size(); ++i)
    engine.generate(calls[i], ipa::make_cancel_handle(), nullptr, answers.to(calls.size() + i));
  answers.wait();
  for (size_t i = 0; i < calls.size(); ++i) {
    CHECK_OK(answers[i].status());
    // Without the adapter its picture is an error.
    CHECK_EQ(answers[calls.size() + i].ok(), calls[i].branches.empty());
  }
}

}  // namespace
