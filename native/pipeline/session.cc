#include "pipeline/session.h"

#include <chrono>
#include <cmath>
#include <utility>

#include "base/guard.h"
#include "pipeline/seconds_now.h"

namespace ipa {
namespace {

Status cancelled() { return Status(Code::cancelled, "the run was cancelled"); }

}  // namespace

Session::Session(Batcher& batcher, int priority) : batcher_(batcher), seat_(std::pow(2.0, priority)) {
  const std::lock_guard<std::mutex> lock(batcher_.mutex_);
  batcher_.add(seat_);
}

Session::~Session() {
  const std::lock_guard<std::mutex> lock(batcher_.mutex_);
  batcher_.remove(seat_);
}

Status Session::run(const std::vector<Program*>& programs, const CancelFlag* cancel) {
  programs.front()->key();  // not while others wait for the lock
  std::unique_lock<std::mutex> lock(batcher_.mutex_);
  batcher_.know(*programs.front());
  seat_.programs = programs;
  seat_.cancel = cancel;
  while (!seat_.programs.empty()) IPA_TRY(take_turn(lock));
  return {};
}

Status Session::take_turn(std::unique_lock<std::mutex>& lock) {
  batcher_.ask(seat_);
  IPA_TRY(wait_for_turn(lock));
  if (seat_.state == Seat::State::leading) return lead(lock);
  seat_.state = Seat::State::away;
  seat_.programs.clear();
  return seat_.is_cancelled() ? cancelled() : std::move(seat_.served);
}

Status Session::wait_for_turn(std::unique_lock<std::mutex>& lock) {
  const auto called = [this] {
    return seat_.state == Seat::State::leading || seat_.state == Seat::State::served ||
           (seat_.state == Seat::State::waiting && seat_.is_cancelled());
  };
  // Longer than a call needs between two steps, and no time beside a step.
  constexpr std::chrono::microseconds moment(300);
  while (!called()) {
    if (!batcher_.held_for_)
      seat_.woken.wait(lock);
    else if (seat_.woken.wait_for(lock, moment) == std::cv_status::timeout && batcher_.held_for_)
      batcher_.let_go();
  }
  if (seat_.state != Seat::State::waiting) return {};
  batcher_.stop_waiting(seat_);
  return cancelled();
}

Status Session::lead(std::unique_lock<std::mutex>& lock) {
  RunTerms terms;
  terms.threads = seat_.mode.threads;
  const bool alone = seat_.mode.copies == 1;
  terms.cancel = alone ? seat_.cancel : nullptr;
  terms.pause = alone && seat_.program().whole() ? nullptr : this;
  seat_.paused = false;
  lock.unlock();
  // Whatever happens, those that ride with it get an answer.
  const Status status =
      guarded([&] { return alone ? seat_.program().run_now(terms) : batcher_.run_together(seat_, terms); });
  lock.lock();
  if (seat_.state != Seat::State::leading) return status;  // it was cancelled while others had their turn
  batcher_.stop(seat_, seconds_now() - seat_.began);
  if (!alone && !status.ok() && status.code() != Code::cancelled) {
    // The others, and this one, can still run alone.
    batcher_.profile_of(seat_.program()).never_merge();
    for (Seat* one : seat_.company) batcher_.ask(*one);
    seat_.company.clear();
    return take_turn(lock);
  }
  for (Seat* one : seat_.company) {
    one->served = status;
    one->state = Seat::State::served;
    one->woken.notify_all();
  }
  seat_.company.clear();
  seat_.state = Seat::State::away;
  seat_.programs.erase(seat_.programs.begin(),
                       seat_.programs.begin() + static_cast<std::ptrdiff_t>(seat_.taken));
  batcher_.hold(seat_);
  batcher_.give_turns();
  return seat_.is_cancelled() ? cancelled() : status;
}

bool Session::due() const {
  if (seat_.mode.copies > 1) return seat_.all_cancelled();
  return seconds_now() >= seat_.due_at.load(std::memory_order_relaxed);
}

Result<int> Session::pass() {
  if (seat_.mode.copies > 1) return cancelled();
  std::unique_lock<std::mutex> lock(batcher_.mutex_);
  seat_.paused = true;
  batcher_.stop(seat_, seconds_now() - seat_.began);
  batcher_.ask(seat_);
  IPA_TRY(wait_for_turn(lock));
  return seat_.mode.threads;
}

Status Session::reserve(size_t bytes, const CancelFlag* cancel) {
  std::unique_lock<std::mutex> lock(batcher_.mutex_);
  seat_.cancel = cancel;
  if (batcher_.held_for_ == &seat_) batcher_.let_go();
  batcher_.reserving_.push_back(&seat_);
  const auto fits = [&] {
    const bool first = batcher_.reserving_.front() == &seat_;
    const size_t most = batcher_.limits_.working_memory;
    return first && (!most || !batcher_.reserved_ || batcher_.reserved_ + bytes <= most);
  };
  seat_.woken.wait(lock, [&] { return seat_.is_cancelled() || fits(); });
  batcher_.reserving_.remove(&seat_);
  batcher_.wake_next_reserving();
  if (seat_.is_cancelled()) return cancelled();
  batcher_.reserved_ += bytes;
  return {};
}

void Session::release(size_t bytes) {
  const std::lock_guard<std::mutex> lock(batcher_.mutex_);
  batcher_.reserved_ -= bytes;
  batcher_.wake_next_reserving();
}

}  // namespace ipa
