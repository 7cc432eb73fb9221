// What calls leave for those after them, and for those that run at the same time. Nothing here changes a result.
#pragma once

#include <mutex>
#include <optional>

#include "graph/workspace.h"
#include "pipeline/condition/feature_cache.h"
#include "pipeline/decode/linear_preview.h"

namespace ipa {

struct Caches {
  ArenaKeeper arenas;
  FeatureCaches features;  // of every image encoder
  std::mutex preview_mutex;
  std::optional<LinearPreview> linear_preview;  // made when first asked for
};

}  // namespace ipa
