// The arena that calls take turns in.
#include "graph/workspace.h"

#include "harness.h"

namespace {

using ipa::ArenaKeeper;
using ipa::Workspace;

TEST(graph_workspace_keeps_its_arena_for_the_next_call) {
  ArenaKeeper keeper;
  const uint8_t* first = nullptr;
  {
    Workspace workspace(&keeper);
    CHECK_OK(workspace.require(size_t{1} << 20));
    CHECK_OK(workspace.require(size_t{3} << 20));
    first = workspace.arena();
  }
  Workspace next(&keeper);
  CHECK_OK(next.require(size_t{2} << 20));
  CHECK(next.arena() == first);
  CHECK_EQ(next.peak(), size_t{2} << 20);  // what the call asks for
  CHECK_OK(next.require(size_t{3} << 20));
  CHECK(next.arena() == first);
  CHECK_EQ(next.peak(), size_t{3} << 20);
  // Another call at the same time has one of its own.
  Workspace beside(&keeper);
  CHECK_OK(beside.require(size_t{1} << 20));
  CHECK(beside.arena() != first);
}

TEST(graph_workspace_does_not_keep_very_large_arenas) {
  ArenaKeeper keeper;
  keeper.give(ipa::AlignedBuffer(size_t{513} << 20));
  CHECK(!keeper.take(1));
  keeper.give(ipa::AlignedBuffer(size_t{2} << 20));
  keeper.give(ipa::AlignedBuffer(size_t{1} << 20));  // the larger of two stays
  CHECK_EQ(keeper.take(1).bytes(), size_t{2} << 20);
  CHECK(!keeper.take(1));
  keeper.give(ipa::AlignedBuffer(size_t{2} << 20));
  keeper.drop();
  CHECK(!keeper.take(1));
}

}  // namespace
