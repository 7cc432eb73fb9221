// Latents on their way to JavaScript and back, while the engine's thread waits.
#pragma once

#include <memory>

#include "binding/async_job.h"
#include "pipeline/generate.h"

namespace ipa::binding {

// Posts `{ image, step, steps, timestep, latents, reply(latents?) }` to the job's progress callback and waits for
// the reply, or until the job is cancelled.
StepFunction step_exchange(const std::shared_ptr<AsyncJob>& job);

}  // namespace ipa::binding
