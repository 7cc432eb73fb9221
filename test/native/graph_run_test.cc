// How programs run: the same bits for any number of threads and any batch, without allocating,
// until they are cancelled.
#include <algorithm>
#include <thread>
#include <vector>

#include "allocation_counter.h"
#include "base/aligned_buffer.h"
#include "cpu/launch/thread_pool.h"
#include "graph_rig.h"
#include "harness.h"

namespace {

using ipa::Compute;
using ipa::Graph;
using ipa::Shape;
using ipa::ThreadPool;
using ipa::Value;
using ipa_test::GraphRig;
using ipa_test::same_bits;

// One of every op, in sizes that make several tasks of each. Inputs in order: picture, time, text.
Value describe_network(Graph& g, Value picture, Value time, Value text, Value scale) {
  const int64_t n = g.shape(picture).n, rows = g.shape(picture).rows_per_item();
  const Value bias = g.linear(g.silu(time), "time", 48);
  Value h = g.conv2d(picture, "in", 40);
  h = g.concat_channels(h, g.conv2d(g.silu(g.group_norm(h, "norm0", 8, 1e-5f)), "side", 24));
  const Value residual = g.conv1x1(h, "shortcut", 48);
  h = g.silu(g.group_norm(g.add(g.conv2d(h, "conv1", 48), bias), "norm1", 6, 1e-5f));
  h = g.add(residual, g.conv2d(h, "conv2", 48));
  Value t = g.reshape(h, {n, 1, rows, 48});
  t = g.add(t, g.param_rows("position", {rows, 48}, rows, 48, 1));
  const Value qkv = g.linears(g.layer_norm(t, "norm2", 1e-5f), {"q", "k", "v"}, 48, false);
  const Value self = g.pack_kv(g.slice_channels(qkv, 48, 48), g.slice_channels(qkv, 96, 48), 3);
  t = g.add(g.linear(g.attention(g.slice_channels(qkv, 0, 48), self), "out", 48), t);
  const Value context = g.linear(text, "context", 48);
  const Value both = g.concat_tokens(context, text);
  const Value cross = g.pack_kv(context, context, 3), image = g.pack_kv(both, both, 3);
  t = g.add(g.linear(g.attention(t, cross, {{image, scale}}), "out2", 48), t);
  t = g.add(g.linear(g.geglu_linear(g.layer_norm(t, "norm3", 1e-5f), "ff", 96), "ff2", 48), t);
  h = g.reshape(t, g.shape(h));
  h = g.conv2d(g.upsample(h, 2 * g.shape(h).h, 2 * g.shape(h).w - 1), "up", 16, {3, 3, 2, 0, 0, 1, 1});
  return g.activate(h, ipa::Activation::gelu);
}

struct Network {
  Network(GraphRig& rig, int64_t n) {
    picture = rig.input({n, 13, 11, 7});
    time = rig.input({n, 1, 1, 20});
    text = rig.input({n, 1, 18, 48});
    end = rig.output(describe_network(rig.graph, picture, time, text, rig.scalar(0.7f)));
  }
  Value picture, time, text, end;
};

TEST(graph_run_matches_reference) {
  GraphRig rig(21);
  const Network network(rig, 2);
  rig.check("one of every op", ipa_test::deep_tolerance);
}

// Every type of numbers has kernels of its own.
constexpr Compute computes[] = {Compute::f32, Compute::bf16, Compute::int16, Compute::int8};

void check_any_threads(Compute compute) {
  std::vector<float> first;
  for (int pool : {1, 2, 3, 4})
    for (int threads : {1, 2, 3, 4}) {
      GraphRig rig(22, ipa_test::test_kernels(), threads);
      const Network network(rig, 2);
      rig.use(compute);
      if (!rig.build()) return;
      ThreadPool::shared().resize(pool);
      for (int i = 0; i < 3; ++i) {
        if (!rig.run()) return;
        if (first.empty()) first = rig.result(network.end);
        CHECK(same_bits(first, rig.result(network.end)));
      }
    }
  ThreadPool::shared().resize(2);
}

TEST(graph_run_gives_the_same_bits_for_any_threads) {
  ON_CPU_ALONE("threads of a CPU");
  for (const Compute compute : computes) check_any_threads(compute);
}

void check_any_batch(Compute compute) {
  GraphRig together(23);
  const Network all(together, 3);
  together.use(compute);
  if (!together.build() || !together.run()) return;
  const std::vector<float> whole = together.result(all.end);
  for (int64_t item = 0; item < 3; ++item) {
    GraphRig alone(23);
    const Network one(alone, 1);
    alone.use(compute);
    auto take = [&](Value from, Value to) {
      const std::vector<float>& source = together.floats(from);
      const auto each = static_cast<int64_t>(source.size() / 3);
      alone.floats(to).assign(source.begin() + item * each, source.begin() + (item + 1) * each);
    };
    take(all.picture, one.picture);
    take(all.time, one.time);
    take(all.text, one.text);
    // The same weights: they are drawn after the inputs, so the smaller rig is told to use those of the larger.
    if (!alone.build_with_weights_of(together) || !alone.run()) return;
    const auto each = static_cast<int64_t>(whole.size() / 3);
    const std::vector<float> part(whole.begin() + item * each, whole.begin() + (item + 1) * each);
    CHECK(same_bits(part, alone.result(one.end)));
  }
}

TEST(graph_run_gives_an_item_the_same_bits_in_any_batch) {
  for (const Compute compute : computes) check_any_batch(compute);
}

TEST(graph_run_allocates_nothing) {
  ON_CPU_ALONE("threads of a CPU");
  const int64_t at_first = ipa_test::allocations();
  CHECK(ipa::AlignedBuffer(100).data() != nullptr);
  CHECK_EQ(ipa_test::allocations() - at_first, 1);  // the counter counts
  for (int threads : {1, 3}) {
    ThreadPool::shared().resize(threads);
    GraphRig rig(24, ipa_test::test_kernels(), threads);
    const Network network(rig, 2);
    if (!rig.build() || !rig.run()) return;
    const int64_t before = ipa_test::allocations();
    for (int i = 0; i < 5; ++i)
      if (!rig.program().run().ok()) return;
    CHECK_EQ(ipa_test::allocations() - before, 0);
  }
  ThreadPool::shared().resize(2);
}

TEST(graph_run_of_several_programs_at_once) {
  ThreadPool::shared().resize(3);
  constexpr int count = 3;
  std::vector<std::unique_ptr<GraphRig>> rigs;
  std::vector<Value> ends;
  std::vector<std::vector<float>> alone;
  for (int i = 0; i < count; ++i) {
    rigs.push_back(std::make_unique<GraphRig>(26 + i));
    ends.push_back(Network(*rigs.back(), 1 + i % 2).end);
    if (!rigs.back()->build() || !rigs.back()->run()) return;
    alone.push_back(rigs.back()->result(ends.back()));
  }
  std::vector<int> wrong(count, 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      const auto at = static_cast<size_t>(i);
      for (int round = 0; round < 6; ++round)
        if (!rigs[at]->program().run().ok() || !same_bits(alone[at], rigs[at]->result(ends[at]))) ++wrong[at];
    });
  for (std::thread& thread : threads) thread.join();
  for (int w : wrong) CHECK_EQ(w, 0);
  ThreadPool::shared().resize(2);
}

TEST(graph_run_can_be_cancelled) {
  GraphRig rig(29);
  const Network network(rig, 1);
  if (!rig.build() || !rig.run()) return;
  const std::vector<float> whole = rig.result(network.end);
  ipa::CancelFlag flag{true};
  const ipa::Status cancelled = rig.program().run(&flag);
  CHECK(cancelled.code() == ipa::Code::cancelled);
  flag = false;
  CHECK_OK(rig.program().run(&flag));
  CHECK(same_bits(whole, rig.result(network.end)));
}

TEST(graph_run_bound_values_are_read_and_written_within_their_ends) {
  GraphRig rig(31);
  const Value x = rig.input({2, 1, 3, 4});
  const Value end = rig.output(rig.graph.silu(x));
  if (!rig.build() || !rig.run()) return;
  ipa::Program& program = rig.program();
  std::vector<float> all(24), item(12), beyond(13);
  CHECK_OK(program.get(end, all));
  CHECK_OK(program.get(end, item, 12));
  CHECK(std::equal(item.begin(), item.end(), all.begin() + 12));
  program.items(end, 1, 1).read(0, item.data(), item.size() * sizeof(float));
  CHECK(std::equal(item.begin(), item.end(), all.begin() + 12));
  CHECK(program.get(end, beyond, 12).code() == ipa::Code::internal);
  CHECK(program.set(x, beyond, 12).code() == ipa::Code::internal);
  CHECK(program.set(x, item, 25).code() == ipa::Code::internal);
}

}  // namespace
