// The plugin that this process uses.
#pragma once

#include <string>

#include "base/status.h"
#include "cuda/api/gpu_api.h"

namespace ipa::gpu {

// Opens it (plugin_library.h) and makes "cuda" known as a kind of device, in place of one used before. It needs no driver yet.
// From any thread. On an error nothing has changed.
Status use_plugin(const std::string& path);

// Null: none.
const GpuApi* used_plugin();

}  // namespace ipa::gpu
