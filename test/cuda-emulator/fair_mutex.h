// A recursive mutex that serves threads in the order in which they came. Whole kernels run under the emulator's locks, one after the other
// from the same thread; std::mutex would let that thread in again and again, and others never.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace cuda_emulator {

class FairMutex {
 public:
  void lock() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (depth_ > 0 && owner_ == std::this_thread::get_id()) {
      ++depth_;
      return;
    }
    const uint64_t mine = next_++;
    changed_.wait(lock, [&] { return depth_ == 0 && serving_ == mine; });
    owner_ = std::this_thread::get_id();
    depth_ = 1;
  }
  void unlock() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (--depth_ > 0) return;
      ++serving_;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t next_ = 0, serving_ = 0;
  int depth_ = 0;
  std::thread::id owner_;
};

}  // namespace cuda_emulator
