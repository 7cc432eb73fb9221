// Whatever allocation fails, and however many after it:
// a call answers once, with its result or an error that is not "internal", and the process goes on.
#include <condition_variable>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <optional>

#include "allocation_counter.h"
#include "base/guard.h"
#include "cpu/launch/thread_pool.h"
#include "golden_case.h"
#include "harness.h"
#include "pipeline/engine.h"

namespace {

using ipa::Code;
using ipa_test::FailingAllocations;
using ipa_test::GoldenFolder;

constexpr int64_t all_further = std::numeric_limits<int64_t>::max();

// Calls `body(first)` with more and more allocations that go well, until none of `body` has failed: every one
// of the first, then about `runs` more (all of them with the environment variable IPA_EVERY_ALLOCATION).
template <class Body>
void for_allocations(const char* what, int64_t in_all, Body body) {
  const int64_t runs = std::getenv("IPA_EVERY_ALLOCATION") ? in_all : 60;
  const int64_t stride = std::max<int64_t>(1, in_all / runs);
  int64_t calls = 0;
  for (int64_t first = 0; first < in_all; first += first < 40 ? 1 : stride, ++calls)
    for (int64_t count : {int64_t{1}, all_further}) body(first, count);
  std::printf("  %s: %lld allocations, %lld of them refused in turn\n", what, static_cast<long long>(in_all),
              static_cast<long long>(calls));
}

void check_answer(const ipa::Status& status) {
  if (status.ok() || status.code() == Code::no_memory) return;
  ipa_test::fail(__FILE__, __LINE__, std::string(ipa::error_name(status.code())) + " " + status.message());
}

ipa::LoadRequest small_model() {
  ipa::LoadRequest request;
  request.model = GoldenFolder("sd15").path("");
  request.adapters.emplace_back(GoldenFolder("sd15").path("adapters/base.safetensors"));
  request.threads = 2;
  return request;
}

TEST(pipeline_no_memory_while_loading) {
  const ipa::LoadRequest request = small_model();
  CHECK_OK(ipa::ModelSet::load(request, nullptr).status());
  const int64_t before = ipa_test::allocations();
  CHECK_OK(ipa::ModelSet::load(request, nullptr).status());
  for_allocations("load", ipa_test::allocations() - before, [&](int64_t first, int64_t count) {
    ipa::Status status;
    {
      const FailingAllocations failing(first, count);
      status = ipa::guarded([&]() -> ipa::Status {
        auto set = ipa::ModelSet::load(request, nullptr);
        return set.ok() ? ipa::Status() : set.take_status();
      });
    }
    check_answer(status);
  });
}

// Holds an engine's answer; taking it needs no memory.
struct Answer {
  std::mutex mutex;
  std::condition_variable given;
  std::optional<ipa::Status> status;
  int times = 0;

  void give(ipa::Status answer) {
    const std::lock_guard<std::mutex> lock(mutex);
    status = std::move(answer);
    ++times;
    given.notify_all();
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex);
    given.wait(lock, [&] { return times > 0; });
  }
};

ipa::GenerateRequest small_request(const ipa::ModelSet& models) {
  ipa::GenerateRequest request;
  for (const auto& tower : models.text) {
    const auto context = static_cast<size_t>(tower->network.config().context);
    const ipa::TokenChunks chunks{std::vector<int32_t>(context, 1), std::vector<float>(context, 1.0f)};
    request.prompt.push_back(chunks);
    request.negative.push_back(chunks);
  }
  request.steps = 2;
  request.guidance = 5;
  request.seeds = {1};
  request.width = request.height = 64;
  return request;
}

TEST(pipeline_no_memory_while_generating) {
  auto models = ipa::ModelSet::load(small_model(), nullptr);
  CHECK_OK(models.status());
  if (!models.ok()) return;
  const ipa::GenerateRequest request = small_request(*models.value());
  ipa::Engine engine(models.take());
  auto call = [&](int64_t first, int64_t count) {
    Answer answer;
    bool submitted = false;
    {
      const FailingAllocations failing(first, count);
      const ipa::Status refused = ipa::guarded([&]() -> ipa::Status {
        engine.generate(
            request, ipa::make_cancel_handle(), [](const ipa::Progress&) {},
            [&answer](ipa::Result<ipa::GenerateResult> result) { answer.give(result.take_status()); });
        return {};
      });
      submitted = refused.ok();
      if (submitted) answer.wait();
      check_answer(refused);
    }
    CHECK_EQ(answer.times, submitted ? 1 : 0);
    if (answer.status) check_answer(*answer.status);
  };
  call(0, 0);
  const int64_t before = ipa_test::allocations();
  call(0, 0);
  for_allocations("generate", ipa_test::allocations() - before, call);
  call(0, 0);
}

TEST(pipeline_no_memory_for_threads) {
  ipa::ThreadPool& pool = ipa::ThreadPool::shared();
  const int size = pool.size();
  for (int64_t first = 0; first < 12; ++first)
    for (int64_t count : {int64_t{1}, all_further}) {
      const FailingAllocations failing(first, count);
      for (int threads : {1, 5, 2}) pool.resize(threads);
      CHECK(pool.size() >= 1);
    }
  pool.resize(size);
}

TEST(pipeline_no_memory_is_said_without_memory) {
  ipa::Status status;
  {
    const FailingAllocations failing(0, all_further);
    status = ipa::guarded([]() -> ipa::Status { return ipa::Status(Code::io, std::string(1000, 'x')); });
    const ipa::Status copy = status;
    CHECK(copy.code() == Code::no_memory && copy.message().find("out of memory") == 0);
    CHECK(failing.failed() == 1);
  }
}

}  // namespace
