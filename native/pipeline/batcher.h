// Calls that share one backend take turns: which runs next, with which others as one, and on how many threads.
//
// Every call has a seat, and a thread that waits at it. What it runs is charged to it as seconds of the whole backend,
// less with a higher priority; the seat that was charged least runs next. A new one is a few steps ahead, so that short
// calls pass long ones. That is deficit round robin among calls, and so among groups of them whose graphs are alike, each
// weighted by the calls in it. Nothing here changes a result.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "graph/merged_program.h"
#include "graph/turn.h"
#include "pipeline/batcher_stats.h"
#include "pipeline/run_profile.h"
#include "pipeline/seat.h"

namespace ipa {

struct BatcherLimits {
  int threads = 1;
  int most_copies = 8;        // programs that run as one, at most
  size_t working_memory = 0;  // bytes of all calls together; one call alone may have more. 0: any
  double long_run = default_long_run;
};

class Batcher {
 public:
  // `arenas` outlives it.
  Batcher(const BatcherLimits& limits, ArenaKeeper& arenas);
  ~Batcher();

  // After a cancel flag was raised: whoever waits looks at it.
  void wake();
  // Before weights are freed, when no call has a seat.
  void forget_graphs();
  BatcherStats stats() const;

 private:
  friend class Session;
  // Everything that needs memory comes first, in these two: turns go on where there is none left.
  void add(Seat& seat);
  void remove(Seat& seat);
  void know(Program& program);
  void ask(Seat& seat);
  // Of a call that was cancelled.
  void stop_waiting(Seat& seat);
  // After a seat's turn: its next step follows at once, so the others give it a moment where it is still first in line.
  void hold(Seat& seat);
  void let_go();
  // To those who are next, as far as there are threads; and says when they pass them on.
  void give_turns();
  void wake_next_reserving();
  void grant();
  void grant(Seat& seat, const RunMode& mode);
  RunProfile& profile_of(Program& program);
  RunMode mode_for(Seat& seat);
  Seat* next() const;
  // Those that could run as one with the seat, itself included, in the order of their turns. Valid until the next call.
  const std::vector<Seat*>& alike(const Seat& seat);
  void plan_pauses();
  // Gives a seat's threads back, and charges it and its company for what ran.
  void stop(Seat& seat, double seconds);
  std::unique_ptr<MergedProgram> take_merged(Program& like, int copies);
  void keep_merged(std::unique_ptr<MergedProgram> merged);
  // Runs the seat's program, as one with those of its company.
  Status run_together(Seat& seat, const RunTerms& terms);

  const BatcherLimits limits_;
  ArenaKeeper& arenas_;
  mutable std::mutex mutex_;
  std::vector<Seat*> seats_;    // all
  std::vector<Seat*> alike_;    // of the last alike()
  std::vector<Seat*> waiting_;  // for their turn, in the order in which they came
  std::list<Seat*> reserving_;  // for memory, first come, first served
  Seat* held_for_ = nullptr;
  int free_;  // threads
  size_t reserved_ = 0;
  double clock_ = 0;  // the charge of the seat that ran last when its turn came
  std::map<GraphKey, RunProfile> profiles_;
  RunProfile unknown_;
  std::vector<std::unique_ptr<MergedProgram>> merged_;  // that nobody runs now, the last used behind
  BatcherStats stats_;
};

}  // namespace ipa
