// Weights that rest, and those who use them by turns and at the same time.
#include "graph/resting.h"

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "harness.h"

using ipa::Memory;

namespace {

constexpr size_t bytes = 64;

Memory filled(uint8_t value) {
  Memory memory(ipa::host_memory(), bytes);
  if (memory) std::memset(memory.address(), value, bytes);
  return memory;
}

bool holds(const Memory& place, uint8_t value) {
  return place && place.address()[0] == value && place.address()[bytes - 1] == value;
}

}  // namespace

TEST_ONCE(graph_resting_weights_are_there_for_a_visit_alone) {
  Memory first = filled(1), second = filled(2);
  ipa::Resting resting(ipa::host_memory());
  CHECK_OK(resting.take(first));
  CHECK_OK(resting.take(second));
  CHECK(!first && !second);
  CHECK_EQ(resting.bytes(), 2 * bytes);
  for (int turn = 0; turn < 2; ++turn) {
    auto visit = resting.visit();
    CHECK_OK(visit.status());
    auto beside = resting.visit();
    CHECK_OK(beside.status());
    visit = ipa::WeightsVisit();
    CHECK(holds(first, 1) && holds(second, 2));
    beside = ipa::WeightsVisit();
    CHECK(!first && !second);
  }
}

// The last of one visit leaves while the next one comes.
TEST_ONCE(graph_resting_weights_of_visits_from_several_threads) {
  constexpr uint8_t count = 100;
  std::vector<Memory> places;
  for (uint8_t i = 0; i < count; ++i) places.push_back(filled(i));
  ipa::Resting resting(ipa::host_memory());
  for (Memory& place : places) CHECK_OK(resting.take(place));
  std::atomic<int> wrong{0};
  const auto work = [&] {
    for (int round = 0; round < 5000; ++round) {
      const auto visit = resting.visit();
      for (uint8_t i = 0; i < count; ++i) wrong += !visit.ok() || !holds(places[i], i);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(wrong.load(), 0);
  for (const Memory& place : places) CHECK(!place);
}
