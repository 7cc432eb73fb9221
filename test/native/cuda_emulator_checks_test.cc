// Kernels with one fault planted: each is found, and said what it is. Those marked `checked` only in an executable whose kernels
// were compiled with checks.
#include "cuda_emulator_rig.h"

using namespace emulator_test;
using cuda_emulator::Options;

namespace {

enum class Found { always, checked };

// What `launch` comes to with a device of each order: some order must find the fault, by a finding with `part` in its text.
template <class Launch>
void check_found(Found found, const char* part, const Launch& launch) {
  bool seen = false;
  for (const Options& options : all_orders()) {
    reset_device(options);
    Gpu gpu(*cuda_emulator::emulated_api());
    launch(gpu);
    seen = seen || has_finding(part);
  }
  if (found == Found::always || cuda_emulator::checked()) {
    CHECK(seen);
    if (!seen) std::printf("    expected a finding of \"%s\"\n", part);
  }
}

void launch_product(Gpu& gpu, Fault fault) {
  constexpr int rows = 40, columns = 32, depth = 64;
  const std::vector<uint16_t> halves(rows * depth, 0x3c00);
  TestArgs g;
  g.b = gpu.upload(halves), g.out = gpu.device(rows * columns * 2);
  g.a = gpu.upload(halves);  // the last, so that nothing lies behind it
  g.rows = rows, g.columns = columns, g.depth = depth, g.fault = fault;
  CHECK_EQ(gpu.launch(Kernel::product, g), gpu_ok);
}

void launch_turn(Gpu& gpu, Fault fault) {
  TestArgs g;
  g.a = gpu.upload(random_floats(32 * 32, 5)), g.out = gpu.device(32 * 32 * 4);
  g.rows = g.columns = 32, g.fault = fault;
  CHECK_EQ(gpu.launch(Kernel::turn, g), gpu_ok);
}

void launch_row_sums(Gpu& gpu, Fault fault) {
  TestArgs g;
  const std::vector<float> values = random_floats(4 * 20, 6);
  g.out = gpu.device(16), g.a = gpu.upload(values);
  if (fault == Fault::host_memory) g.a = values.data();
  g.rows = 4, g.columns = 20, g.fault = fault;
  CHECK_EQ(gpu.launch(Kernel::row_sums, g), gpu_ok);
}

void launch_votes(Gpu& gpu, Fault fault) {
  TestArgs g;
  g.a = gpu.upload(std::vector<int32_t>(64, 1)), g.out = gpu.device(64 * 16), g.fault = fault;
  CHECK_EQ(gpu.launch(Kernel::votes, g), gpu_ok);
}

}  // namespace

TEST_ONCE(cuda_emulator_has_no_findings_of_right_kernels) {
  for (const Options& options : all_orders()) {
    reset_device(options);
    Gpu gpu(*cuda_emulator::emulated_api());
    launch_product(gpu, Fault::none);
    launch_turn(gpu, Fault::none);
    launch_row_sums(gpu, Fault::none);
    launch_votes(gpu, Fault::none);
    check_no_findings();
  }
}

TEST_ONCE(cuda_emulator_finds_copies_that_are_not_waited_for) {
  check_found(Found::checked, "read while a copy to it is under way",
              [](Gpu& gpu) { launch_product(gpu, Fault::no_wait); });
  check_found(Found::checked, "read while a copy to it is under way",
              [](Gpu& gpu) { launch_product(gpu, Fault::wait_too_short); });
}

TEST_ONCE(cuda_emulator_finds_missing_barriers) {
  check_found(Found::checked, "race: read after write",
              [](Gpu& gpu) { launch_product(gpu, Fault::no_barrier); });
  check_found(Found::checked, "race: write after read",
              [](Gpu& gpu) { launch_product(gpu, Fault::no_barrier); });
  check_found(Found::checked, "race: read after write", [](Gpu& gpu) { launch_turn(gpu, Fault::no_barrier); });
}

TEST_ONCE(cuda_emulator_finds_lanes_of_a_warp_that_race) {
  for (const Fault fault : {Fault::none, Fault::no_warp_sync}) {
    reset_device();
    Gpu gpu(*cuda_emulator::emulated_api());
    const std::vector<float> values = random_floats(32 * 32, 7);
    TestArgs g;
    g.a = gpu.upload(values), g.out = gpu.device(32 * 32 * 4), g.fault = fault;
    CHECK_EQ(gpu.launch(Kernel::warp_turn, g), gpu_ok);
    if (cuda_emulator::checked()) CHECK_EQ(has_finding("race: read after write"), fault != Fault::none);
    if (fault != Fault::none) continue;
    const std::vector<float> turned = gpu.download(static_cast<const float*>(g.out), 32 * 32);
    for (size_t i = 0; i < 32 * 32; ++i) CHECK_EQ(turned[i], values[i % 32 * 32 + i / 32]);
  }
}

TEST_ONCE(cuda_emulator_finds_accesses_out_of_bounds) {
  check_found(Found::checked, "out of bounds of global memory",
              [](Gpu& gpu) { launch_product(gpu, Fault::past_the_end); });
  check_found(Found::checked, "out of bounds of global memory",
              [](Gpu& gpu) { launch_row_sums(gpu, Fault::past_the_end); });
  check_found(Found::checked, "out of bounds of shared memory",
              [](Gpu& gpu) { launch_turn(gpu, Fault::past_the_shared); });
  check_found(Found::checked, "memory of the host", [](Gpu& gpu) { launch_row_sums(gpu, Fault::host_memory); });
}

TEST_ONCE(cuda_emulator_finds_memory_that_was_given_back) {
  reset_device();
  Gpu gpu(*cuda_emulator::emulated_api());
  TestArgs g;
  void* gone = nullptr;
  CHECK_EQ(gpu.api.take(gpu.queue, 4 * 20 * 4, &gone), gpu_ok);
  CHECK_EQ(gpu.api.fill_zero(gpu.queue, gone, 4 * 20 * 4), gpu_ok);
  CHECK_EQ(gpu.api.give(gpu.queue, gone), gpu_ok);
  auto* out = static_cast<float*>(gpu.device(16));
  g.a = gone, g.out = out, g.rows = 4, g.columns = 20;
  CHECK_EQ(gpu.launch(Kernel::row_sums, g), gpu_ok);
  if (cuda_emulator::checked()) CHECK(has_finding("out of bounds of global memory"));
  CHECK(std::isnan(gpu.download(out, 4)[0]));
}

TEST_ONCE(cuda_emulator_finds_bytes_that_nobody_wrote) {
  check_found(Found::checked, "read before it was written",
              [](Gpu& gpu) { launch_turn(gpu, Fault::never_written); });
  reset_device();
  Gpu gpu(*cuda_emulator::emulated_api());
  TestArgs g;
  auto* out = static_cast<float*>(gpu.device(16));
  g.a = gpu.device(4 * 20 * 4), g.out = out, g.rows = 4, g.columns = 20;
  CHECK_EQ(gpu.launch(Kernel::row_sums, g), gpu_ok);
  if (cuda_emulator::checked()) CHECK(has_finding("read before it was written"));
  CHECK(std::isnan(gpu.download(out, 4)[0]));
}

TEST_ONCE(cuda_emulator_finds_blocks_that_write_one_place) {
  const std::vector<int32_t> values(512, 3);
  reset_device();
  Gpu gpu(*cuda_emulator::emulated_api());
  TestArgs g;
  g.a = gpu.upload(values), g.out = gpu.upload(std::vector<int32_t>(5, 0)), g.rows = 512, g.columns = 5;
  g.fault = Fault::not_atomic;
  CHECK_EQ(gpu.launch(Kernel::histogram, g), gpu_ok);
  if (!cuda_emulator::checked()) return;
  CHECK(has_finding("race: read after write"));
  CHECK(has_finding("another block's write"));
}

// Without checks the processor might end the process for it.
TEST_ONCE(cuda_emulator_loses_the_device_where_accesses_are_misaligned) {
  if (!cuda_emulator::checked()) return;
  reset_device();
  Gpu gpu(*cuda_emulator::emulated_api());
  TestArgs g;
  g.a = gpu.upload(random_floats(32 * 32, 5)), g.out = gpu.device(32 * 32 * 4);
  g.rows = g.columns = 32, g.fault = Fault::misaligned;
  CHECK_EQ(gpu.launch(Kernel::turn, g), gpu_lost);
  CHECK(has_finding("a misaligned access"));
  // A new device works: nothing of the launch is left.
  reset_device();
  Gpu next(*cuda_emulator::emulated_api());
  launch_turn(next, Fault::none);
  check_no_findings();
}

TEST_ONCE(cuda_emulator_finds_threads_that_others_wait_for) {
  check_found(Found::always, "have ended for which others wait",
              [](Gpu& gpu) { launch_row_sums(gpu, Fault::early_exit); });
  check_found(Found::always, "a barrier that some threads have left",
              [](Gpu& gpu) { launch_turn(gpu, Fault::early_exit); });
}

TEST_ONCE(cuda_emulator_finds_lanes_that_meet_wrongly) {
  check_found(Found::always, "meet for different things",
              [](Gpu& gpu) { launch_votes(gpu, Fault::other_meeting); });
  check_found(Found::always, "leaves out the lane itself",
              [](Gpu& gpu) { launch_votes(gpu, Fault::lane_left_out); });
  check_found(Found::always, "a lane that takes no part",
              [](Gpu& gpu) { launch_votes(gpu, Fault::silent_lane); });
}

TEST_ONCE(cuda_emulator_findings_say_where) {
  reset_device();
  Gpu gpu(*cuda_emulator::emulated_api());
  launch_turn(gpu, Fault::early_exit);
  for (const cuda_emulator::Finding& finding : cuda_emulator::findings())
    if (finding.kind == "a barrier that some threads have left") {
      CHECK_EQ(finding.kernel, "turn");
      CHECK(finding.text.find("turn: a barrier") != std::string::npos);
      CHECK(finding.text.find("of block (0, 0, 0)") != std::string::npos);
      return;
    }
  CHECK(!"found");
}
