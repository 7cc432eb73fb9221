#include "pipeline/engine.h"

#include <algorithm>

#include "base/guard.h"
#include "pipeline/condition/image_features.h"
#include "pipeline/prepared_call.h"

namespace ipa {
namespace {

// Said when there may be no memory left.
const std::string cancelled_text = "cancelled before it began";
const std::string disposed_text = "the pipeline was disposed";

}  // namespace

Engine::Engine(std::unique_ptr<ModelSet> models) : models_(std::move(models)) {
  thread_ = std::thread([this] { work(); });
}

Engine::~Engine() {
  close(nullptr);
  thread_.join();
}

void Engine::generate(GenerateRequest request, CancelHandle cancel, ProgressFunction progress,
                      Done<GenerateResult> done, StepFunction step) {
  auto shared = std::make_shared<GenerateRequest>(std::move(request));
  submit({cancel,
          [=] {
            done(guarded(
                [&] { return ipa::generate(*models_, *caches_, *shared, progress, cancel.get(), step); }));
          },
          [done](Status status) { done(std::move(status)); }});
}

void Engine::encode_image(ImagePrompt image, int adapter, CancelHandle cancel, Done<std::vector<float>> done) {
  auto shared = std::make_shared<ImagePrompt>(std::move(image));
  submit({cancel,
          [=] {
            done(guarded([&]() -> Result<std::vector<float>> {
              if (adapter < 0 || static_cast<size_t>(adapter) >= models_->adapters.size())
                return Status::option("adapter", "there is no adapter " + std::to_string(adapter) + ", " +
                                                     std::to_string(models_->adapters.size()) + " loaded");
              Workspace workspace(&caches_->arenas);
              IPA_ASSIGN(const std::unique_ptr<ImageEncoder> encoder,
                         ImageEncoder::plan(*models_, *models_->adapters[static_cast<size_t>(adapter)]));
              return encoder->encode({*models_, *caches_, workspace, cancel.get()}, *shared);
            }));
          },
          [done](Status status) { done(std::move(status)); }});
}

void Engine::encode_prompts(PromptsToEncode prompts, CancelHandle cancel,
                            Done<std::vector<TextFeatures>> done) {
  auto shared = std::make_shared<PromptsToEncode>(std::move(prompts));
  submit({cancel,
          [=] {
            done(guarded([&]() -> Result<std::vector<TextFeatures>> {
              PromptEncoder::Prompts inputs;
              if (!shared->negative.empty()) inputs.push_back(&shared->negative);
              inputs.push_back(&shared->prompt);
              Workspace workspace(&caches_->arenas);
              IPA_ASSIGN(PromptEncoder encoder,
                         PromptEncoder::plan(*models_, std::move(inputs), shared->clip_skip));
              return encoder.run({*models_, *caches_, workspace, cancel.get()});
            }));
          },
          [done](Status status) { done(std::move(status)); }});
}

void Engine::estimate_memory(GenerateRequest request, CancelHandle cancel, Done<MemoryEstimate> done) {
  auto shared = std::make_shared<GenerateRequest>(std::move(request));
  submit({cancel, [=] { done(guarded([&] { return ipa::estimate_memory(*models_, *shared); })); },
          [done](Status status) { done(std::move(status)); }});
}

void Engine::change(std::function<Status(ModelSet&, const CancelFlag*)> work, CancelHandle cancel,
                    Done<LoadedParts> done) {
  submit({cancel,
          [=] {
            done(guarded([&]() -> Result<LoadedParts> {
              IPA_TRY(work(*models_, cancel.get()));
              caches_->features.forget_gone();
              return loaded_parts(*models_);
            }));
          },
          [done](Status status) { done(std::move(status)); }});
}

void Engine::submit(Job job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!closing_) {
      queue_.push_back(std::move(job));
      wake_.notify_all();
      return;
    }
  }
  job.refuse(Status::prepared(Code::disposed, disposed_text));
}

void Engine::withdraw(const CancelHandle& cancel) {
  Job job;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found =
        std::find_if(queue_.begin(), queue_.end(), [&](const Job& j) { return j.cancel == cancel; });
    if (found == queue_.end()) return;
    job = std::move(*found);
    queue_.erase(found);
  }
  job.refuse(Status::prepared(Code::cancelled, cancelled_text));
}

void Engine::close(std::function<void()> done) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    if (running_) running_->store(true);
    if (!closed_) {
      if (done) on_closed_.push_back(std::move(done));
      done = nullptr;
    }
    wake_.notify_all();
  }
  if (done) done();
}

// A job's own work answers errors as values;
// what still throws (no memory to hand a result over) must not end the thread.
void Engine::run_guarded(Job& job) {
  try {
    job.run();
  } catch (...) {
    job.refuse(caught());
  }
}

void Engine::refuse_the_rest() {
  for (;;) {
    Job job;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    job.refuse(Status::prepared(Code::disposed, disposed_text));
  }
}

void Engine::work() {
  for (;;) {
    Job job;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return closing_ || !queue_.empty(); });
      if (closing_) break;
      job = std::move(queue_.front());
      queue_.pop_front();
      running_ = job.cancel;
    }
    if (job.cancel->load())
      job.refuse(Status::prepared(Code::cancelled, cancelled_text));
    else
      run_guarded(job);
    std::lock_guard<std::mutex> lock(mutex_);
    running_.reset();
  }
  refuse_the_rest();
  models_.reset();
  caches_.reset();
  std::vector<std::function<void()>> waiting;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    waiting.swap(on_closed_);
  }
  for (auto& done : waiting) done();
}

}  // namespace ipa
