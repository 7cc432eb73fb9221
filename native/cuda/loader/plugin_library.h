// Opens the file of a plugin (native/cuda/plugin) and takes its table, if it is one for this engine.
#pragma once

#include <string>

#include "base/status.h"
#include "cuda/api/gpu_api.h"

namespace ipa::gpu {

// `path` is absolute. The file stays open as long as the process: what it started may end later than anyone who could close
// it. not_found for a path that is none or no file's, Code::device for a file that does not load or is of another version.
Result<const GpuApi*> open_plugin(const std::string& path);

// The second half of it: the table that a plugin's exported function gives, for an engine of this version.
Result<const GpuApi*> table_of(GpuApiOf exported);

}  // namespace ipa::gpu
