// A GPU that fails, or is lost, at any of its calls: the pipeline on it ends with that error and goes on to give it, others
// work, nothing hangs or is left behind.
#include <condition_variable>
#include <mutex>

#include "cuda_faults_rig.h"

using namespace cuda_faults;

namespace {

GenerateRequest short_call() {
  GenerateRequest call = small_call();
  call.branches = {branch_of(0)};
  return call;
}

std::vector<int64_t> sampled(int64_t last) {
  std::vector<int64_t> numbers;
  for (int64_t n = 1; n < last; n += 1 + n / 3) numbers.push_back(n);
  numbers.push_back(last);
  return numbers;
}

int64_t calls_of(Call kind) { return cuda_emulator::fake_counters().calls[static_cast<size_t>(kind)]; }

// Of a call that begins with a working pipeline: what it answers from the failure on.
void check_ends(const ModelSet& models, const GenerateRequest& call, Code code) {
  const Status first = ipa_test::generate(models, call, nullptr, nullptr).status();
  CHECK_EQ(first.code(), code);
  CHECK(contains(first.message(), "cuda:0"));
  cuda_emulator::set_fake_faults({});
  const Status later = ipa_test::generate(models, call, nullptr, nullptr).status();
  CHECK_EQ(later.code(), code);
  CHECK_EQ(later.message(), first.message());
}

}  // namespace

TEST_ONCE(cuda_faults_failed_call_ends_its_pipeline) {
  const Gpus gpus(fake_of(Pace::random));
  GenerateRequest call = short_call();
  call.steps = 1;  // so that no launches are recorded, see below
  GenerateResult expected;
  std::vector<std::pair<Call, int64_t>> kinds;
  {
    const Models models = loaded(small_model());
    if (!models) return;
    expected = made(*models, call);
    cuda_emulator::set_fake_faults({});
    made(*models, call);
    for (const Call kind : {Call::take, Call::copy, Call::launch, Call::event})
      kinds.emplace_back(kind, calls_of(kind));
  }
  for (const auto& [kind, last] : kinds) {
    CHECK(last > 0);
    for (int64_t n : {int64_t{1}, (last + 1) / 2, last}) {
      cuda_emulator::set_fake_faults({});
      const Models models = loaded(small_model());
      if (!models) return;
      cuda_emulator::set_fake_faults({{kind, n, gpu_failed}});
      check_ends(*models, call, Code::device);
    }
  }
  const Models models = loaded(small_model());
  if (models) CHECK(same(made(*models, call), expected));
}

TEST_ONCE(cuda_faults_failed_graph) {
  const Gpus gpus(fake_of(Pace::random));
  const Models models = loaded(small_model());
  if (!models) return;
  GenerateRequest call = short_call();
  call.steps = 3;
  const GenerateResult expected = made(*models, call);
  // To begin, and to end, the first recording. The next call launches the graph that came of it.
  for (const int64_t n : {1, 2}) {
    cuda_emulator::set_fake_faults({{Call::graph, n, gpu_failed}});
    CHECK(same(made(*models, call), expected));
  }
  cuda_emulator::set_fake_faults({{Call::graph, 3, gpu_failed}});
  check_ends(*models, call, Code::device);
}

TEST_ONCE(cuda_faults_failed_load_leaves_nothing) {
  const Gpus gpus(fake_of(Pace::random));
  CHECK(loaded(small_model()) != nullptr);
  const cuda_emulator::FakeCounters counted = cuda_emulator::fake_counters();
  for (const Call kind :
       {Call::open, Call::take, Call::take_pinned, Call::copy, Call::event_create, Call::event}) {
    const int64_t last = counted.calls[static_cast<size_t>(kind)];
    for (int64_t n : {int64_t{1}, (last + 1) / 2}) {
      cuda_emulator::set_fake_faults({{kind, n, gpu_failed}});
      CHECK_EQ(load(small_model()).status().code(), Code::device);
      CHECK_EQ(cuda_emulator::emulated_counters().queues, 0);
      CHECK_EQ(cuda_emulator::emulated_counters().allocations, 0);
    }
  }
}

TEST_ONCE(cuda_faults_lost_at_every_call) {
  int64_t of_load = 0, of_call = 0;
  const GenerateRequest call = short_call();
  {
    const Gpus gpus(fake_of(Pace::late));
    const Models models = loaded(small_model());
    if (!models) return;
    of_load = cuda_emulator::fake_counters().all_calls;
    cuda_emulator::set_fake_faults({});
    made(*models, call);
    of_call = cuda_emulator::fake_counters().all_calls;
  }
  for (const int64_t n : sampled(of_load)) {
    FakeGpu settings = fake_of(Pace::random, static_cast<uint32_t>(n));
    settings.lost_from = n;
    const Gpus gpus(settings);
    const Result<Models> models = load(small_model());
    CHECK_EQ(models.status().code(), Code::device_lost);
    CHECK(contains(models.status().message(), "start the process anew"));
  }
  // The last call of the GPU gives memory back: the picture is done then.
  for (const int64_t n : sampled(of_call / 2)) {
    const Gpus gpus(fake_of(Pace::random, static_cast<uint32_t>(n)));
    const Models models = loaded(small_model());
    if (!models) return;
    cuda_emulator::set_fake_faults({}, n);
    check_ends(*models, call, Code::device_lost);
    CHECK_EQ(load(small_model()).status().code(), Code::device_lost);
  }
}

TEST_ONCE(cuda_faults_lost_gpu_leaves_the_others_alone) {
  FakeGpu settings = fake_of(Pace::random);
  settings.devices = 2;
  settings.faulty = 0;
  const Gpus gpus(settings);
  const Models on_lost = loaded(small_model("cuda:0")), on_other = loaded(small_model("cuda:1")),
               on_cpu = loaded(small_model("cpu"));
  LoadRequest placed = small_model("cuda:1");
  placed.devices.parts[static_cast<size_t>(ipa::Part::vae)] = "cuda:0";
  const Models on_both = loaded(placed);
  if (!on_lost || !on_other || !on_cpu || !on_both) return;
  const GenerateRequest call = short_call();
  const GenerateResult by_gpu = made(*on_other, call), by_cpu = made(*on_cpu, call);
  CHECK(same(made(*on_lost, call), by_gpu));
  cuda_emulator::set_fake_faults({}, 100);
  check_ends(*on_lost, call, Code::device_lost);
  CHECK_EQ(ipa_test::generate(*on_both, call, nullptr, nullptr).status().code(), Code::device_lost);
  CHECK(same(made(*on_other, call), by_gpu));
  CHECK(same(made(*on_cpu, call), by_cpu));
}

namespace {

// Answers of an engine's calls.
struct Answers {
  std::mutex mutex;
  std::condition_variable all_given;
  std::vector<Status> given;
  bool closed = false;

  ipa::Engine::Done<GenerateResult> one() {
    return [this](Result<GenerateResult> result) {
      const std::lock_guard<std::mutex> lock(mutex);
      given.push_back(result.take_status());
      all_given.notify_all();
    };
  }
  void wait(size_t count) {
    std::unique_lock<std::mutex> lock(mutex);
    all_given.wait(lock, [&] { return given.size() == count; });
  }
};

}  // namespace

TEST_ONCE(cuda_faults_lost_under_an_engine_answers_every_call) {
  for (const int64_t n : {30, 300, 900}) {
    const Gpus gpus(fake_of(Pace::random, static_cast<uint32_t>(n)));
    Models models = loaded(small_model());
    if (!models) return;
    ipa::Engine engine(std::move(models), {4, 4});
    cuda_emulator::set_fake_faults({}, n);
    Answers answers;
    for (size_t i = 0; i < 6; ++i)
      engine.generate(short_call(), ipa::make_cancel_handle(), nullptr, answers.one());
    answers.wait(6);
    for (const Status& status : answers.given) CHECK_EQ(status.code(), Code::device_lost);
  }
}
