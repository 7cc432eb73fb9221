#include "pipeline/load/loaded_parts.h"

#include "pipeline/load/inpaint.h"
#include "pipeline/load/loaded_control.h"

namespace ipa {

LoadedParts loaded_parts(const ModelSet& models) {
  LoadedParts parts;
  parts.ignored = models.ignored;
  parts.ignored.insert(parts.ignored.end(), models.ignored_of_loras.begin(), models.ignored_of_loras.end());
  for (const auto& adapter : models.adapters) {
    if (adapter->ignored.count > 0) parts.ignored.push_back({adapter->request.file, adapter->ignored});
    const ImageProjectionConfig& p = adapter->projection;
    const VisionTower* vision = adapter->vision.get();
    parts.adapters.push_back({adapter->variant, p.tokens, p.embed_size, p.face_size, p.shortcut,
                              vision != nullptr, vision ? vision->config().image_size : 0});
  }
  for (const auto& control : models.controls) {
    if (control->ignored.count > 0) parts.ignored.push_back({control->request.file, control->ignored});
    parts.controls.push_back({control->kind, control->net ? control->net->config().several.modes : 0});
  }
  if (models.inpaint) {
    const LoadedInpaint& inpaint = *models.inpaint;
    if (inpaint.ignored.count > 0) parts.ignored.push_back({inpaint.request.patch, inpaint.ignored});
  }
  parts.parameters = models.parameters();
  parts.memory_bytes = models.memory_bytes();
  return parts;
}

}  // namespace ipa
