// Times every step of a full-size network with random weights: native_bench --model sd15|sdxl|vae|text|vision
// [--threads N] [--rounds N] [--adapter] [--bf16 | --int16 | --int8] [--side LATENTS] [--layers | --seconds].
// native_bench --estimate [--threads N]: what `doctor` says that pictures would take. Run by bench/kernels.mjs.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "cpu/cpu_backend.h"
#include "cpu/isa/cpu_features.h"
#include "cpu/launch/thread_pool.h"
#include "doctor/step_flops.h"
#include "doctor/time_estimate.h"
#include "graph/op_traits.h"
#include "networks.h"
#include "peak.h"

namespace {

using ipa::Op;
using ipa::Step;

std::string text(const ipa::Shape& s) {
  return std::to_string(s.n) + "x" + std::to_string(s.h) + "x" + std::to_string(s.w) + "x" +
         std::to_string(s.c);
}

std::string describe(const Step& step) {
  std::string what = ipa::op_traits(step.node->op).name;
  if (step.node->op == Op::conv2d)
    what += " " + std::to_string(step.node->conv.kernel_h) + "x" + std::to_string(step.node->conv.kernel_w) +
            (step.node->conv.stride > 1 ? " /" + std::to_string(step.node->conv.stride) : "");
  what += " " + text(step.input_shapes.empty() ? step.out_shape : step.input_shapes[0]);
  if (step.node->op == Op::attention) {
    what += " heads " + std::to_string(step.node->kv.heads) + " keys";
    for (size_t i = 1; i < step.inputs.size(); i = i == 1 ? 2 : i + 2)
      what += " " + std::to_string(step.input_shapes[i].rows_per_item());
    return what;
  }
  return what + " -> " + std::to_string(step.out_shape.c);
}

struct Line {
  int count = 0;
  double flop = 0, seconds = 0;
};

int fail(const ipa::Status& status) {
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}

int print_estimate(const ipa::Kernels& kernels) {
  const auto times = ipa::estimate_times(kernels, nullptr);
  if (!times.ok()) return fail(times.status());
  for (const ipa::PictureTime& time : times.value())
    std::printf("%s %s: %.3f s a step, %.3f s of encoders, %.3f s of decoder\n", time.model.c_str(),
                time.dtype == ipa::Compute::bf16 ? "bf16" : "f32", time.step, time.encoders, time.decoder);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  ipa_bench::Choice choice;
  int threads = ipa::ThreadPool::hardware_threads(), rounds = 3;
  bool layers = false, seconds_only = false, estimate = false;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const auto value = [&] { return std::string(i + 1 < argc ? argv[++i] : ""); };
    if (flag == "--model") choice.model = value();
    if (flag == "--side") choice.side = std::atoi(value().c_str());
    if (flag == "--adapter") choice.adapter = true;
    if (flag == "--bf16") choice.compute = ipa::Compute::bf16;
    if (flag == "--int16") choice.compute = ipa::Compute::int16;
    if (flag == "--int8") choice.compute = ipa::Compute::int8;
    if (flag == "--threads") threads = std::max(1, std::atoi(value().c_str()));
    if (flag == "--rounds") rounds = std::max(1, std::atoi(value().c_str()));
    if (flag == "--layers") layers = true;
    if (flag == "--seconds") seconds_only = true;
    if (flag == "--estimate") estimate = true;
  }
  const auto kernels = ipa::choose_kernels();
  if (!kernels.ok()) return fail(kernels.status());
  ipa::ThreadPool::shared().resize(threads);
  if (estimate) return print_estimate(*kernels.value());
  const ipa::CpuBackend backend(*kernels.value(), threads);
  choice.set_dtype(choice.compute, backend.capabilities());
  auto network = ipa_bench::Network::make(choice, backend);
  if (!network.ok()) return fail(network.status());
  ipa::Program& program = *network.value()->program;

  const std::vector<Step>& steps = program.plan().steps();
  std::vector<double> best(steps.size(), 1e30);
  double best_run = 1e30;
  for (int round = 0; round < rounds; ++round) {
    ipa::StepSeconds seconds(steps.size(), 0.0);
    const ipa::Status status = program.run(nullptr, &seconds);
    if (!status.ok()) return fail(status);
    double run = 0;
    for (size_t i = 0; i < steps.size(); ++i) {
      run += seconds[i];
      best[i] = std::min(best[i], seconds[i]);
    }
    best_run = std::min(best_run, run);
  }
  if (seconds_only) {
    std::printf("%.6f\n", best_run);
    return 0;
  }
  const double peak = ipa_bench::peak_flops(*kernels.value(), threads);

  std::map<std::string, Line> lines, ops;
  Line total;
  for (size_t i = 0; i < steps.size(); ++i)
    for (Line* line : {&lines[describe(steps[i])], &ops[ipa::op_traits(steps[i].node->op).name], &total}) {
      ++line->count;
      line->flop += ipa::step_flops(steps[i]);
      line->seconds += best[i];
    }
  std::vector<std::pair<std::string, Line>> sorted(lines.begin(), lines.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  std::printf(
      "%s, %s, %d threads: %.3f s a run, %.0f GFLOP, peak %.0f GFLOP/s, weights %.0f MB, activations %.0f "
      "MB\n\n",
      choice.model.c_str(), kernels.value()->isa, threads, best_run, total.flop / 1e9, peak / 1e9,
      static_cast<double>(network.value()->params.bytes()) / 1e6,
      static_cast<double>(program.memory_bytes()) / 1e6);
  const auto print = [&](const std::string& what, const Line& line) {
    std::printf("%6.1f %%  %8.1f ms  %4d x  %7.1f GFLOP/s  %4.0f %%  %s\n", 100 * line.seconds / total.seconds,
                1e3 * line.seconds, line.count, line.flop / line.seconds / 1e9,
                100 * line.flop / line.seconds / peak, what.c_str());
  };
  if (layers) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const auto& params = steps[i].node->params;
      print((params.empty() ? "" : params[0]->names[0] + ": ") + describe(steps[i]),
            {1, ipa::step_flops(steps[i]), best[i]});
    }
    return 0;
  }
  for (const auto& [what, line] : ops) print(what, line);
  std::printf("\n");
  for (const auto& [what, line] : sorted) print(what, line);
  return 0;
}
