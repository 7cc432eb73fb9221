#include "graph/resting.h"

#include <algorithm>
#include <utility>

namespace ipa {

// The places have their data while it lives.
class Resting::Visit {
 public:
  Visit() = default;
  ~Visit() {
    for (Memory* place : visited_) *place = Memory();
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

  Status bring(const Home& home, const MemorySpace& device) {
    Memory data(device, home.data.bytes());
    if (!data) return device.no_memory(home.data.bytes(), "out of memory for weights that are used now");
    data.view().write(0, home.data.address(), home.data.bytes());
    *home.place = std::move(data);
    visited_.push_back(home.place);
    return {};
  }

 private:
  std::vector<Memory*> visited_;
};

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

Result<WeightsVisit> Resting::visit() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (std::shared_ptr<const Visit> found = visit_.lock()) return WeightsVisit(found);
  auto made = std::make_shared<Visit>();
  for (const Home& home : homes_) IPA_TRY(made->bring(home, device_));
  IPA_TRY(device_.status());
  visit_ = made;
  return WeightsVisit(made);
}

size_t Resting::bytes() const {
  size_t sum = 0;
  for (const Home& home : homes_) sum += home.data.bytes();
  return sum;
}

}  // namespace ipa
