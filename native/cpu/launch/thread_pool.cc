#include "cpu/launch/thread_pool.h"

#include <algorithm>
#include <exception>
#include <memory>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace ipa {
namespace {

void pause_briefly() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__) && !defined(_MSC_VER)
  __asm__ __volatile__("yield");
#endif
}

// Ops follow each other within microseconds; a thread that slept in between would cost more than the wait.
// Longer waits (between steps of another thread's work) go to sleep,
// so that a shared machine is not kept busy for nothing.
constexpr int spin_rounds = 2000;

}  // namespace

ThreadPool& ThreadPool::shared() {
  // Never destroyed: worker threads may outlive static destruction at process exit.
  static ThreadPool* pool = std::unique_ptr<ThreadPool>(new ThreadPool).release();
  return *pool;
}

ThreadPool::~ThreadPool() { stop_workers(); }

int ThreadPool::hardware_threads() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void ThreadPool::stop_workers() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  stopping_ = false;
}

void ThreadPool::resize(int threads) {
  std::lock_guard<std::mutex> only_one(resize_mutex_);
  resize_locked(threads);
}

void ThreadPool::grow_to(int threads) {
  std::lock_guard<std::mutex> only_one(resize_mutex_);
  if (threads > size()) resize_locked(threads);
}

void ThreadPool::resize_locked(int threads) {
  threads = std::clamp(threads, 1, max_threads());
  const auto wanted = static_cast<size_t>(threads - 1);
  if (wanted < workers_.size()) stop_workers();
  while (workers_.size() < wanted) {
    try {
      workers_.emplace_back([this] { work(); });
    } catch (const std::exception&) {
      break;  // fewer threads than asked for still give the same results
    }
  }
  size_ = static_cast<int>(workers_.size()) + 1;
  sized_ = true;
}

void ThreadPool::drain(Job& job, int slot) {
  for (;;) {
    const int64_t task = job.next.fetch_add(1, std::memory_order_relaxed);
    if (task >= job.tasks) return;
    job.fn(job.context, task, slot);
  }
}

void ThreadPool::work() {
  for (;;) {
    for (int i = 0; i < spin_rounds && open_count_.load(std::memory_order_relaxed) == 0 && !stopping_; ++i)
      pause_briefly();
    Job* job = nullptr;
    int slot = 0;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      for (;;) {
        if (stopping_) return;
        for (job = open_; job; job = job->following)
          if (job->joined < job->max_threads && job->next.load(std::memory_order_relaxed) < job->tasks) break;
        if (job) break;
        ++sleeping_;
        wake_.wait(lock);
        --sleeping_;
      }
      slot = job->joined++;
      job->active.fetch_add(1, std::memory_order_relaxed);
    }
    drain(*job, slot);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      job->active.fetch_sub(1, std::memory_order_release);
    }
    finished_.notify_all();
  }
}

void ThreadPool::run(int64_t tasks, int max_threads, Function fn, void* context) {
  max_threads = static_cast<int>(std::min<int64_t>({max_threads, size(), tasks}));
  if (max_threads <= 1) {
    for (int64_t task = 0; task < tasks; ++task) fn(context, task, 0);
    return;
  }
  Job job{fn, context, tasks, max_threads};
  {
    std::lock_guard<std::mutex> lock(mutex_);
    job.following = open_;
    open_ = &job;
    open_count_.fetch_add(1, std::memory_order_relaxed);
    if (sleeping_ > 0) wake_.notify_all();
  }
  drain(job, 0);
  // The job leaves the list before its memory goes; whoever joined is still counted in `active`.
  {
    std::lock_guard<std::mutex> lock(mutex_);
    Job** link = &open_;
    while (*link != &job) link = &(*link)->following;
    *link = job.following;
    open_count_.fetch_sub(1, std::memory_order_relaxed);
  }
  for (int i = 0; i < spin_rounds; ++i) {
    if (job.active.load(std::memory_order_acquire) == 0) break;
    pause_briefly();
  }
  // A worker leaves under the mutex, so taking it makes sure that none still touches the job.
  std::unique_lock<std::mutex> lock(mutex_);
  finished_.wait(lock, [&] { return job.active.load(std::memory_order_acquire) == 0; });
}

}  // namespace ipa
