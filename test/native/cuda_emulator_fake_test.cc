// The fake GpuApi: late work shows what the engine does wrong with memory, and calls fail on demand.
#include <algorithm>

#include "cuda_emulator_rig.h"
#include "fake_api.h"

using namespace emulator_test;
using cuda_emulator::Call;
using cuda_emulator::fake_api;
using cuda_emulator::fake_findings;
using cuda_emulator::FakeGpu;
using cuda_emulator::Pace;

namespace {

FakeGpu settings_of(Pace pace, uint32_t seed = 1) {
  FakeGpu settings;
  settings.pace = pace;
  settings.seed = seed;
  return settings;
}

void reset_both(const FakeGpu& settings) {
  reset_device();
  cuda_emulator::reset_fake_gpu(settings);
}

bool found(const char* part) {
  const std::vector<std::string> all = fake_findings();
  return std::any_of(all.begin(), all.end(),
                     [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

// Fills pinned memory with `value`, copies it to the device and back.
struct RoundTrip {
  Gpu gpu{*fake_api()};
  int32_t *from, *to;
  void* device;
  explicit RoundTrip(int32_t value) {
    device = gpu.device(4);
    from = static_cast<int32_t*>(gpu.pinned(4));
    to = static_cast<int32_t*>(gpu.pinned(4));
    *from = value;
    *to = 0;
    CHECK_EQ(gpu.api.copy_in(gpu.queue, device, from, 4), gpu_ok);
    CHECK_EQ(gpu.api.copy_out(gpu.queue, to, device, 4), gpu_ok);
  }
};

}  // namespace

TEST_ONCE(cuda_fake_api_does_the_right_thing_in_every_order) {
  const std::vector<float> values = random_floats(4 * 20, 9);
  for (const Pace pace : {Pace::late, Pace::at_once, Pace::random})
    for (const uint32_t seed : {1u, 2u, 3u, 4u}) {
      reset_both(settings_of(pace, seed));
      {
        Gpu first(*fake_api()), second(*fake_api());
        TestArgs g;
        g.a = first.upload(values), g.rows = 4, g.columns = 20;
        auto* out = static_cast<float*>(first.device(16));
        g.out = out;
        CHECK_EQ(first.launch(Kernel::row_sums, g), gpu_ok);
        const std::vector<float> copy = second.download(second.upload(values), values.size());
        CHECK(copy == values);
        const std::vector<float> sums = first.download(out, 4);
        for (size_t r = 0; r < 4; ++r) {
          double sum = 0;
          for (size_t c = 0; c < 20; ++c) sum += static_cast<double>(values[r * 20 + c]);
          CHECK_NEAR(static_cast<double>(sums[r]), sum, 1e-5);
        }
      }
      CHECK(fake_findings().empty());
    }
}

TEST_ONCE(cuda_fake_api_shows_reads_that_did_not_wait) {
  reset_both(settings_of(Pace::late));
  RoundTrip trip(7);
  CHECK(*trip.to != 7);
  trip.gpu.wait();
  CHECK_EQ(*trip.to, 7);
}

TEST_ONCE(cuda_fake_api_shows_pinned_memory_that_changes_too_early) {
  reset_both(settings_of(Pace::late));
  RoundTrip trip(7);
  *trip.from = 8;
  trip.gpu.wait();
  CHECK_EQ(*trip.to, 8);
}

TEST_ONCE(cuda_fake_api_does_work_now_and_then) {
  int early = 0, late = 0;
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    reset_both(settings_of(Pace::random, seed));
    RoundTrip trip(7);
    *trip.from = 8;
    trip.gpu.wait();
    ++(*trip.to == 7 ? early : late);
  }
  CHECK(early > 0);
  CHECK(late > 0);
}

TEST_ONCE(cuda_fake_api_waits_where_memory_is_given_back) {
  reset_both(settings_of(Pace::late));
  Gpu gpu(*fake_api());
  void *device = gpu.device(4), *from = nullptr;
  CHECK_EQ(gpu.api.take_pinned(gpu.queue, 4, &from), gpu_ok);
  *static_cast<int32_t*>(from) = 7;
  CHECK_EQ(gpu.api.copy_in(gpu.queue, device, from, 4), gpu_ok);
  CHECK_EQ(gpu.api.give_pinned(gpu.queue, from), gpu_ok);
  CHECK_EQ(gpu.download(static_cast<const int32_t*>(device), 1)[0], 7);
  CHECK(fake_findings().empty());
}

TEST_ONCE(cuda_fake_api_finds_memory_that_another_queue_still_uses) {
  reset_both(settings_of(Pace::late));
  Gpu owner(*fake_api()), user(*fake_api());
  void* device = nullptr;
  CHECK_EQ(owner.api.take(owner.queue, 4 * 20 * 4, &device), gpu_ok);
  TestArgs g;
  g.a = device, g.out = user.device(16), g.rows = 4, g.columns = 20;
  CHECK_EQ(user.launch(Kernel::row_sums, g), gpu_ok);
  CHECK_EQ(owner.api.give(owner.queue, device), gpu_ok);
  CHECK(found("another queue's work still uses"));
}

TEST_ONCE(cuda_fake_api_finds_memory_that_was_given_back) {
  reset_both(settings_of(Pace::late));
  Gpu gpu(*fake_api());
  void* device = nullptr;
  CHECK_EQ(gpu.api.take(gpu.queue, 4 * 20 * 4, &device), gpu_ok);
  TestArgs g;
  g.a = device, g.out = gpu.device(16), g.rows = 4, g.columns = 20;
  GpuGraph* graph = nullptr;
  CHECK_EQ(gpu.api.graph_begin(gpu.queue), gpu_ok);
  CHECK_EQ(gpu.launch(Kernel::row_sums, g), gpu_ok);
  CHECK_EQ(gpu.api.graph_end(gpu.queue, &graph), gpu_ok);
  CHECK_EQ(gpu.api.graph_launch(gpu.queue, graph), gpu_ok);
  CHECK_EQ(gpu.api.give(gpu.queue, device), gpu_ok);
  CHECK(fake_findings().empty());
  CHECK_EQ(gpu.api.graph_launch(gpu.queue, graph), gpu_ok);
  CHECK(found("with memory that was given back"));
  gpu.api.graph_free(graph);
}

TEST_ONCE(cuda_fake_api_launches_graphs_that_were_freed_meanwhile) {
  const std::vector<float> values = random_floats(20, 9);
  for (const Pace pace : {Pace::late, Pace::at_once, Pace::random}) {
    reset_both(settings_of(pace));
    {
      Gpu gpu(*fake_api());
      TestArgs g;
      auto* out = static_cast<float*>(gpu.device(4));
      g.a = gpu.upload(values), g.out = out, g.rows = 1, g.columns = 20;
      GpuGraph* graph = nullptr;
      CHECK_EQ(gpu.api.graph_begin(gpu.queue), gpu_ok);
      CHECK_EQ(gpu.launch(Kernel::row_sums, g), gpu_ok);
      CHECK_EQ(gpu.api.graph_end(gpu.queue, &graph), gpu_ok);
      CHECK_EQ(gpu.api.graph_launch(gpu.queue, graph), gpu_ok);
      gpu.api.graph_free(graph);
      double sum = 0;
      for (const float value : values) sum += static_cast<double>(value);
      CHECK_NEAR(static_cast<double>(gpu.download(out, 1)[0]), sum, 1e-5);
    }
    CHECK(fake_findings().empty());
    CHECK_EQ(cuda_emulator::emulated_counters().graphs, 0);
  }
}

TEST_ONCE(cuda_fake_api_finds_what_is_illegal_at_once) {
  reset_both(settings_of(Pace::late));
  {
    Gpu gpu(*fake_api());
    int32_t on_stack = 5;
    void* device = gpu.device(8);
    CHECK_EQ(gpu.api.copy_in(gpu.queue, device, &on_stack, 4), gpu_ok);
    CHECK(found("not pinned"));
    CHECK_EQ(gpu.api.fill_zero(gpu.queue, static_cast<char*>(device) + 4, 8), gpu_ok);
    CHECK(found("no memory of the device is taken"));
    GpuEvent* event = nullptr;
    double seconds = 0;
    CHECK_EQ(gpu.api.event_create(gpu.queue, &event), gpu_ok);
    CHECK_EQ(gpu.api.event_record(gpu.queue, event), gpu_ok);
    CHECK_EQ(gpu.api.event_wait(event), gpu_failed);  // the fill came to nothing
    CHECK_EQ(gpu.api.event_record(gpu.queue, event), gpu_ok);
    CHECK_EQ(gpu.api.event_seconds(event, event, &seconds), gpu_failed);
    CHECK(found("was not waited for"));
    gpu.api.event_free(event);
    TestArgs g;
    g.a = gpu.pinned(64), g.out = device, g.rows = 1, g.columns = 16;
    CHECK_EQ(gpu.launch(Kernel::row_sums, g), gpu_ok);
    CHECK(found("with memory of the host"));
  }
  GpuQueue* queue = nullptr;
  void* left = nullptr;
  CHECK_EQ(fake_api()->open(0, &queue), gpu_ok);
  CHECK_EQ(fake_api()->take(queue, 64, &left), gpu_ok);
  fake_api()->close(queue);
  CHECK(found("not given back"));
}

TEST_ONCE(cuda_fake_api_fails_the_call_that_it_was_told_to) {
  FakeGpu settings;
  settings.faults = {{Call::take, 2, gpu_no_memory}, {Call::launch, 1, gpu_failed}, {Call::copy, 3, gpu_lost}};
  reset_both(settings);
  const GpuApi& api = *fake_api();
  GpuQueue* queue = nullptr;
  void *first = nullptr, *second = nullptr;
  CHECK_EQ(api.open(0, &queue), gpu_ok);
  CHECK_EQ(api.take(queue, 64, &first), gpu_ok);
  CHECK_EQ(api.take(queue, 64, &second), gpu_no_memory);
  CHECK_EQ(api.take(queue, 64, &second), gpu_ok);
  const TestArgs g;
  CHECK_EQ(api.launch(queue, 0, &g, sizeof(g)), gpu_failed);
  char text[128];
  api.describe(text, sizeof(text));
  CHECK_EQ(std::string(text), "a fault that was asked for");
  CHECK_EQ(api.fill_zero(queue, first, 64), gpu_ok);
  CHECK_EQ(api.copy_within(queue, second, first, 64), gpu_ok);
  CHECK_EQ(api.fill_zero(queue, first, 64), gpu_lost);
  CHECK_EQ(api.launch(queue, 0, &g, sizeof(g)), gpu_lost);
  void* third = nullptr;
  CHECK_EQ(api.take(queue, 64, &third), gpu_lost);
  CHECK_EQ(api.give(queue, first), gpu_lost);
  CHECK_EQ(api.give(queue, second), gpu_lost);
  api.close(queue);
  CHECK(fake_findings().empty());
  CHECK_EQ(cuda_emulator::emulated_counters().taken_bytes, 0);
}

TEST_ONCE(cuda_fake_api_loses_the_device_at_every_call) {
  // Whatever the call, the work goes through to its end without a finding, and all later calls fail.
  for (int64_t from = 1; from <= 16; ++from) {
    FakeGpu settings;
    settings.lost_from = from;
    reset_both(settings);
    const GpuApi& api = *fake_api();
    GpuQueue* queue = nullptr;
    void *device = nullptr, *pinned = nullptr;
    GpuEvent* event = nullptr;
    std::vector<GpuResult> results = {api.open(0, &queue)};
    if (queue) {
      results.push_back(api.take(queue, 64, &device));
      results.push_back(api.take_pinned(queue, 64, &pinned));
      if (device && pinned) results.push_back(api.copy_in(queue, device, pinned, 64));
      results.push_back(api.event_create(queue, &event));
      if (event) {
        results.push_back(api.event_record(queue, event));
        results.push_back(api.event_wait(event));
      }
      api.event_free(event);
      if (device) results.push_back(api.give(queue, device));
      if (pinned) results.push_back(api.give_pinned(queue, pinned));
      api.close(queue);
    }
    const auto first_lost = std::find(results.begin(), results.end(), gpu_lost);
    CHECK_EQ(first_lost - results.begin(), std::min<int64_t>(from - 1, static_cast<int64_t>(results.size())));
    CHECK(std::all_of(first_lost, results.end(), [](GpuResult result) { return result == gpu_lost; }));
    CHECK(fake_findings().empty());
  }
}

TEST_ONCE(cuda_fake_api_answers_as_machines_that_cannot_run_it) {
  GpuQueue* queue = nullptr;
  int32_t count = -1;
  FakeGpu settings;
  settings.versions = {0, 13000};
  reset_both(settings);
  CHECK_EQ(fake_api()->device_count(&count), gpu_no_driver);
  settings.versions = {12040, 13000};
  reset_both(settings);
  GpuVersions versions{};
  CHECK_EQ(fake_api()->versions(&versions), gpu_ok);
  CHECK_EQ(versions.driver, 12040);
  CHECK_EQ(fake_api()->device_count(&count), gpu_driver_too_old);
  CHECK_EQ(fake_api()->open(0, &queue), gpu_driver_too_old);
  settings.versions = {13000, 13000};
  settings.devices = 0;
  reset_both(settings);
  CHECK_EQ(fake_api()->device_count(&count), gpu_ok);
  CHECK_EQ(count, 0);
  CHECK_EQ(fake_api()->open(0, &queue), gpu_no_device);
  settings.devices = 2;
  settings.old_architecture = true;
  reset_both(settings);
  CHECK_EQ(fake_api()->open(1, &queue), gpu_old_architecture);
  CHECK_EQ(fake_api()->open(2, &queue), gpu_no_device);
}
