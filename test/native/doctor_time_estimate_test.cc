// The estimate of a picture's time: what it counts, what it measures in place of it, and what comes of that.
#include "doctor/time_estimate.h"

#include <cmath>
#include <map>

#include "doctor/known_networks.h"
#include "doctor/op_shape.h"
#include "doctor/step_flops.h"
#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Compute;
using ipa::Op;
using ipa::OpShape;

// `use` gets the plan while there is all that it needs.
template <class Use>
void with_plan(ipa::KnownNetwork network, Compute dtype, Use use) {
  const ipa::CpuBackend backend(ipa_test::test_kernels(), 2);
  network.set_dtype(dtype, backend.capabilities());
  ipa::ParamSet params;
  ipa::Graph graph(&params);
  CHECK_OK(ipa::describe_known(graph, network, params).status());
  const auto plan = ipa::Plan::make(std::move(graph), backend);
  CHECK_OK(plan.status());
  if (plan.ok()) use(plan.value());
}

std::map<Op, double> gigaflops_of(const ipa::KnownNetwork& network) {
  std::map<Op, double> sums;
  with_plan(network, Compute::f32, [&](const ipa::Plan& plan) {
    for (const ipa::Step& step : plan.steps()) sums[step.node->op] += ipa::step_flops(step) / 1e9;
  });
  return sums;
}

// As counted of diffusers' UNet: 444 of convolutions, 233 of linear layers and 126 of attention in a forward pass. The keys and values
// of the text are none of a step's: two of 77 x 768 in each of 16 layers, of 320 (5), 640 (5) and 1280 (6) channels.
TEST_ONCE(doctor_estimate_counts_the_work_of_a_unet) {
  const std::map<Op, double> sums = gigaflops_of({"sd15", 0, false});
  const double keys = 2 * 2 * 77.0 * 768 * (5 * 320 + 5 * 640 + 6 * 1280) / 1e9;
  CHECK_NEAR(sums.at(Op::conv2d), 2 * 444.0, 2.0);
  CHECK_NEAR(sums.at(Op::linear) + sums.at(Op::geglu_linear), 2 * (233 - keys), 2.0);
  CHECK_NEAR(sums.at(Op::attention), 2 * 126.0, 2.0);
}

// 3 x 3 convolutions of a decoder that doubles its side three times: counted by hand for its widest level, two residual blocks of 128
// channels after one from 256, and the convolution to three.
TEST_ONCE(doctor_estimate_counts_the_work_of_a_decoder) {
  double widest = 0;
  with_plan({"vae"}, Compute::f32, [&](const ipa::Plan& plan) {
    for (const ipa::Step& step : plan.steps())
      if (step.node->op == Op::conv2d && step.out_shape.h == 512 && step.node->conv.kernel_h == 3 &&
          !step.upsample_h)
        widest += ipa::step_flops(step);
  });
  const double pixels = 512.0 * 512;
  CHECK_EQ(widest, 2 * 9 * pixels * (256 * 128 + 5 * 128 * 128 + 128 * 3));
}

TEST_ONCE(doctor_estimate_measures_less_of_the_same) {
  constexpr double most = 1e9;
  int smaller = 0;
  for (const char* model : {"sd15", "sdxl", "vae", "vision", "text", "text_xl"})
    for (const Compute dtype : {Compute::f32, Compute::bf16})
      with_plan({model, 0, true}, dtype, [&](const ipa::Plan& plan) {
        for (const ipa::Step& step : plan.steps()) {
          const OpShape whole(step), part = whole.with_work(most);
          CHECK(part.work() <= whole.work());
          if (whole.work() <= most) CHECK_EQ(part.text(), whole.text());
          smaller += part.work() < whole.work();
          CHECK(part.in.c == whole.in.c || whole.op == Op::attention);
          CHECK(part.op == whole.op && part.compute == whole.compute && part.halves == whole.halves);
          if (whole.op == Op::attention) CHECK_EQ(part.out.c / part.heads, whole.out.c / whole.heads);
          // What is left is not cut to pieces: the time of a piece would be that of its edges.
          if (whole.work() > most && whole.multiplies()) CHECK(part.work() > most / 8);
        }
      });
  CHECK(smaller > 100);
}

TEST(doctor_estimate_has_every_part_of_a_picture) {
  ON_CPU_ALONE("kernels of a CPU");
  const ipa::Kernels& kernels = ipa_test::test_kernels();
  // It takes the longer the less a processor can do at once.
  if (kernels.panels.lanes < 8) return;
  const auto times = ipa::estimate_times(kernels, nullptr);
  CHECK_OK(times.status());
  if (!times.ok()) return;
  CHECK_EQ(times.value().size(), size_t{kernels.fast_bf16 ? 4u : 2u});
  for (const ipa::PictureTime& time : times.value()) {
    CHECK(time.step > 0 && time.decoder > 0 && time.encoders > 0 && std::isfinite(time.whole()));
    CHECK_EQ(time.side, time.model == "sdxl" ? 1024 : 512);
    CHECK_NEAR(time.whole(), time.encoders + 20 * time.step + time.decoder, 1e-9 * time.whole());
  }
}

TEST_ONCE(doctor_estimate_can_be_cancelled) {
  const ipa::CancelFlag cancel{true};
  const auto times = ipa::estimate_times(ipa_test::test_kernels(), &cancel);
  CHECK(times.status().code() == ipa::Code::cancelled);
}

}  // namespace
