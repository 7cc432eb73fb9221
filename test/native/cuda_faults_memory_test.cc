// Whichever allocation of a GPU fails: the one who asked learns it as NO_MEMORY, with what is free and what to do, everything
// goes back, and the pipeline works on with the bits that it had.
#include <algorithm>

#include "cuda_faults_rig.h"

using namespace cuda_faults;

namespace {

int64_t calls_of(Call kind) { return cuda_emulator::fake_counters().calls[static_cast<size_t>(kind)]; }

// All of the first, and ever fewer of the later numbers up to `last`.
std::vector<int64_t> sampled(int64_t last) {
  std::vector<int64_t> numbers;
  for (int64_t n = 1; n < last; n += 1 + n / 6) numbers.push_back(n);
  numbers.push_back(last);
  return numbers;
}

void check_no_memory(const Status& status) {
  CHECK_EQ(status.code(), Code::no_memory);
  for (const char* part : {"cuda:0", "free", "needed", "with `devices`"})
    if (!contains(status.message(), part))
      ipa_test::fail(__FILE__, __LINE__, "\"" + status.message() + "\" does not say \"" + part + "\"");
}

// A call with an adapter, as short as may be.
GenerateRequest short_call() {
  GenerateRequest call = small_call();
  call.steps = 1;
  call.branches = {branch_of(0)};
  return call;
}

// `kind`: what fails in a call, one after the other. The number of calls that failed with it.
int count_failed_calls(Call kind) {
  const Gpus gpus(fake_of(Pace::late));
  const Models models = loaded(small_model());
  if (!models) return 0;
  GenerateRequest call = short_call();
  // Graphs are recorded when a program runs again.
  if (kind == Call::graph) call.steps = 3;
  const GenerateResult expected = made(*models, call);
  const uint64_t weights = taken_bytes();
  cuda_emulator::set_fake_faults({});
  CHECK(same(made(*models, call), expected));
  const int64_t last = calls_of(kind);
  CHECK(last > 0);
  CHECK_EQ(calls_of(Call::take_pinned), 0);  // a ring that is there serves all copies
  int failed = 0;
  for (const int64_t n : sampled(last)) {
    cuda_emulator::set_fake_faults({{kind, n, gpu_no_memory}});
    auto result = ipa_test::generate(*models, call, nullptr, nullptr);
    if (result.ok())
      CHECK(same(result.value(), expected));
    else
      check_no_memory(result.status());
    failed += !result.ok();
    CHECK_EQ(taken_bytes(), weights);
  }
  CHECK(same(made(*models, call), expected));
  return failed;
}

// The same while a model is loaded.
void check_loads(Call kind, const std::vector<const char*>& says) {
  const Gpus gpus(fake_of(Pace::late));
  CHECK(loaded(small_model()) != nullptr);
  const int64_t last = calls_of(kind);
  CHECK(last > 0);
  for (const int64_t n : sampled(last)) {
    cuda_emulator::set_fake_faults({{kind, n, gpu_no_memory}});
    const Result<Models> models = load(small_model());
    CHECK_EQ(models.status().code(), Code::no_memory);
    for (const char* part : says)
      if (!contains(models.status().message(), part))
        ipa_test::fail(__FILE__, __LINE__,
                       "\"" + models.status().message() + "\" does not say \"" + part + "\"");
    CHECK_EQ(cuda_emulator::emulated_counters().allocations, 0);
    CHECK_EQ(cuda_emulator::emulated_counters().queues, 0);
  }
  cuda_emulator::set_fake_faults({});
  CHECK(loaded(small_model()) != nullptr);
}

}  // namespace

TEST_ONCE(cuda_faults_no_memory_for_weights) {
  check_loads(Call::take, {"cuda:0", "free", "needed", "with `devices`"});
}

TEST_ONCE(cuda_faults_no_memory_for_opening_a_gpu) {
  check_loads(Call::take_pinned, {"cuda:0", "4 MB of the host's memory", "needed", "ulimit -l"});
  check_loads(Call::event_create, {"cuda:0", "are free", "end other programs"});
  check_loads(Call::open, {"cuda:0", "the memory of the GPU is full", "end other programs"});
}

// Arenas are asked for again, without what calls before have left.
TEST_ONCE(cuda_faults_no_memory_in_a_call) { CHECK(count_failed_calls(Call::take) > 5); }

TEST_ONCE(cuda_faults_no_memory_for_a_kernel) {
  // The first launch of a kernel loads it.
  const Gpus gpus(fake_of(Pace::random));
  const Models models = loaded(small_model());
  if (!models) return;
  const GenerateRequest call = short_call();
  const GenerateResult expected = made(*models, call);
  cuda_emulator::set_fake_faults({{Call::launch, 20, gpu_no_memory}});
  const Status status = ipa_test::generate(*models, call, nullptr, nullptr).status();
  CHECK_EQ(status.code(), Code::no_memory);
  CHECK(contains(status.message(), "are free") && contains(status.message(), "end other programs"));
  CHECK(same(made(*models, call), expected));
}

TEST_ONCE(cuda_faults_no_memory_for_a_graph_is_no_error) { CHECK_EQ(count_failed_calls(Call::graph), 0); }

TEST_ONCE(cuda_faults_no_memory_while_recording_leaves_no_half_graph) {
  const Gpus gpus(fake_of(Pace::random));
  const Models models = loaded(small_model());
  if (!models) return;
  GenerateRequest call = short_call();
  call.steps = 3;
  const GenerateResult expected = made(*models, call);
  // The launches that are recorded are those of the second step: about where, of all launches, is found by trying.
  cuda_emulator::set_fake_faults({});
  made(*models, call);
  const int64_t last = calls_of(Call::launch);
  int went_on = 0;
  for (int64_t n = last; n > 0; n -= last / 12) {
    cuda_emulator::set_fake_faults({{Call::launch, n, gpu_no_memory}});
    auto result = ipa_test::generate(*models, call, nullptr, nullptr);
    if (!result.ok()) continue;
    ++went_on;
    CHECK(same(result.value(), expected));
  }
  CHECK(went_on > 0);
}

TEST_ONCE(cuda_faults_no_memory_where_there_is_too_little) {
  // A device that is full with one pipeline and its call: what does not fit says so, and what does works beside it.
  const GenerateRequest call = short_call();
  uint64_t most = 0;
  {
    const Gpus gpus;
    const Models models = loaded(small_model());
    if (!models) return;
    made(*models, call);
    most = cuda_emulator::emulated_counters().most_taken_bytes;
  }
  const Gpus gpus(FakeGpu{}, most + most / 8);
  const Models models = loaded(small_model());
  if (!models) return;
  const GenerateResult expected = made(*models, call);
  check_no_memory(load(small_model()).status());
  GenerateRequest large = call;
  large.width = large.height = 256;
  check_no_memory(ipa_test::generate(*models, large, nullptr, nullptr).status());
  CHECK(same(made(*models, call), expected));
}
