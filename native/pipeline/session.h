// One call at the batcher: it asks for its turn, waits for it, and leads or rides.
#pragma once

#include <mutex>
#include <vector>

#include "graph/program.h"
#include "graph/turn.h"
#include "pipeline/batcher.h"
#include "pipeline/seat.h"

namespace ipa {

// Of one call, from its first run to its last.
class Session final : public Turn, private Pause {
 public:
  // `priority`: each step up gives twice the share. `batcher` outlives it.
  Session(Batcher& batcher, int priority);
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Status run(const std::vector<Program*>& programs, const CancelFlag* cancel) override;
  Status reserve(size_t bytes, const CancelFlag* cancel) override;
  void release(size_t bytes) override;

 private:
  bool due() const override;
  Result<int> pass() override;
  Status take_turn(std::unique_lock<std::mutex>& lock);
  Status wait_for_turn(std::unique_lock<std::mutex>& lock);
  Status lead(std::unique_lock<std::mutex>& lock);

  Batcher& batcher_;
  Seat seat_;
};

}  // namespace ipa
