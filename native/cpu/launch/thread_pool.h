// The process's threads. One pool serves every pipeline:
// work is cut into numbered tasks, the caller works on them too, and idle threads join whichever job is open.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace ipa {

class ThreadPool {
 public:
  // fn(context, task, slot):
  // `slot` is below the job's thread limit and names the thread within the job (for scratch).
  using Function = void (*)(void* context, int64_t task, int slot);

  static ThreadPool& shared();
  ~ThreadPool();

  // Threads that work at once, callers included; 1 to max_threads().
  // What runs goes on with the threads there are.
  void resize(int threads);
  // Makes the pool at least this large.
  void grow_to(int threads);
  // More than a few threads per core only wait for each other, and threads are not the pool's alone.
  static int max_threads() { return 4 * hardware_threads() > 64 ? 4 * hardware_threads() : 64; }
  int size() const { return size_.load(std::memory_order_relaxed); }
  static int hardware_threads();
  // The size it has, or the one it gets when nobody asks for another.
  int planned_size() const { return sized_ ? size() : hardware_threads(); }

  // Runs every task once and returns when all are done.
  // Never fails: with no other thread the caller does them all.
  void run(int64_t tasks, int max_threads, Function fn, void* context);

 private:
  struct Job {
    Function fn;
    void* context;
    int64_t tasks;
    int max_threads;
    std::atomic<int64_t> next{0};
    int joined = 1;              // slots handed out; guarded by mutex_
    std::atomic<int> active{0};  // pool threads inside
    Job* following = nullptr;
  };

  ThreadPool() = default;
  void work();
  static void drain(Job& job, int slot);
  void stop_workers();
  void resize_locked(int threads);

  std::mutex resize_mutex_;
  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  Job* open_ = nullptr;
  std::atomic<int> open_count_{0};
  std::atomic<bool> stopping_{false};
  int sleeping_ = 0;
  std::atomic<int> size_{1};
  std::atomic<bool> sized_{false};
  std::vector<std::thread> workers_;
};

}  // namespace ipa
