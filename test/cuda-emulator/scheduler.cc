#include "scheduler.h"

#include <cstdlib>
#include <cstring>

#include "checks.h"
#include "report.h"

namespace cuda_emulator {

Thread* running = nullptr;
Grid grid;

namespace {

constexpr size_t most_threads = 1024, most_warps = most_threads / warp_size;

struct Random {
  uint32_t state = 1;
  uint32_t next() {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
  }
};

// Threads keep their stacks from one block and launch to the next.
struct Block {
  // Here rather than on the heap: the checks take the program's own data for what it is.
  Thread threads[most_threads];
  Warp warps[most_warps];
  Fiber host;
  void (*body)(const void*) = nullptr;
  const void* context = nullptr;
  size_t count = 0, warp_count = 0;
  size_t prepared = 0;  // threads whose stack is

  Order order = Order::ascending;
  Random random;
  uint32_t ready_warps = 0;
  Warp* current = nullptr;  // the warp at work: it goes on until all its lanes wait
  uint32_t rotate = 0;      // with a random order: the lane that comes first
  bool descending = false;

  size_t at_barrier = 0, done = 0;
  uint32_t waiting[most_warps];  // lanes at the barrier
  bool vote = false, votes = false;
  bool ended = false;  // the launch, before its time
};
Block block;

// Bit of the first of some lanes or warps, in the order of the moment.
int first_of(uint32_t bits) {
  if (block.rotate) {
    const uint32_t turned = bits >> block.rotate | bits << (32 - block.rotate);
    const int at = block.descending ? 31 - __builtin_clz(turned) : __builtin_ctz(turned);
    return (at + static_cast<int>(block.rotate)) & 31;
  }
  return block.descending ? 31 - __builtin_clz(bits) : __builtin_ctz(bits);
}

void shuffle_order() {
  const uint32_t bits = block.random.next();
  block.rotate = bits >> 8 & 31;
  block.descending = bits & 1;
  // Now and then another warp goes on, in the middle of what this one does.
  if ((bits >> 16 & 7) == 0) block.current = nullptr;
}

// Null: no thread can go on.
Thread* next_thread() {
  Warp* warp = block.current;
  if (!warp || !warp->ready) {
    if (warp) block.ready_warps &= ~(1u << warp->index);
    if (!block.ready_warps) return nullptr;
    warp = block.current = &block.warps[static_cast<size_t>(first_of(block.ready_warps))];
    if (!warp->ready) return next_thread();
  }
  const int lane = first_of(warp->ready);
  warp->ready &= ~(1u << lane);
  return &warp->threads[lane];
}

void release_barrier() {
  block.votes = block.vote;
  block.vote = false;
  block.at_barrier = 0;
  begin_epoch();
  for (size_t i = 0; i < block.warp_count; ++i) {
    Warp& warp = block.warps[i];
    warp.epoch = 0;
    if (block.waiting[i]) make_ready(warp, block.waiting[i]);
    block.waiting[i] = 0;
  }
}

void thread_main() {
  for (;;) {
    block.body(block.context);
    finish_copies(running->copies);
    running->warp->done |= running->bit;
    ++block.done;
    give_way();
  }
}

void begin_block() {
  block.at_barrier = block.done = 0;
  block.vote = false;
  block.current = nullptr;
  block.ready_warps = 0;
  std::memset(shared_memory, 0xff, grid.shared_bytes);
  begin_block_checks();
  for (size_t i = 0; i < block.warp_count; ++i) {
    Warp& warp = block.warps[i];
    warp.done = warp.epoch = 0;
    warp.open_groups = 0;
    block.waiting[i] = 0;
    make_ready(warp, warp.exists);
  }
}

// Nobody can go on, though not all are done: says who waits in vain, and lets them go on as if the others had come.
void end_deadlock() {
  bool in_warp = false;
  for (size_t i = 0; i < block.warp_count; ++i) {
    Warp& warp = block.warps[i];
    while (warp.open_groups > 0) {
      const Group& group = warp.groups[0];
      in_warp = true;
      const uint32_t missing = group.mask & ~group.arrived;
      report_missing(warp, group, missing, (missing & ~warp.done) == 0);
      finish_group(warp, 0);
    }
  }
  if (in_warp || block.at_barrier == 0) return;
  for (size_t i = 0; i < block.warp_count; ++i)
    if (block.waiting[i]) {
      report("a barrier that some threads have left", &block.warps[i].threads[__builtin_ctz(block.waiting[i])],
             "__syncthreads");
      break;
    }
  release_barrier();
}

void run_block() {
  begin_block();
  while (block.done < block.count) {
    while (Thread* next = next_thread()) {
      running = next;
      switch_fiber(block.host, next->fiber);
      running = nullptr;
      if (block.ended) return;
    }
    if (block.done < block.count) end_deadlock();
  }
}

// Their stacks stand in the middle of something: the next launch begins with new ones.
void forget_threads() {
  block.prepared = 0;
  for (Thread& thread : block.threads) thread.copies = {};
}

void lay_out_threads() {
  block.count = size_t{grid.block_size.x} * grid.block_size.y * grid.block_size.z;
  block.warp_count = (block.count + warp_size - 1) / warp_size;
  for (; block.prepared < block.count; ++block.prepared)
    prepare_fiber(block.threads[block.prepared].fiber, block.prepared, thread_main);
  for (size_t i = 0; i < block.count; ++i) {
    Thread& thread = block.threads[i];
    const unsigned at = static_cast<unsigned>(i), x = grid.block_size.x, y = grid.block_size.y;
    thread.index = {at % x, at / x % y, at / x / y};
    thread.id = static_cast<int>(i);
    thread.lane = thread.id % warp_size;
    thread.bit = 1u << thread.lane;
    thread.warp = &block.warps[i / warp_size];
  }
  for (size_t i = 0; i < block.warp_count; ++i) {
    Warp& warp = block.warps[i];
    const size_t lanes = block.count - i * warp_size;
    warp.exists = lanes >= warp_size ? ~0u : (1u << lanes) - 1;
    warp.index = static_cast<int>(i);
    warp.threads = &block.threads[i * warp_size];
  }
}

}  // namespace

void make_ready(Warp& warp, uint32_t lanes) {
  warp.ready |= lanes;
  block.ready_warps |= 1u << warp.index;
  if (block.order == Order::random) shuffle_order();
}

void give_way() {
  Thread* me = running;
  Thread* next = next_thread();
  running = next;
  switch_fiber(me->fiber, next ? next->fiber : block.host);
}

bool meet_block(bool vote) {
  block.vote |= vote;
  Thread& me = *running;
  block.waiting[me.warp->index] |= me.bit;
  if (++block.at_barrier < block.count) {
    give_way();
    return block.votes;
  }
  release_barrier();
  me.warp->ready &= ~me.bit;
  return block.votes;
}

void end_launch() {
  block.ended = true;
  switch_fiber(running->fiber, block.host);
  std::abort();  // nobody goes on with it
}

bool run_grid(const Options& options, void (*body)(const void*), const void* context) {
  block.body = body;
  block.context = context;
  block.order = options.order;
  block.random.state = options.seed * 2654435761u | 1u;
  block.rotate = 0;
  block.descending = options.order == Order::descending;
  block.ended = false;
  lay_out_threads();
  for (grid.block.z = 0; grid.block.z < grid.size.z; ++grid.block.z)
    for (grid.block.y = 0; grid.block.y < grid.size.y; ++grid.block.y)
      for (grid.block.x = 0; grid.block.x < grid.size.x; ++grid.block.x) {
        run_block();
        if (block.ended) return forget_threads(), false;
      }
  return true;
}

}  // namespace cuda_emulator
