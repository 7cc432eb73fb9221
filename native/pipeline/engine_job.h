// Work that waits for its engine.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "base/status.h"
#include "graph/backend.h"
#include "pipeline/load/load_request.h"
#include "pipeline/session.h"

namespace ipa {

// Asks one piece of work to stop; shared by whoever may ask and the work itself.
using CancelHandle = std::shared_ptr<CancelFlag>;
inline CancelHandle make_cancel_handle() { return std::make_shared<CancelFlag>(false); }

struct EngineJob {
  CancelHandle cancel;
  // On a thread of the engine; what it returns hands the result over when the job counts as done. Null of one that
  // changes the models.
  std::function<std::function<void()>(Session&)> run;
  // The same, while nothing else runs: after all jobs before it, and before all behind it.
  std::function<std::function<void()>()> change;
  std::function<void(Status)> refuse;
  int priority = 0;
  double due = std::numeric_limits<double>::infinity();  // when it should be done, by seconds_now()
  std::optional<std::vector<LoraRequest>> loras;         // in place of the pipeline's
  bool any_loras = false;                                // whatever is in use will do
  bool repaints = false;                                 // what ModelSet::choose_unet() asks
};

}  // namespace ipa
