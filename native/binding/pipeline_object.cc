#include "binding/pipeline_object.h"

#include "binding/addon_data.h"
#include "binding/calls.h"
#include "binding/model_info.h"
#include "binding/requests.h"
#include "binding/step_exchange.h"
#include "binding/values.h"

namespace ipa::binding {
namespace {

Napi::Value floats_to_js(Napi::Env env, const std::vector<float>& values) {
  return copy_to_js(env, values.data(), values.size() * sizeof(float));
}

Napi::Array floats_list_to_js(Napi::Env env, const std::vector<std::vector<float>>& lists) {
  Napi::Array array = Napi::Array::New(env);
  for (size_t i = 0; i < lists.size(); ++i) array.Set(static_cast<uint32_t>(i), floats_to_js(env, lists[i]));
  return array;
}

Napi::Array maps_to_js(Napi::Env env, const std::vector<ModuleMaps>& modules) {
  Napi::Array array = Napi::Array::New(env);
  for (const ModuleMaps& maps : modules) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("module", maps.module);
    object.Set("width", static_cast<double>(maps.width));
    object.Set("height", static_cast<double>(maps.height));
    object.Set("prompt", floats_to_js(env, maps.prompt));
    object.Set("regions", floats_list_to_js(env, maps.regions));
    object.Set("branches", floats_list_to_js(env, maps.branches));
    object.Set("sources", floats_list_to_js(env, maps.sources));
    array.Set(array.Length(), object);
  }
  return array;
}

Napi::Value result_to_js(Napi::Env env, const GenerateResult& result) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array images = Napi::Array::New(env), latents = Napi::Array::New(env);
  for (size_t i = 0; i < result.images.size(); ++i)
    images.Set(static_cast<uint32_t>(i), copy_to_js(env, result.images[i].data(), result.images[i].size()));
  for (size_t i = 0; i < result.latents.size(); ++i)
    latents.Set(static_cast<uint32_t>(i), floats_to_js(env, result.latents[i]));
  object.Set("images", images);
  object.Set("latents", latents);
  object.Set("width", static_cast<double>(result.width));
  object.Set("height", static_cast<double>(result.height));
  if (result.attention.empty()) return object;
  Napi::Array attention = Napi::Array::New(env);
  for (const std::vector<ModuleMaps>& maps : result.attention)
    attention.Set(attention.Length(), maps_to_js(env, maps));
  object.Set("attention", attention);
  return object;
}

Napi::Value progress_to_js(Napi::Env env, const Progress& progress) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("image", progress.image);
  object.Set("step", progress.step);
  object.Set("total", progress.total);
  if (!progress.preview.empty()) {
    object.Set("preview", copy_to_js(env, progress.preview.data(), progress.preview.size()));
    object.Set("previewWidth", static_cast<double>(progress.preview_width));
    object.Set("previewHeight", static_cast<double>(progress.preview_height));
  }
  if (progress.tiles > 0) {
    object.Set("tile", progress.tile);
    object.Set("tiles", progress.tiles);
  }
  return object;
}

Napi::Value estimate_to_js(Napi::Env env, const MemoryEstimate& estimate) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("weights", static_cast<double>(estimate.weights));
  object.Set("working", static_cast<double>(estimate.working));
  object.Set("tile", static_cast<double>(estimate.tile));
  Napi::Object devices = Napi::Object::New(env);
  for (const MemoryEstimate::OnDevice& one : estimate.devices) {
    Napi::Object device = Napi::Object::New(env);
    device.Set("weights", static_cast<double>(one.weights));
    device.Set("working", static_cast<double>(one.working));
    devices.Set(one.device, device);
  }
  object.Set("devices", devices);
  return object;
}

// Of the prompt, which comes last, and of the negative one.
Napi::Value features_to_js(Napi::Env env, const std::vector<TextFeatures>& made) {
  const auto one = [env](const TextFeatures& features) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("features", floats_to_js(env, features.features));
    if (!features.pooled.empty()) object.Set("pooled", floats_to_js(env, features.pooled));
    return object;
  };
  Napi::Object object = Napi::Object::New(env);
  object.Set("prompt", one(made.back()));
  if (made.size() > 1) object.Set("negative", one(made.front()));
  return object;
}

void account(Napi::Env env, int64_t& accounted, int64_t bytes) {
  if (bytes != accounted) Napi::MemoryManagement::AdjustExternalMemory(env, bytes - accounted);
  accounted = bytes;
}

}  // namespace

void PipelineObject::define(Napi::Env env) {
  const Napi::Function constructor = DefineClass(
      env, "NativePipeline",
      {InstanceMethod("info", &PipelineObject::info), InstanceMethod("stats", &PipelineObject::stats),
       InstanceMethod("generate", &PipelineObject::generate),
       InstanceMethod("encodeImage", &PipelineObject::encode_image),
       InstanceMethod("encodePrompts", &PipelineObject::encode_prompts),
       InstanceMethod("estimateMemory", &PipelineObject::estimate_memory),
       InstanceMethod("setAdapters", &PipelineObject::set_adapters),
       InstanceMethod("setControls", &PipelineObject::set_controls),
       InstanceMethod("setLoras", &PipelineObject::set_loras),
       InstanceMethod("close", &PipelineObject::close)});
  AddonData::of(env).pipeline_constructor = Napi::Persistent(constructor);
}

Napi::Object PipelineObject::create(Napi::Env env, std::shared_ptr<Engine> engine) {
  AddonData& data = AddonData::of(env);
  data.engine_to_wrap = std::move(engine);
  const Napi::Object object = data.pipeline_constructor.New({});
  PipelineObject* self = Unwrap(object);
  self->describe(env);
  // The collector sees a small object; the weights behind it are what matters.
  account(env, *self->accounted_, static_cast<int64_t>(self->engine_->models().memory_bytes()));
  return object;
}

PipelineObject::PipelineObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<PipelineObject>(info), engine_(std::move(AddonData::of(info.Env()).engine_to_wrap)) {
  if (!engine_) throw Napi::TypeError::New(info.Env(), "a pipeline is made by load(), not by its constructor");
}

void PipelineObject::forget_memory(Napi::Env env) { account(env, *accounted_, 0); }

void PipelineObject::Finalize(Napi::Env env) { forget_memory(env); }

// Made once, while the models are there; info() works after close() too.
void PipelineObject::describe(Napi::Env env) {
  Napi::Object description = model_info_to_js(env, engine_->models());
  description.Set("concurrency", engine_->limits().concurrency);
  description_ = Napi::Persistent(description);
}

template <class Start>
Napi::Value PipelineObject::start(Napi::Env env, Napi::Function done, Napi::Function progress, Start work) {
  // A cancelled call leaves the queue at once, with its pictures.
  const auto withdraw = [engine = std::weak_ptr<Engine>(engine_)](const CancelHandle& cancel) {
    if (const std::shared_ptr<Engine> alive = engine.lock()) alive->withdraw(cancel);
  };
  return start_job(env, done, progress, work, withdraw);
}

Napi::Value PipelineObject::info(const Napi::CallbackInfo&) { return description_.Value(); }

Napi::Value PipelineObject::stats(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const EngineStats stats = engine_->stats();
  Napi::Object object = Napi::Object::New(env), batches = Napi::Object::New(env);
  object.Set("queued", stats.queued);
  object.Set("active", stats.active);
  object.Set("waiting", stats.batcher.waiting);
  for (size_t copies = 1; copies < stats.batcher.runs.size(); ++copies)
    if (const int64_t runs = stats.batcher.runs[copies]; runs > 0)
      batches.Set(static_cast<uint32_t>(copies), static_cast<double>(runs));
  object.Set("batches", batches);
  const double step = stats.batcher.step_seconds;
  object.Set("stepSeconds", step > 0 ? Napi::Value(Napi::Number::New(env, step)) : env.Undefined());
  object.Set("workingMemory", static_cast<double>(stats.batcher.reserved));
  return object;
}

Napi::Value PipelineObject::generate(const Napi::CallbackInfo& info) {
  GenerateRequest request = read_generate_request(object_argument(info, 0));
  const bool wants_progress = info[1].IsFunction();
  const bool wants_steps = wants_progress && has_value(object_argument(info, 0), "eachStep");
  const auto listener = wants_progress ? info[1].As<Napi::Function>() : Napi::Function();
  return start(info.Env(), function_argument(info, 2), listener, [&](const std::shared_ptr<AsyncJob>& job) {
    ProgressFunction progress;
    if (wants_progress)
      progress = [job](Progress event) {
        // Events are small, previews are not: a JS thread that does not keep up goes without some.
        constexpr int previews_waiting = 8;
        if (job->in_flight() >= previews_waiting) event.preview.clear();
        auto shared = std::make_shared<Progress>(std::move(event));
        job->progress([shared](Napi::Env env) { return progress_to_js(env, *shared); });
      };
    engine_->generate(
        std::move(request), job->cancel_handle(), std::move(progress),
        [job](Result<GenerateResult> result) { answer(*job, std::move(result), result_to_js); },
        wants_steps ? step_exchange(job) : StepFunction());
  });
}

Napi::Value PipelineObject::encode_image(const Napi::CallbackInfo& info) {
  ImagePrompt image = read_image(object_argument(info, 0));
  const int adapter = int32_argument(info, 1);
  return start(info.Env(), function_argument(info, 2), {}, [&](const std::shared_ptr<AsyncJob>& job) {
    engine_->encode_image(
        std::move(image), adapter, job->cancel_handle(),
        [job](Result<std::vector<float>> result) { answer(*job, std::move(result), floats_to_js); });
  });
}

Napi::Value PipelineObject::encode_prompts(const Napi::CallbackInfo& info) {
  PromptsToEncode prompts = read_prompts_to_encode(object_argument(info, 0));
  return start(info.Env(), function_argument(info, 1), {}, [&](const std::shared_ptr<AsyncJob>& job) {
    engine_->encode_prompts(
        std::move(prompts), job->cancel_handle(),
        [job](Result<std::vector<TextFeatures>> result) { answer(*job, std::move(result), features_to_js); });
  });
}

Napi::Value PipelineObject::estimate_memory(const Napi::CallbackInfo& info) {
  GenerateRequest request = read_generate_request(object_argument(info, 0), true);
  return start(info.Env(), function_argument(info, 1), {}, [&](const std::shared_ptr<AsyncJob>& job) {
    engine_->estimate_memory(std::move(request), job->cancel_handle(), [job](Result<MemoryEstimate> result) {
      answer(*job, std::move(result), estimate_to_js);
    });
  });
}

Napi::Value PipelineObject::change(Napi::Env env, const Napi::Function& done,
                                   std::function<Status(ModelSet&, const CancelFlag*)> work) {
  return start(env, done, {}, [&](const std::shared_ptr<AsyncJob>& job) {
    engine_->change(std::move(work), job->cancel_handle(),
                    [job, accounted = accounted_](Result<LoadedParts> result) {
                      answer(*job, std::move(result), [accounted](Napi::Env on, const LoadedParts& parts) {
                        // After close() there is nothing to account for.
                        if (*accounted) account(on, *accounted, static_cast<int64_t>(parts.memory_bytes));
                        return parts_to_js(on, parts);
                      });
                    });
  });
}

Napi::Value PipelineObject::set_adapters(const Napi::CallbackInfo& info) {
  auto requests = read_adapters(array_argument(info, 0));
  return change(info.Env(), function_argument(info, 1),
                [requests = std::move(requests)](ModelSet& models, const CancelFlag* cancel) {
                  return models.set_adapters(requests, cancel);
                });
}

Napi::Value PipelineObject::set_controls(const Napi::CallbackInfo& info) {
  auto requests = read_controls(array_argument(info, 0));
  return change(info.Env(), function_argument(info, 1),
                [requests = std::move(requests)](ModelSet& models, const CancelFlag* cancel) {
                  return models.set_controls(requests, cancel);
                });
}

Napi::Value PipelineObject::set_loras(const Napi::CallbackInfo& info) {
  auto requests = read_loras(array_argument(info, 0));
  return change(info.Env(), function_argument(info, 1),
                [requests = std::move(requests)](ModelSet& models, const CancelFlag* cancel) {
                  return models.set_loras(requests, cancel);
                });
}

Napi::Value PipelineObject::close(const Napi::CallbackInfo& info) {
  start_job(info.Env(), function_argument(info, 0), {}, [&](const std::shared_ptr<AsyncJob>& job) {
    engine_->close([job] { job->finish([](Napi::Env env) -> Napi::Value { return env.Undefined(); }); });
  });
  forget_memory(info.Env());
  return info.Env().Undefined();
}

}  // namespace ipa::binding
