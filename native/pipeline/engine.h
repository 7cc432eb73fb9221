// A model set with a thread of its own: requests queue, run one after the other,
// and are answered by callback on that thread. The caller's thread never waits.
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
#include "pipeline/caches.h"
#include "pipeline/condition/text_features.h"
#include "pipeline/generate.h"
#include "pipeline/load/loaded_parts.h"
#include "pipeline/load/model_set.h"
#include "pipeline/memory_estimate.h"

namespace ipa {

// Asks one piece of work to stop; shared by whoever may ask and the work itself.
using CancelHandle = std::shared_ptr<CancelFlag>;
inline CancelHandle make_cancel_handle() { return std::make_shared<CancelFlag>(false); }

class Engine {
 public:
  template <class T>
  using Done = std::function<void(Result<T>)>;

  explicit Engine(std::unique_ptr<ModelSet> models);
  // Cancels what runs and waits for it; what waits is answered with Code::disposed.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // The models stay valid until close() is answered.
  const ModelSet& models() const { return *models_; }

  // `progress` and `done` are called on the engine's thread, `done` exactly once, Code::disposed after close().
  // So is `step`, which may wait for somebody as long as it looks at the cancel flag.
  void generate(GenerateRequest request, CancelHandle cancel, ProgressFunction progress,
                Done<GenerateResult> done, StepFunction step = {});
  // The image encoder's output for an adapter.
  void encode_image(ImagePrompt image, int adapter, CancelHandle cancel, Done<std::vector<float>> done);
  // Features of the negative prompt, where there is one, and of the prompt.
  void encode_prompts(PromptsToEncode prompts, CancelHandle cancel, Done<std::vector<TextFeatures>> done);
  // What generate() would take for the request.
  void estimate_memory(GenerateRequest request, CancelHandle cancel, Done<MemoryEstimate> done);
  // Runs `work` on the models between other jobs: how adapters and LoRAs are changed.
  // Answers with what is loaded then.
  void change(std::function<Status(ModelSet&, const CancelFlag*)> work, CancelHandle cancel,
              Done<LoadedParts> done);
  // Answers a cancelled job that still waits with Code::cancelled and frees what it holds,
  // instead of when its turn comes. Any other is left alone.
  void withdraw(const CancelHandle& cancel);
  // Refuses new work, cancels the rest, frees the models, then calls `done` once.
  void close(std::function<void()> done);

 private:
  struct Job {
    CancelHandle cancel;
    std::function<void()> run;
    std::function<void(Status)> refuse;
  };
  void submit(Job job);
  void work();
  void run_guarded(Job& job);
  void refuse_the_rest();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  CancelHandle running_;
  bool closing_ = false;
  std::vector<std::function<void()>> on_closed_;
  bool closed_ = false;
  std::unique_ptr<ModelSet> models_;
  std::unique_ptr<Caches> caches_ = std::make_unique<Caches>();
  std::thread thread_;
};

}  // namespace ipa
