// The self-test of kernels: that it passes, leaves no kernel and no op out, and finds one that is wrong.
#include "doctor/self_test.h"

#include <set>

#include "check/check_run.h"
#include "cpu/pack/winograd.h"
#include "doctor/cpu_cases.h"
#include "doctor/kernel_names.h"
#include "graph/op_traits.h"
#include "graph_rig.h"
#include "harness.h"
#include "planted_kernels.h"

namespace {

using ipa::CheckCase;
using ipa::Kernels;
using ipa::SelfTestLine;

struct Told {
  ipa::SelfTest result;
  std::vector<SelfTestLine> lines;
};

Told run_self_test(const Kernels& kernels) {
  Told told;
  ipa::SelfTestWish wish;
  wish.line = [&](const SelfTestLine& line) { told.lines.push_back(line); };
  auto done = ipa::self_test(kernels, wish);
  CHECK_OK(done.status());
  if (done.ok()) told.result = done.take();
  return told;
}

std::string failures(const Told& told) {
  std::string text;
  for (const SelfTestLine& line : told.lines)
    if (!line.ok) text += "\n    " + line.name + " " + line.type + ": " + line.problem;
  return text;
}

std::vector<std::string> names_of(const Kernels& kernels) {
  std::vector<std::string> names;
  for (const ipa::NamedKernel& kernel : ipa::kernels_of(kernels)) names.push_back(kernel.name);
  return names;
}

TEST(doctor_self_test_passes_and_runs_every_kernel) {
  ON_CPU_ALONE("kernels of a CPU");
  const Kernels& kernels = ipa_test::test_kernels();
  const Told told = run_self_test(kernels);
  if (told.result.failed > 0) ipa_test::fail(__FILE__, __LINE__, "fails:" + failures(told));
  CHECK_EQ(told.result.isa, std::string(kernels.isa));
  CHECK_EQ(told.result.suspects, std::vector<std::string>());
  std::set<std::string> run;
  int cases = 0;
  for (const SelfTestLine& line : told.lines) {
    run.insert(line.kernels.begin(), line.kernels.end());
    cases += line.cases;
    CHECK(line.error <= line.limit && line.problem.empty());
  }
  CHECK_EQ(told.result.cases, cases);
  for (const std::string& name : names_of(kernels))
    if (!run.count(name)) ipa_test::fail(__FILE__, __LINE__, name + " is in no line");
}

TEST_ONCE(doctor_self_test_has_every_op) {
  std::set<ipa::Op> found;
  for (const CheckCase& c : ipa::self_test_cases()) {
    ipa::CheckSketch sketch(1, {});
    c.describe(sketch);
    CHECK_OK(sketch.graph.status());
    for (const ipa::Node& node : sketch.graph.nodes()) found.insert(node.op);
  }
  for (size_t i = 0; i < ipa::op_count; ++i)
    if (!found.count(static_cast<ipa::Op>(i)))
      ipa_test::fail(__FILE__, __LINE__,
                     std::string(ipa::op_traits(static_cast<ipa::Op>(i)).name) + " is in no case");
}

TEST_ONCE(doctor_self_test_has_both_tiles_of_winograd) {
  for (const ipa::Compute compute : {ipa::Compute::f32, ipa::Compute::bf16}) {
    ipa::CheckNumbers numbers;
    numbers.compute = compute;
    const ipa::CpuBackend backend(ipa_test::test_kernels(), 1);
    std::set<int> outputs;
    for (const CheckCase& c : ipa::self_test_cases()) {
      if (c.op != "conv2d") continue;
      ipa::CheckRun run(c, backend, numbers);
      CHECK_OK(run.prepare());
      for (const ipa::Step& step : run.program().plan().steps()) outputs.insert(ipa::winograd_outputs(step));
    }
    CHECK_EQ(outputs, (std::set<int>{0, 2, 4}));
  }
}

// Up to the first line that fails.
std::vector<SelfTestLine> first_failure(const Kernels& kernels, const std::string& kernel) {
  std::vector<SelfTestLine> lines;
  ipa::CancelFlag cancel{false};
  ipa::SelfTestWish wish;
  wish.cancel = &cancel;
  wish.kernel = kernel;
  wish.line = [&](const SelfTestLine& line) {
    if (line.ok || cancel) return;
    lines.push_back(line);
    cancel = true;
  };
  const auto done = ipa::self_test(kernels, wish);
  CHECK(done.ok() || done.status().code() == ipa::Code::cancelled);
  return lines;
}

// Each in a line of what it has a part in.
TEST_ONCE(doctor_self_test_finds_each_kernel_that_is_wrong) {
  const Kernels& right = ipa_test::test_kernels();
  for (const std::string& name : names_of(right)) {
    const ipa_test::PlantedKernels planted(right, name);
    CHECK(planted.planted());
    const auto suspects = ipa::suspected_kernels(first_failure(planted.table(), name));
    if (!ipa::contains(suspects, name))
      ipa_test::fail(__FILE__, __LINE__, name + " is wrong and not suspected");
  }
}

// With all the rest beside it: those that are right are not named.
TEST_ONCE(doctor_self_test_names_the_wrong_kernel_alone) {
  for (const std::string wrong : {"f32.gemm", "bf16.round_rows", "layer_norm"}) {
    const ipa_test::PlantedKernels planted(ipa_test::test_kernels(), wrong);
    CHECK_EQ(run_self_test(planted.table()).result.suspects, std::vector<std::string>{wrong});
  }
}

TEST_ONCE(doctor_self_test_suspects_what_explains_the_failures) {
  const auto line = [](bool ok, std::vector<std::string> kernels) {
    SelfTestLine line;
    line.ok = ok;
    line.kernels = std::move(kernels);
    return line;
  };
  const auto suspects = [](std::vector<SelfTestLine> lines) { return ipa::suspected_kernels(lines); };
  using Names = std::vector<std::string>;
  CHECK_EQ(suspects({line(true, {"a"}), line(true, {"b"})}), Names());
  // What is in a line that is ok is not it.
  CHECK_EQ(suspects({line(false, {"a", "b"}), line(true, {"a"})}), Names{"b"});
  // One that fails by itself explains the others that have it, whether or not these would point elsewhere.
  CHECK_EQ(suspects({line(false, {"a", "b"}), line(false, {"a"}), line(false, {"c", "d"}), line(true, {"d"})}),
           (Names{"a", "c"}));
  // All are in lines that are ok: it is one of them, sometimes.
  CHECK_EQ(suspects({line(false, {"a", "b"}), line(true, {"a"}), line(true, {"b"})}), (Names{"a", "b"}));
}

TEST(doctor_self_test_can_be_cancelled) {
  ON_CPU_ALONE("kernels of a CPU");
  ipa::CancelFlag cancel{false};
  int lines = 0;
  ipa::SelfTestWish wish;
  wish.cancel = &cancel;
  wish.line = [&](const SelfTestLine& line) {
    ++lines;
    cancel = cancel || line.name == "geglu_linear";
  };
  const auto done = ipa::self_test(ipa_test::test_kernels(), wish);
  CHECK(done.status().code() == ipa::Code::cancelled);
  CHECK(lines > 0 && lines < 20);
}

}  // namespace
