#include "pipeline/engine.h"

#include <algorithm>

#include "base/guard.h"
#include "base/system_memory.h"
#include "pipeline/condition/image_features.h"
#include "pipeline/prepared_call.h"
#include "pipeline/seconds_now.h"

namespace ipa {
namespace {

// Said when there may be no memory left.
const std::string cancelled_text = "cancelled before it began";
const std::string disposed_text = "the pipeline was disposed";

// What calls may take together, wherever there is least: the rest is left to others, and to what an estimate leaves out.
size_t room_for_calls(const ModelSet& models) {
  size_t least = 0;
  const auto meet = [&least](uint64_t limit, size_t weights) {
    const auto most = static_cast<size_t>(static_cast<double>(limit) * 0.8);
    const size_t room = most > weights ? most - weights : 1;
    if (limit) least = least ? std::min(least, room) : room;
  };
  meet(system_memory().limit, models.memory_bytes_on(host_memory()));
  for (size_t part = 0; part < part_count; ++part) {
    const MemorySpace& space = models.backend(static_cast<Part>(part)).memory();
    if (!space.is_host()) meet(space.limit(), models.memory_bytes_on(space));
  }
  return least;
}

// Hands over what `work` makes, or why there is nothing.
template <class T, class Work>
std::function<void()> answer_of(const Engine::Done<T>& done, const Work& work) {
  auto result = std::make_shared<Result<T>>(guarded(work));
  return [done, result] { done(std::move(*result)); };
}

// A job without its work.
template <class T>
EngineJob job_for(CancelHandle cancel, const Engine::Done<T>& done) {
  EngineJob job;
  job.cancel = std::move(cancel);
  job.refuse = [done](Status status) { done(std::move(status)); };
  return job;
}

}  // namespace

Engine::Engine(std::unique_ptr<ModelSet> models, const EngineLimits& limits)
    : limits_(limits),
      models_(std::move(models)),
      batcher_(std::make_unique<Batcher>(
          BatcherLimits{models_->backend(Part::unet).capabilities().threads, limits.most_copies,
                        room_for_calls(*models_), limits.long_run},
          caches_->arenas)) {
  own_loras_ = models_->loras();
  workers_.reserve(static_cast<size_t>(limits_.concurrency));
  workers_.emplace_back([this] { work(); });
}

Engine::~Engine() {
  close(nullptr);
  // No worker is added once it closes.
  for (std::thread& worker : workers_) worker.join();
}

void Engine::generate(GenerateRequest request, CancelHandle cancel, ProgressFunction progress,
                      Done<GenerateResult> done, StepFunction step) {
  auto shared = std::make_shared<GenerateRequest>(std::move(request));
  EngineJob job = job_for(cancel, done);
  job.priority = shared->priority;
  if (shared->deadline > 0) job.due = seconds_now() + shared->deadline / 1000.0;
  job.repaints = shared->mask.has_value();
  job.loras = std::move(shared->loras);
  job.run = [=](Session& session) {
    return answer_of<GenerateResult>(done, [&] {
      return ipa::generate({*models_, *caches_, &session}, *shared, progress, cancel.get(), step);
    });
  };
  submit(std::move(job));
}

void Engine::encode_image(ImagePrompt image, int adapter, CancelHandle cancel, Done<std::vector<float>> done) {
  auto shared = std::make_shared<ImagePrompt>(std::move(image));
  EngineJob job = job_for(cancel, done);
  job.any_loras = true;
  job.run = [=](Session& session) {
    return answer_of<std::vector<float>>(done, [&]() -> Result<std::vector<float>> {
      if (adapter < 0 || static_cast<size_t>(adapter) >= models_->adapters.size())
        return Status::option("adapter", "there is no adapter " + std::to_string(adapter) + ", " +
                                             std::to_string(models_->adapters.size()) + " loaded");
      Workspace workspace(&caches_->arenas, &session);
      IPA_ASSIGN(const std::unique_ptr<ImageEncoder> encoder,
                 ImageEncoder::plan(*models_, *models_->adapters[static_cast<size_t>(adapter)]));
      return encoder->encode({*models_, *caches_, workspace, cancel.get()}, *shared);
    });
  };
  submit(std::move(job));
}

void Engine::encode_prompts(PromptsToEncode prompts, CancelHandle cancel,
                            Done<std::vector<TextFeatures>> done) {
  auto shared = std::make_shared<PromptsToEncode>(std::move(prompts));
  EngineJob job = job_for(cancel, done);
  job.run = [=](Session& session) {
    return answer_of<std::vector<TextFeatures>>(done, [&]() -> Result<std::vector<TextFeatures>> {
      PromptEncoder::Prompts inputs;
      if (!shared->negative.empty()) inputs.push_back(&shared->negative);
      inputs.push_back(&shared->prompt);
      Workspace workspace(&caches_->arenas, &session);
      IPA_ASSIGN(PromptEncoder encoder, PromptEncoder::plan(*models_, std::move(inputs), shared->clip_skip));
      return encoder.run({*models_, *caches_, workspace, cancel.get()});
    });
  };
  submit(std::move(job));
}

void Engine::estimate_memory(GenerateRequest request, CancelHandle cancel, Done<MemoryEstimate> done) {
  auto shared = std::make_shared<GenerateRequest>(std::move(request));
  EngineJob job = job_for(std::move(cancel), done);
  job.repaints = shared->mask.has_value();
  job.any_loras = true;
  job.run = [=](Session&) {
    return answer_of<MemoryEstimate>(done, [&] { return ipa::estimate_memory(*models_, *shared); });
  };
  submit(std::move(job));
}

void Engine::change(std::function<Status(ModelSet&, const CancelFlag*)> work, CancelHandle cancel,
                    Done<LoadedParts> done) {
  EngineJob job = job_for(cancel, done);
  job.change = [=] {
    return answer_of<LoadedParts>(done, [&]() -> Result<LoadedParts> {
      batcher_->forget_graphs();
      IPA_TRY(work(*models_, cancel.get()));
      caches_->features.forget_gone();
      return loaded_parts(*models_);
    });
  };
  submit(std::move(job));
}

void Engine::submit(EngineJob job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!closing_) {
      queue_.push_back(std::move(job));
      if (idle_ < queue_.size()) add_worker();
      wake_.notify_all();
      return;
    }
  }
  job.refuse(Status::prepared(Code::disposed, disposed_text));
}

void Engine::add_worker() {
  if (workers_.size() >= static_cast<size_t>(limits_.concurrency)) return;
  try {
    workers_.emplace_back([this] { work(); });
  } catch (const std::exception&) {
    // Those that there are do it, one job after the other.
  }
}

void Engine::withdraw(const CancelHandle& cancel) {
  EngineJob job;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (batcher_) batcher_->wake();
    const auto found =
        std::find_if(queue_.begin(), queue_.end(), [&](const EngineJob& j) { return j.cancel == cancel; });
    if (found == queue_.end()) return;
    job = std::move(*found);
    queue_.erase(found);
    wake_.notify_all();
  }
  job.refuse(Status::prepared(Code::cancelled, cancelled_text));
}

void Engine::close(std::function<void()> done) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    for (const CancelHandle& cancel : running_) cancel->store(true);
    if (batcher_) batcher_->wake();
    if (!closed_) {
      if (done) on_closed_.push_back(std::move(done));
      done = nullptr;
    }
    wake_.notify_all();
  }
  if (done) done();
}

EngineStats Engine::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  EngineStats stats;
  stats.queued = static_cast<int>(queue_.size());
  stats.active = static_cast<int>(running_.size());
  if (batcher_) stats.batcher = batcher_->stats();
  return stats;
}

bool Engine::goes_before(const EngineJob& a, const EngineJob& b) {
  return a.priority != b.priority ? a.priority > b.priority : a.due < b.due;
}

const std::vector<LoraRequest>& Engine::loras_of(const EngineJob& job) const {
  return job.any_loras ? models_->loras() : job.loras ? *job.loras : own_loras_;
}

// Whether it may run beside what runs now: LoRAs, and Fooocus' patch, are in the weights.
bool Engine::fits(const EngineJob& job) const {
  if (running_.empty()) return true;
  return loras_of(job) == models_->loras() && (!models_->inpaint || job.repaints == repaints_);
}

// The job of the highest priority before the next change, the first to come of those; or that change, when nothing
// runs. Where the first needs other weights than those in use, others go before it for a while, and then it waits for
// those that run. End: none may begin.
Engine::Queue::iterator Engine::next_job() {
  if (changing_) return queue_.end();
  auto first = queue_.end(), fitting = queue_.end();
  for (auto job = queue_.begin(); job != queue_.end() && !job->change; ++job) {
    if (first == queue_.end() || goes_before(*job, *first)) first = job;
    if (fits(*job) && (fitting == queue_.end() || goes_before(*job, *fitting))) fitting = job;
  }
  if (first == queue_.end()) return running_.empty() ? queue_.begin() : queue_.end();
  if (fits(*first)) return first;
  return seconds_now() < weights_turn_ends_ ? fitting : queue_.end();
}

bool Engine::take_job(EngineJob& job) {
  std::unique_lock<std::mutex> lock(mutex_);
  ++idle_;
  wake_.wait(lock, [&] { return closing_ || next_job() != queue_.end(); });
  --idle_;
  if (closing_) return false;
  const auto found = next_job();
  job = std::move(*found);
  queue_.erase(found);
  running_.push_back(job.cancel);
  // While LoRAs are changed nothing else runs.
  changing_ = job.change || !(loras_of(job) == models_->loras());
  repaints_ = job.repaints;
  return true;
}

void Engine::end_job(const EngineJob& job) {
  std::lock_guard<std::mutex> lock(mutex_);
  running_.erase(std::find(running_.begin(), running_.end(), job.cancel));
  changing_ = false;
  wake_.notify_all();
}

// Before the job, where it needs others than those in use. Nothing else runs meanwhile.
Status Engine::use_loras(const EngineJob& job) {
  // A change of adapters or LoRAs is one of the pipeline's own.
  const std::vector<LoraRequest>& wanted = job.change ? own_loras_ : loras_of(job);
  if (wanted == models_->loras()) return {};
  const double began = seconds_now();
  batcher_->forget_graphs();
  IPA_TRY(models_->set_loras(wanted, job.cancel.get()));
  // As long as four changes take, so that calls with two sets in turn do not change them all the time.
  const std::lock_guard<std::mutex> lock(mutex_);
  weights_turn_ends_ = seconds_now() + std::max(1.0, 4 * (seconds_now() - began));
  if (job.change) return {};
  changing_ = false;
  wake_.notify_all();
  return {};
}

std::function<void()> Engine::do_job(EngineJob& job) {
  if (job.change) {
    std::function<void()> answer = job.change();
    own_loras_ = models_->loras();
    return answer;
  }
  Session session(*batcher_, job.priority);
  return job.run(session);
}

// A job's own work has errors as values;
// what still throws (no memory to hand a result over) must not end the thread.
void Engine::run_guarded(EngineJob& job) {
  std::function<void()> answer;
  Status thrown;
  try {
    thrown = job.cancel->load() ? Status::prepared(Code::cancelled, cancelled_text) : use_loras(job);
    if (thrown.ok()) answer = do_job(job);
  } catch (...) {
    thrown = caught();
  }
  end_job(job);
  try {
    if (answer) return answer();
  } catch (...) {
    thrown = caught();
  }
  job.refuse(std::move(thrown));
}

void Engine::refuse_the_rest() {
  for (;;) {
    EngineJob job;
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
  EngineJob job;
  while (take_job(job)) {
    run_guarded(job);
    job = {};
  }
  bool last = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    last = ++ended_ == workers_.size();
  }
  if (last) end();
}

// On the last of the engine's threads.
void Engine::end() {
  refuse_the_rest();
  std::unique_ptr<Batcher> batcher;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    batcher = std::move(batcher_);
  }
  batcher.reset();
  // They hold memory of the models' devices.
  caches_.reset();
  models_.reset();
  std::vector<std::function<void()>> waiting;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    waiting.swap(on_closed_);
  }
  for (auto& done : waiting) done();
}

}  // namespace ipa
