// Calls that an engine runs side by side on a GPU, many of them as one: each has the bits that it has alone.
#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>

#include "cuda_faults_rig.h"

using namespace cuda_faults;

namespace {

// An emulated GPU is so slow that each run seems to fill it.
constexpr double never = std::numeric_limits<double>::infinity();

// Scales, numbers of tokens, masks and guidance in many combinations, some of them twice.
std::vector<GenerateRequest> calls() {
  std::vector<GenerateRequest> all;
  for (size_t i = 0; i < 8; ++i) {
    GenerateRequest call = small_call();
    call.decode = i == 0;
    call.steps = i % 4 == 3 ? 3 : 2;
    call.guidance = i % 4 == 1 ? 1 : 4 + static_cast<float>(i);
    call.seeds = {100 + i};
    if (i % 4 < 2) call.branches.push_back(branch_of(0, 0.2f * static_cast<float>(i), 1));
    if (i % 4 == 2) call.branches.push_back(branch_of(1, 0.5f, 1 + i / 4));
    if (i == 4) call.branches[0].mask = ipa_test::picture_of("images/square-64.png");
    if (i == 7) call.seeds = {1, 2};
    all.push_back(std::move(call));
  }
  return all;
}

class Answers {
 public:
  explicit Answers(size_t count) : results_(count) {}
  ipa::Engine::Done<GenerateResult> to(size_t call) {
    return [this, call](Result<GenerateResult> result) {
      const std::lock_guard<std::mutex> lock(mutex_);
      results_[call] = std::move(result);
      ++given_;
      all_given_.notify_all();
    };
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    all_given_.wait(lock, [&] { return given_ == results_.size(); });
  }
  const Result<GenerateResult>& operator[](size_t call) const { return *results_[call]; }

 private:
  std::mutex mutex_;
  std::condition_variable all_given_;
  std::vector<std::optional<Result<GenerateResult>>> results_;
  size_t given_ = 0;
};

void check_company(const LoadRequest& load, const std::vector<GenerateRequest>& all) {
  std::vector<GenerateResult> alone;
  {
    const Gpus gpus(Gpus::Emulated{});
    const Models models = loaded(load);
    if (!models) return;
    for (const GenerateRequest& call : all) alone.push_back(made(*models, call));
  }
  const Gpus gpus(fake_of(Pace::random));
  Models models = loaded(load);
  if (!models) return;
  ipa::Engine engine(std::move(models), {8, 4, never});
  for (int round = 0; round < 3; ++round) {
    Answers answers(all.size());
    for (size_t i = 0; i < all.size(); ++i)
      engine.generate(all[i], ipa::make_cancel_handle(), nullptr, answers.to(i));
    answers.wait();
    for (size_t i = 0; i < all.size(); ++i) {
      CHECK_OK(answers[i].status());
      if (answers[i].ok() && !same(answers[i].value(), alone[i]))
        ipa_test::fail(__FILE__, __LINE__, "call " + std::to_string(i) + " has other bits in company");
    }
  }
  int64_t together = 0;
  const ipa::EngineStats stats = engine.stats();
  for (size_t copies = 2; copies < stats.batcher.runs.size(); ++copies) together += stats.batcher.runs[copies];
  CHECK(together > 0);
}

}  // namespace

TEST_ONCE(cuda_faults_company_gives_the_bits_of_each_call_alone) { check_company(small_model(), calls()); }

TEST_ONCE(cuda_faults_company_without_memory_goes_on_alone) {
  const std::vector<GenerateRequest> all = {calls()[2], calls()[2], calls()[2]};
  const Gpus gpus(fake_of(Pace::random));
  Models models = loaded(small_model());
  if (!models) return;
  const GenerateResult expected = made(*models, all[0]);
  ipa::Engine engine(std::move(models), {4, 4, never});
  for (const int64_t n : {40, 60, 80, 100, 120}) {
    cuda_emulator::set_fake_faults({{Call::take, n, gpu_no_memory}});
    Answers answers(all.size());
    for (size_t i = 0; i < all.size(); ++i)
      engine.generate(all[i], ipa::make_cancel_handle(), nullptr, answers.to(i));
    answers.wait();
    int failed = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      if (answers[i].ok())
        CHECK(same(answers[i].value(), expected));
      else
        CHECK_EQ(answers[i].status().code(), Code::no_memory);
      failed += !answers[i].ok();
    }
    // One allocation failed: at most the call that it was for.
    CHECK(failed <= 1);
  }
}

TEST_ONCE(cuda_faults_company_waits_where_a_gpu_has_memory_for_one) {
  GenerateRequest call = small_call();
  call.width = call.height = 192;
  call.decode = false;
  uint64_t weights = 0, most = 0;
  std::optional<GenerateResult> expected;
  {
    const Gpus gpus;
    const Models models = loaded(small_model());
    if (!models) return;
    weights = taken_bytes();
    expected = made(*models, call);
    most = cuda_emulator::emulated_counters().most_taken_bytes;
  }
  const Gpus gpus(fake_of(Pace::random), most + (most - weights) / 2);
  Models models = loaded(small_model());
  if (!models) return;
  constexpr size_t count = 4;
  ipa::Engine engine(std::move(models), {count, 1});
  Answers answers(count);
  for (size_t i = 0; i < count; ++i) engine.generate(call, ipa::make_cancel_handle(), nullptr, answers.to(i));
  answers.wait();
  for (size_t i = 0; i < count; ++i) {
    CHECK_OK(answers[i].status());
    CHECK(answers[i].ok() && same(answers[i].value(), *expected));
  }
}
