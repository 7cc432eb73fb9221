// What the batcher knows of one call. The batcher's mutex guards it, but where it says otherwise.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <vector>

#include "graph/program.h"
#include "pipeline/run_profile.h"

namespace ipa {

struct Seat {
  enum class State : uint8_t {
    away,     // computes nothing
    waiting,  // for its turn
    leading,  // runs its program, and those of its company with it
    riding,   // its program is run by another seat's thread
    served    // and that has ended
  };

  explicit Seat(double share) : weight(share) {}
  Program& program() const { return *programs.front(); }
  bool is_cancelled() const { return cancel && cancel->load(std::memory_order_relaxed); }
  // Whether nobody wants the result any more. On the thread that leads.
  bool all_cancelled() const {
    const auto cancelled = [](const Seat* one) { return one->is_cancelled(); };
    return is_cancelled() && std::all_of(company.begin(), company.end(), cancelled);
  }

  const double weight;
  State state = State::away;
  double charged = 0;              // seconds
  std::vector<Program*> programs;  // to run, all alike
  size_t taken = 0;                // the first of them, in its turn
  const CancelFlag* cancel = nullptr;
  bool paused = false;         // within its program
  RunMode mode;                // of its turn
  std::vector<Seat*> company;  // that ride with it; changed by nobody else while it leads
  Status served;
  double began = 0;               // its turn
  std::atomic<double> due_at{0};  // read without the mutex: when it should let others go
  std::condition_variable woken;
};

}  // namespace ipa
