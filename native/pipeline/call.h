// What every part of a call works with.
#pragma once

#include "graph/backend.h"
#include "graph/workspace.h"
#include "pipeline/caches.h"
#include "pipeline/load/model_set.h"

namespace ipa {

// What a call finds in its engine.
struct Host {
  const ModelSet& models;
  Caches& caches;
  Turn* turn = nullptr;  // null: it runs alone
};

struct Call {
  const ModelSet& models;
  Caches& caches;
  Workspace& workspace;
  const CancelFlag* cancel = nullptr;
};

}  // namespace ipa
