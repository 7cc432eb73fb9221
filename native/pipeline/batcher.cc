#include "pipeline/batcher.h"

#include <algorithm>
#include <limits>

#include "pipeline/seconds_now.h"

namespace ipa {
namespace {

// A program that may be interrupted runs at least this long at a time.
constexpr double least_slice = 0.02;
constexpr double never = std::numeric_limits<double>::infinity();
constexpr size_t merged_kept = 8, most_profiles = 1000;

void remove_from(std::vector<Seat*>& list, const Seat* seat) {
  list.erase(std::remove(list.begin(), list.end(), seat), list.end());
}

int programs_of(const std::vector<Seat*>& seats) {
  size_t programs = 0;
  for (const Seat* seat : seats) programs += seat->programs.size();
  return static_cast<int>(programs);
}

}  // namespace

Batcher::Batcher(const BatcherLimits& limits, ArenaKeeper& arenas)
    : limits_(limits), arenas_(arenas), free_(limits.threads) {}

Batcher::~Batcher() = default;

void Batcher::wake() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Seat* seat : seats_) seat->woken.notify_all();
}

void Batcher::forget_graphs() {
  const std::lock_guard<std::mutex> lock(mutex_);
  merged_.clear();
  profiles_.clear();
}

BatcherStats Batcher::stats() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  BatcherStats stats = stats_;
  stats.seats = static_cast<int>(seats_.size());
  stats.waiting = static_cast<int>(waiting_.size());
  stats.reserved = reserved_;
  return stats;
}

void Batcher::add(Seat& seat) {
  const size_t seats = seats_.size() + 1;
  for (std::vector<Seat*>* list : {&seats_, &waiting_, &alike_}) list->reserve(seats);
  seat.company.reserve(static_cast<size_t>(limits_.most_copies));
  seats_.push_back(&seat);
}

// Between calls nothing is kept that only company needs.
void Batcher::remove(Seat& seat) {
  remove_from(seats_, &seat);
  if (held_for_ == &seat) let_go();
  if (seats_.empty()) merged_.clear();
}

void Batcher::ask(Seat& seat) {
  // Who is new, or was away, has no claim to the time that others had, but for a few steps: short calls pass long ones.
  constexpr double steps_ahead = 16;
  seat.charged = std::max(seat.charged, clock_ - steps_ahead * stats_.step_seconds);
  seat.state = Seat::State::waiting;
  waiting_.push_back(&seat);
  if (held_for_ == &seat) held_for_ = nullptr;
  give_turns();
}

void Batcher::stop_waiting(Seat& seat) {
  seat.state = Seat::State::away;
  remove_from(waiting_, &seat);
  give_turns();
}

void Batcher::hold(Seat& seat) {
  Seat* first = next();
  if (!first || first->charged <= seat.charged) return;
  held_for_ = &seat;
  first->woken.notify_all();  // it keeps the time
}

void Batcher::let_go() {
  held_for_ = nullptr;
  give_turns();
}

void Batcher::wake_next_reserving() {
  if (!reserving_.empty()) reserving_.front()->woken.notify_all();
}

Seat* Batcher::next() const {
  Seat* best = nullptr;
  for (Seat* seat : waiting_)
    if (!best || seat->charged < best->charged) best = seat;
  return best;
}

const std::vector<Seat*>& Batcher::alike(const Seat& seat) {
  alike_.clear();
  const auto joins = [](const Seat& one) { return !one.paused && one.program().plan_copies(); };
  if (!joins(seat)) return alike_;
  for (Seat* one : waiting_)
    if (joins(*one) && one->program().key() == seat.program().key()) alike_.push_back(one);
  std::stable_sort(alike_.begin(), alike_.end(),
                   [](const Seat* a, const Seat* b) { return a->charged < b->charged; });
  return alike_;
}

void Batcher::know(Program& program) {
  // As many shapes as a server sees in a long time are not remembered for ever.
  if (profiles_.size() > most_profiles) profiles_.clear();
  profiles_[program.key()];
}

// One that is not known, which another call made room for, is as good as new.
RunProfile& Batcher::profile_of(Program& program) {
  const auto found = profiles_.find(program.key());
  return found == profiles_.end() ? unknown_ = RunProfile() : found->second;
}

RunMode Batcher::mode_for(Seat& seat) {
  RunChoice choice;
  choice.threads = limits_.threads;
  choice.busy = limits_.threads - free_;
  choice.waiting = programs_of(waiting_);
  choice.alike = std::max(1, programs_of(alike(seat)));
  choice.most_copies = limits_.most_copies;
  choice.long_run = limits_.long_run;
  return profile_of(seat.program()).choose(choice);
}

void Batcher::give_turns() {
  grant();
  plan_pauses();
}

void Batcher::grant() {
  while (free_ > 0) {
    Seat* seat = next();
    if (!seat || (held_for_ && held_for_->charged < seat->charged)) return;
    const RunMode mode = mode_for(*seat);
    // It waits until the others are done, and they for it.
    if (mode.threads > free_) return;
    grant(*seat, mode);
  }
}

void Batcher::grant(Seat& seat, const RunMode& mode) {
  seat.mode = mode;
  seat.company.clear();
  const auto copies = static_cast<size_t>(mode.copies);
  seat.taken = std::min(copies, seat.programs.size());
  size_t together = seat.taken;
  if (together < copies)
    for (Seat* one : alike(seat)) {
      if (one == &seat || together + one->programs.size() > copies) continue;
      seat.company.push_back(one);
      together += one->programs.size();
    }
  seat.mode.copies = static_cast<int>(together);
  for (Seat* one : seat.company) {
    one->state = Seat::State::riding;
    remove_from(waiting_, one);
  }
  remove_from(waiting_, &seat);
  seat.state = Seat::State::leading;
  clock_ = std::max(clock_, seat.charged);
  free_ -= mode.threads;
  seat.began = seconds_now();
  seat.due_at = never;
  seat.woken.notify_all();
}

// Who runs what can be interrupted lets the next in line go when that was charged less.
void Batcher::plan_pauses() {
  const Seat* waiting = next();
  for (Seat* seat : seats_) {
    if (seat->state != Seat::State::leading) continue;
    double at = never;
    if (waiting) at = seat->began + std::max(least_slice, (waiting->charged - seat->charged) * seat->weight);
    seat->due_at = at;
  }
}

void Batcher::stop(Seat& seat, double seconds) {
  const RunMode& mode = seat.mode;
  const double share = seconds * mode.threads / limits_.threads / mode.copies;
  seat.charged += share * static_cast<double>(seat.taken) / seat.weight;
  for (Seat* one : seat.company)
    one->charged += share * static_cast<double>(one->programs.size()) / one->weight;
  free_ += mode.threads;
  ++stats_.runs[static_cast<size_t>(mode.copies)];
  if (!seat.paused) profile_of(seat.program()).record(mode, seconds);
  if (!seat.program().whole()) return;
  constexpr double weight_of_new = 0.1;
  double& step = stats_.step_seconds;
  step = step == 0 ? share : (1 - weight_of_new) * step + weight_of_new * share;
}

std::unique_ptr<MergedProgram> Batcher::take_merged(Program& like, int copies) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto one = merged_.begin(); one != merged_.end(); ++one) {
    if ((*one)->copies() != copies || (*one)->key() != like.key()) continue;
    std::unique_ptr<MergedProgram> taken = std::move(*one);
    merged_.erase(one);
    return taken;
  }
  return nullptr;
}

void Batcher::keep_merged(std::unique_ptr<MergedProgram> merged) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (merged_.size() == merged_kept) merged_.erase(merged_.begin());
  merged_.push_back(std::move(merged));
}

Status Batcher::run_together(Seat& seat, const RunTerms& terms) {
  Program& like = seat.program();
  const int copies = seat.mode.copies;
  std::unique_ptr<MergedProgram> merged = take_merged(like, copies);
  if (!merged) {
    Result<std::unique_ptr<MergedProgram>> made = MergedProgram::make(like, copies, arenas_);
    if (!made.ok()) return made.take_status();
    merged = made.take();
  }
  std::vector<Program*> members(seat.programs.begin(),
                                seat.programs.begin() + static_cast<std::ptrdiff_t>(seat.taken));
  for (const Seat* one : seat.company)
    members.insert(members.end(), one->programs.begin(), one->programs.end());
  const Status status = merged->run(members, terms);
  keep_merged(std::move(merged));
  return status;
}

}  // namespace ipa
