// Whatever legal order a GPU does its work in, whole calls give the bits that they have where all is done at once, and nothing
// is used that was given back or not waited for.
#include "cuda_faults_rig.h"

using namespace cuda_faults;

namespace {

struct Case {
  const char* what;
  LoadRequest load;
  std::vector<GenerateRequest> calls;
};

GenerateRequest with(GenerateRequest call, void (*change)(GenerateRequest&)) {
  change(call);
  return call;
}

std::vector<Case> cases() {
  const GenerateRequest plain = small_call();
  const GenerateRequest adapters = with(plain, [](GenerateRequest& call) {
    call.branches = {branch_of(0), branch_of(1, 0.4f, 2)};
    call.branches[0].mask = ipa_test::picture_of("images/square-64.png");
    call.seeds = {3, 4, 5};
    call.preview_every = 1;
  });
  const GenerateRequest maps = with(plain, [](GenerateRequest& call) {
    call.branches = {branch_of(0)};
    call.branches[0].images[0].source = 0;
    call.attention_maps = {0, 1};
    call.cache_every = 2;
  });
  const GenerateRequest repaint = with(plain, [](GenerateRequest& call) {
    call.image = ipa_test::picture_of("images/wide-150x100.png");
    call.mask = ipa_test::picture_of("images/square-64.png");
    call.strength = 0.9;
    call.steps = 3;
    call.merge_ratio = 0.5;
  });
  const GenerateRequest controls = with(plain, [](GenerateRequest& call) {
    call.width = call.height = 128;
    call.decode = false;
    call.controls = {ipa_test::control_use(0), ipa_test::control_use(1)};
    call.controls[0].guess = true;
  });
  return {{"adapters and pictures", small_model(), {adapters, maps, repaint}},
          {"controls", small_model_with_controls(), {controls}}};
}

std::vector<GenerateResult> results_of(const Case& one) {
  std::vector<GenerateResult> results;
  const Models models = loaded(one.load);
  ipa::Caches caches;
  for (const GenerateRequest& call : one.calls) {
    auto result = models ? ipa::generate({*models, caches}, call, nullptr, nullptr)
                         : Result<GenerateResult>(Code::internal, "not loaded");
    CHECK_OK(result.status());
    results.push_back(result.ok() ? result.take() : GenerateResult());
  }
  return results;
}

}  // namespace

TEST_ONCE(cuda_faults_every_order_gives_the_same_bits) {
  for (const Case& one : cases()) {
    std::vector<GenerateResult> expected;
    {
      const Gpus gpus(Gpus::Emulated{});
      expected = results_of(one);
    }
    std::vector<FakeGpu> orders = {fake_of(Pace::late), fake_of(Pace::random, 1), fake_of(Pace::random, 2)};
    for (const FakeGpu& order : orders) {
      const Gpus gpus(order);
      const std::vector<GenerateResult> results = results_of(one);
      for (size_t i = 0; i < results.size(); ++i) CHECK(same(results[i], expected[i]));
    }
  }
}
