// A model set with threads of its own: requests queue, advance together step by step, and are answered by callback on
// those threads. The caller's thread never waits.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/status.h"
#include "pipeline/batcher.h"
#include "pipeline/caches.h"
#include "pipeline/condition/text_features.h"
#include "pipeline/engine_job.h"
#include "pipeline/generate.h"
#include "pipeline/load/loaded_parts.h"
#include "pipeline/load/model_set.h"
#include "pipeline/memory_estimate.h"

namespace ipa {

struct EngineLimits {
  int concurrency = 16;                // calls that advance together, at most
  int most_copies = 8;                 // of them that share a run of the UNet, at most
  double long_run = default_long_run;  // seconds of a run that gains nothing from company
};

struct EngineStats {
  int queued = 0, active = 0;  // jobs
  BatcherStats batcher;
};

class Engine {
 public:
  template <class T>
  using Done = std::function<void(Result<T>)>;

  explicit Engine(std::unique_ptr<ModelSet> models, const EngineLimits& limits = {});
  // Cancels what runs and waits for it; what waits is answered with Code::disposed.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // The models stay valid until close() is answered.
  const ModelSet& models() const { return *models_; }
  const EngineLimits& limits() const { return limits_; }

  // `progress` and `done` are called on a thread of the engine, `done` exactly once, Code::disposed after close().
  // So is `step`, which may wait for somebody as long as it looks at the cancel flag: the others go on.
  void generate(GenerateRequest request, CancelHandle cancel, ProgressFunction progress,
                Done<GenerateResult> done, StepFunction step = {});
  // The image encoder's output for an adapter.
  void encode_image(ImagePrompt image, int adapter, CancelHandle cancel, Done<std::vector<float>> done);
  // Features of the negative prompt, where there is one, and of the prompt.
  void encode_prompts(PromptsToEncode prompts, CancelHandle cancel, Done<std::vector<TextFeatures>> done);
  // What generate() would take for the request.
  void estimate_memory(GenerateRequest request, CancelHandle cancel, Done<MemoryEstimate> done);
  // Runs `work` on the models when all jobs before it are done, and before those after it: how adapters and LoRAs are
  // changed. Answers with what is loaded then.
  void change(std::function<Status(ModelSet&, const CancelFlag*)> work, CancelHandle cancel,
              Done<LoadedParts> done);
  // Answers a cancelled job that still waits with Code::cancelled and frees what it holds, instead of when its turn
  // comes; one that runs stops at its next kernel.
  void withdraw(const CancelHandle& cancel);
  // Refuses new work, cancels the rest, frees the models, then calls `done` once.
  void close(std::function<void()> done);
  EngineStats stats() const;

 private:
  using Queue = std::deque<EngineJob>;
  void submit(EngineJob job);
  void add_worker();
  void work();
  bool fits(const EngineJob& job) const;
  const std::vector<LoraRequest>& loras_of(const EngineJob& job) const;
  Status use_loras(const EngineJob& job);
  static bool goes_before(const EngineJob& a, const EngineJob& b);
  Queue::iterator next_job();
  bool take_job(EngineJob& job);
  void end_job(const EngineJob& job);
  std::function<void()> do_job(EngineJob& job);
  void run_guarded(EngineJob& job);
  void refuse_the_rest();
  void end();

  const EngineLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Queue queue_;
  std::vector<CancelHandle> running_;
  bool changing_ = false;
  bool repaints_ = false;  // what runs now, see EngineJob
  // Those of calls that bring none; until when calls with those in use may go before others.
  std::vector<LoraRequest> own_loras_;
  double weights_turn_ends_ = 0;
  bool closing_ = false;
  std::vector<std::function<void()>> on_closed_;
  bool closed_ = false;
  std::unique_ptr<ModelSet> models_;
  std::unique_ptr<Caches> caches_ = std::make_unique<Caches>();
  std::unique_ptr<Batcher> batcher_;
  std::vector<std::thread> workers_;
  size_t idle_ = 0, ended_ = 0;  // of the workers
};

}  // namespace ipa
