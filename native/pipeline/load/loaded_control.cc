#include "pipeline/load/loaded_control.h"

#include "base/file.h"
#include "pipeline/load/components.h"
#include "pipeline/load/model_layout.h"
#include "weights/formats/sharded.h"
#include "weights/formats/weight_file.h"

namespace ipa {

Result<std::unique_ptr<TensorSource>> open_control(const std::string& path) {
  return is_file(path) ? open_weight_file(path) : open_model_weights(path, diffusers_stem);
}

std::string control_config_path(const std::string& path) {
  return join_path(is_file(path) ? folder_of(path) : path, layout::config);
}

}  // namespace ipa
