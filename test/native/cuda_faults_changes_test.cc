// A pipeline on a GPU whose LoRAs, adapters or controls are changed: back again it has the bits that it had, and a change
// that fails leaves it as it was.
#include "cuda_faults_rig.h"

using namespace cuda_faults;

namespace {

using Change = std::function<Status(ModelSet&)>;

std::string lora(const char* name) { return ipa_test::golden_folder() + "/loras/" + name + ".safetensors"; }

GenerateRequest call_with(int adapter) {
  GenerateRequest call = small_call();
  call.steps = 1;
  if (adapter >= 0) call.branches = {branch_of(adapter)};
  return call;
}

// There and back, and every so many of the allocations of the way there refused.
void check_change(const LoadRequest& request, const GenerateRequest& call, const Change& there,
                  const Change& back) {
  const Gpus gpus(fake_of(Pace::random));
  const Models models = loaded(request);
  if (!models) return;
  const GenerateResult before = made(*models, call);
  const uint64_t weights = taken_bytes();
  cuda_emulator::set_fake_faults({});
  CHECK_OK(there(*models));
  const int64_t takes = cuda_emulator::fake_counters().calls[static_cast<size_t>(Call::take)];
  CHECK_OK(back(*models));
  CHECK(same(made(*models, call), before));
  CHECK_EQ(taken_bytes(), weights);
  CHECK(takes > 0);
  for (int64_t n = 1; n <= takes; n = n < takes && n + 1 + n / 2 > takes ? takes : n + 1 + n / 2) {
    cuda_emulator::set_fake_faults({{Call::take, n, gpu_no_memory}});
    const Status failed = there(*models);
    CHECK_EQ(failed.code(), Code::no_memory);
    CHECK(contains(failed.message(), "cuda:0"));
    CHECK_EQ(taken_bytes(), weights);
    if (n == 1 || n == takes) CHECK(same(made(*models, call), before));
  }
  // The GPU fails in the middle: both the change and the pipeline end.
  cuda_emulator::set_fake_faults({{Call::copy, 2, gpu_failed}});
  CHECK_EQ(there(*models).code(), Code::device);
  CHECK_EQ(ipa_test::generate(*models, call, nullptr, nullptr).status().code(), Code::device);
}

}  // namespace

TEST_ONCE(cuda_faults_loras_change_and_change_back) {
  const auto set = [](std::vector<ipa::LoraRequest> loras) -> Change {
    return [loras](ModelSet& models) { return models.set_loras(loras, nullptr); };
  };
  check_change(small_model(), call_with(0), set({{lora("sd15-kohya"), 1}, {lora("sd15-peft"), 0.5f}}), set({}));
  LoadRequest with_lora = small_model();
  with_lora.loras = {{lora("sd15-kohya"), 1}};
  check_change(with_lora, call_with(-1), set({{lora("sd15-peft"), 0.5f}}), set(with_lora.loras));
}

TEST_ONCE(cuda_faults_adapters_change_and_change_back) {
  const std::vector<ipa::AdapterRequest> both = small_model().adapters;
  LoadRequest request = small_model();
  request.adapters = {both[0]};
  const Change there = [&](ModelSet& models) { return models.set_adapters({both[1], both[0]}, nullptr); };
  const Change back = [&](ModelSet& models) { return models.set_adapters({both[0]}, nullptr); };
  check_change(request, call_with(0), there, back);
}

TEST_ONCE(cuda_faults_controls_change_and_change_back) {
  const std::vector<ipa::ControlRequest> both = small_model_with_controls().controls;
  LoadRequest request = small_model_with_controls();
  request.controls = {both[1]};
  GenerateRequest call = call_with(-1);
  call.width = call.height = 128;
  call.decode = false;
  call.controls = {ipa_test::control_use(0)};
  const Change there = [&](ModelSet& models) { return models.set_controls({both[0], both[1]}, nullptr); };
  const Change back = [&](ModelSet& models) { return models.set_controls({both[1]}, nullptr); };
  check_change(request, call, there, back);
}

TEST_ONCE(cuda_faults_fooocus_patch_changes_and_changes_back) {
  LoadRequest request = small_xl_model();
  request.adapters.clear();
  const std::string files = ipa_test::golden_folder() + "/inpaint/";
  request.inpaint = {files + "head.pth", files + "patch.fooocus.patch", 1};
  const Gpus gpus(fake_of(Pace::random));
  const Models models = loaded(request);
  if (!models) return;
  GenerateRequest call = ipa_test::plain_request("sdxl", "euler-negative");
  call.steps = 1;
  call.width = call.height = 64;
  call.decode = false;
  GenerateRequest repaint = call;
  repaint.image = ipa_test::picture_of("images/wide-150x100.png");
  repaint.mask = ipa_test::picture_of("images/square-64.png");
  repaint.strength = 1;
  const GenerateResult plain = made(*models, call), repainted = made(*models, repaint);
  CHECK(same(made(*models, call), plain));
  CHECK(same(made(*models, repaint), repainted));
  CHECK(!same(plain, repainted));
}
