// What of a model set changes while it is loaded, as plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pipeline/load/model_set.h"
#include "weights/describe/control_file.h"
#include "weights/ignored_tensors.h"

namespace ipa {

struct LoadedAdapter {
  AdapterVariant variant = AdapterVariant::base;
  int64_t tokens = 0, embed_size = 0, face_size = 0;
  bool shortcut = false;
  bool image_encoder = false;  // it has one to read pictures with
  int64_t image_size = 0;      // pixels of a side that the encoder reads
};

struct ControlParts {
  ControlKind kind = ControlKind::controlnet;
  int64_t modes = 0;  // of a ControlNet-Union: how many kinds of pictures it reads
};

struct LoadedParts {
  std::vector<LoadedAdapter> adapters;
  std::vector<ControlParts> controls;
  int64_t parameters = 0;
  size_t memory_bytes = 0;
  std::vector<IgnoredOfFile> ignored;
};

LoadedParts loaded_parts(const ModelSet& models);

}  // namespace ipa
