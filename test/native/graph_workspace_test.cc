// The arena that calls take turns in.
#include "graph/workspace.h"

#include "harness.h"

namespace {

using ipa::ArenaKeeper;
using ipa::Workspace;

const ipa::MemorySpace& host = ipa::host_memory();

TEST(graph_workspace_keeps_its_arena_for_the_next_call) {
  ArenaKeeper keeper;
  const uint8_t* first = nullptr;
  {
    Workspace workspace(&keeper);
    CHECK_OK(workspace.require(host, size_t{1} << 20));
    CHECK_OK(workspace.require(host, size_t{3} << 20));
    first = workspace.lease(host, size_t{3} << 20).take().address();
  }
  Workspace next(&keeper);
  CHECK_OK(next.require(host, size_t{2} << 20));
  CHECK(next.lease(host, size_t{2} << 20).take().address() == first);
  CHECK_EQ(next.peak(), size_t{2} << 20);  // what the call asks for
  CHECK_OK(next.require(host, size_t{3} << 20));
  CHECK_EQ(next.peak(), size_t{3} << 20);
  const auto lease = next.lease(host, size_t{3} << 20);
  CHECK(lease.value().address() == first);
  // A call that runs at the same time has one of its own, and gets this one afterwards.
  Workspace beside(&keeper);
  const auto other = beside.lease(host, size_t{1} << 20);
  CHECK(other.value().address() != first);
}

TEST(graph_workspace_lends_what_calls_take_turns_in) {
  ArenaKeeper keeper;
  Workspace one(&keeper), two(&keeper);
  CHECK_OK(one.require(host, size_t{600} << 20));  // more than is kept between calls
  CHECK_OK(two.require(host, size_t{1} << 20));
  const uint8_t* large = one.lease(host, size_t{600} << 20).take().address();
  CHECK(one.lease(host, size_t{600} << 20).take().address() == large);
}

TEST(graph_workspace_does_not_keep_very_large_arenas) {
  ArenaKeeper keeper;
  keeper.give(ipa::Memory(host, size_t{513} << 20));
  CHECK(!keeper.take(host, 1));
  keeper.give(ipa::Memory(host, size_t{2} << 20));
  keeper.give(ipa::Memory(host, size_t{1} << 20));  // the larger of two stays
  CHECK_EQ(keeper.take(host, 1).bytes(), size_t{2} << 20);
  CHECK(!keeper.take(host, 1));
  keeper.give(ipa::Memory(host, size_t{2} << 20));
  keeper.drop();
  CHECK(!keeper.take(host, 1));
}

}  // namespace
