// A call on a GPU that is cancelled asks for no more launches, and the pipeline works on.
#include "cuda/backend/cuda_device_kind.h"
#include "cuda_faults_rig.h"
#include "graph/device_kinds.h"

using namespace cuda_faults;

namespace {

// The fake GPU with a launch at which somebody cancels.
struct Hook {
  int64_t at = 0, count = 0, after = 0;
  ipa::CancelFlag* cancel = nullptr;
  void launched() {
    if (cancel && cancel->load()) ++after;
    if (++count == at && cancel) cancel->store(true);
  }
};
Hook hook;

const GpuApi& hooked_api() {
  static const GpuApi table = [] {
    GpuApi hooked = *cuda_emulator::fake_api();
    hooked.launch = [](GpuQueue* queue, int32_t kernel, const void* arguments, uint64_t bytes) {
      hook.launched();
      return cuda_emulator::fake_api()->launch(queue, kernel, arguments, bytes);
    };
    hooked.graph_launch = [](GpuQueue* queue, GpuGraph* graph) {
      hook.launched();
      return cuda_emulator::fake_api()->graph_launch(queue, graph);
    };
    return hooked;
  }();
  return table;
}

}  // namespace

TEST_ONCE(cuda_faults_cancelled_call_ends_at_once) {
  const Gpus gpus(fake_of(Pace::random));
  ipa::gpu::register_cuda(hooked_api());
  const Models models = loaded(small_model());
  if (!models) return;
  GenerateRequest call = small_call();
  call.steps = 3;
  call.branches = {branch_of(0)};
  hook = {};
  const GenerateResult expected = made(*models, call);
  const int64_t launches = hook.count;
  const uint64_t weights = taken_bytes();
  int64_t most_after = 0;
  for (int64_t at = 1; at <= launches; at += 1 + launches / 12) {
    ipa::CancelFlag cancel{false};
    hook = {at, 0, 0, &cancel};
    auto result = ipa_test::generate(*models, call, nullptr, &cancel);
    CHECK_EQ(result.status().code(), Code::cancelled);
    CHECK_EQ(taken_bytes(), weights);
    most_after = std::max(most_after, hook.after);
    hook = {};
  }
  // Nothing but a graph that was complete.
  CHECK(most_after <= 1);
  CHECK(same(made(*models, call), expected));
}

TEST_ONCE(cuda_faults_cancelled_load_leaves_nothing) {
  const Gpus gpus(fake_of(Pace::random));
  ipa::CancelFlag cancel{true};
  CHECK_EQ(ModelSet::load(small_model(), &cancel).status().code(), Code::cancelled);
}
