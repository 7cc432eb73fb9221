// What the addon keeps for one JS environment (the main thread or a worker).
// There is no process-wide state but the thread pool.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/async_job.h"
#include "binding/background.h"
#include "pipeline/engine.h"

namespace ipa::binding {

struct AddonData {
  static AddonData& of(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }
  ~AddonData() { jobs.cancel_all(); }

  Napi::FunctionReference pipeline_constructor;
  std::shared_ptr<Engine> engine_to_wrap;  // for the constructor, which is no use by hand
  OpenJobs jobs;
  Background background;
};

}  // namespace ipa::binding
