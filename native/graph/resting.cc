#include "graph/resting.h"

#include <algorithm>
#include <utility>

namespace ipa {

Status Resting::take(Memory& place) {
  Memory taken = std::move(place);
  if (!taken.space().is_host()) {
    Memory copy(host_memory(), taken.bytes());
    if (copy) taken.view().read(0, copy.address(), taken.bytes());
    const Status status = copy ? taken.view().status()
                               : host_memory().no_memory(
                                     taken.bytes(), "out of memory for weights that rest in the host's memory");
    if (!status.ok()) {
      place = std::move(taken);
      return status;
    }
    taken = std::move(copy);
  }
  const auto known =
      std::find_if(homes_.begin(), homes_.end(), [&](const Home& home) { return home.place == &place; });
  if (known == homes_.end())
    homes_.push_back({&place, std::move(taken)});
  else
    known->data = std::move(taken);
  return {};
}

Status Resting::bring() {
  for (const Home& home : homes_) {
    Memory data(device_, home.data.bytes());
    if (!data) return device_.no_memory(home.data.bytes(), "out of memory for weights that are used now");
    data.view().write(0, home.data.address(), home.data.bytes());
    *home.place = std::move(data);
  }
  return device_.status();
}

void Resting::clear() {
  for (const Home& home : homes_) *home.place = Memory();
}

Result<WeightsVisit> Resting::visit() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (visitors_ == 0) {
    const Status brought = bring();
    if (!brought.ok()) {
      clear();
      return brought;
    }
  }
  ++visitors_;
  // Who leaves last clears the places before anybody can bring weights again.
  return WeightsVisit(this, [](void* resting) { static_cast<Resting*>(resting)->leave(); });
}

void Resting::leave() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (--visitors_ == 0) clear();
}

size_t Resting::bytes() const {
  size_t sum = 0;
  for (const Home& home : homes_) sum += home.data.bytes();
  return sum;
}

}  // namespace ipa
