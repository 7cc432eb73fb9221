// The pool runs every task exactly once, however many jobs are open and however it is resized.
#include <atomic>
#include <memory>
#include <vector>

#include "cpu/launch/thread_pool.h"
#include "harness.h"
#include "random.h"

namespace {

using ipa::ThreadPool;

// A job that counts how often each task ran and watches slots:
// below the limit, and never used by two threads at once.
class Job {
 public:
  Job(int64_t tasks, int limit)
      : tasks_(tasks),
        limit_(limit),
        runs_(new std::atomic<int>[static_cast<size_t>(tasks)]),
        busy_(new std::atomic<bool>[static_cast<size_t>(limit)]) {
    for (int64_t i = 0; i < tasks; ++i) runs_[static_cast<size_t>(i)] = 0;
    for (int i = 0; i < limit; ++i) busy_[static_cast<size_t>(i)] = false;
  }

  // Number of things that went wrong.
  int run() {
    ThreadPool::shared().run(tasks_, limit_, &Job::task, this);
    int wrong = wrong_.load();
    for (int64_t i = 0; i < tasks_; ++i)
      if (runs_[static_cast<size_t>(i)].load() != 1) ++wrong;
    return wrong;
  }

 private:
  static void task(void* context, int64_t task, int slot) {
    Job& job = *static_cast<Job*>(context);
    if (task < 0 || task >= job.tasks_ || slot < 0 || slot >= job.limit_) {
      ++job.wrong_;
      return;
    }
    if (job.busy_[static_cast<size_t>(slot)].exchange(true)) ++job.wrong_;
    ++job.runs_[static_cast<size_t>(task)];
    // Some tasks are longer than others, so that threads come and go.
    uint64_t sum = 0;
    ipa_test::Random random(static_cast<uint64_t>(task));
    for (int64_t i = random.below(300); i > 0; --i) sum += random.bits();
    job.sink_.fetch_add(sum, std::memory_order_relaxed);
    if (!job.busy_[static_cast<size_t>(slot)].exchange(false)) ++job.wrong_;
  }

  int64_t tasks_;
  int limit_;
  std::unique_ptr<std::atomic<int>[]> runs_;
  std::unique_ptr<std::atomic<bool>[]> busy_;
  std::atomic<int> wrong_{0};
  std::atomic<uint64_t> sink_{0};
};

TEST_ONCE(thread_pool_runs_every_task_once) {
  for (int size : {1, 2, 3, 4, 8}) {
    ThreadPool::shared().resize(size);
    CHECK_EQ(ThreadPool::shared().size(), size);
    for (int64_t tasks : {0, 1, 2, 3, 7, 64, 1000})
      for (int limit : {1, 2, 3, 16}) CHECK_EQ(Job(tasks, limit).run(), 0);
  }
  ThreadPool::shared().resize(2);
}

TEST_ONCE(thread_pool_runs_many_short_jobs) {
  ThreadPool::shared().resize(3);
  int wrong = 0;
  for (int i = 0; i < 3000; ++i) wrong += Job(1 + i % 9, 1 + i % 4).run();
  CHECK_EQ(wrong, 0);
  ThreadPool::shared().resize(2);
}

TEST_ONCE(thread_pool_serves_several_threads_at_once) {
  ThreadPool::shared().resize(4);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 5; ++caller)
    callers.emplace_back([&wrong, caller] {
      for (int i = 0; i < 200; ++i) wrong += Job(1 + (i * 7 + caller) % 50, 1 + (i + caller) % 5).run();
    });
  for (std::thread& caller : callers) caller.join();
  CHECK_EQ(wrong.load(), 0);
  ThreadPool::shared().resize(2);
}

TEST_ONCE(thread_pool_grows_and_shrinks_between_jobs) {
  ipa_test::Random random(1);
  for (int i = 0; i < 60; ++i) {
    const int size = static_cast<int>(random.between(1, 6));
    ThreadPool::shared().resize(size);
    CHECK_EQ(ThreadPool::shared().size(), size);
    CHECK_EQ(Job(100, 8).run(), 0);
  }
  ThreadPool::shared().resize(2);
}

TEST_ONCE(thread_pool_may_be_resized_beside_jobs) {
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 2; ++caller)
    callers.emplace_back([&] {
      while (!done) wrong += Job(40, 4).run();
    });
  for (int i = 0; i < 60; ++i) ThreadPool::shared().resize(1 + i % 4);
  done = true;
  for (std::thread& caller : callers) caller.join();
  CHECK_EQ(wrong.load(), 0);
  ThreadPool::shared().resize(2);
}

TEST_ONCE(thread_pool_takes_any_size) {
  for (int size : {0, -1, -1000}) {
    ThreadPool::shared().resize(size);
    CHECK_EQ(ThreadPool::shared().size(), 1);
  }
  CHECK(ThreadPool::hardware_threads() >= 1);
  ThreadPool::shared().resize(2);
}

}  // namespace
