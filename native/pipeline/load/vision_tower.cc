#include "pipeline/load/vision_tower.h"

#include <utility>

#include "models/compute_choice.h"
#include "pipeline/load/components.h"
#include "pipeline/load/load_params.h"

namespace ipa {
namespace {

Status read_normalisation(VisionTower& tower, const std::string& path) {
  IPA_ASSIGN(const Json json, read_model_json(path));
  if (!json.is_object()) return Status(Code::type, path + ": expected an object");
  for (auto [key, values] : {std::pair{"image_mean", tower.mean}, std::pair{"image_std", tower.deviation}}) {
    const Json* list = json.find(key);
    if (!list || list->is_null()) continue;
    bool good = list->is_array() && list->array().size() == 3;
    for (size_t i = 0; good && i < 3; ++i) {
      const double value = list->array()[i].is_number() ? list->array()[i].number() : -1;
      // Of pixels from 0 to 1.
      good = value >= (values == tower.deviation ? 1e-3 : 0) && value <= 1;
      values[i] = static_cast<float>(value);
    }
    if (!good)
      return Status(Code::range, path + ": " + key + " must be three numbers of a picture from 0 to 1");
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const VisionTower>> load_vision(const std::string& folder,
                                                       const std::string& preprocessor, NetworkCompute compute,
                                                       const LoadContext& context) {
  IPA_ASSIGN(const VisionComponent component, find_image_encoder(folder));
  IPA_TRY(component.config.check(component.config_path));
  auto tower = std::make_shared<VisionTower>(ClipVision(component.config), component, "the image encoder");
  tower->folder = folder;
  if (!preprocessor.empty()) IPA_TRY(read_normalisation(*tower, preprocessor));
  const ClipVisionConfig& c = tower->config();
  IPA_TRY(declare_params(tower->params, [&](Graph& graph) {
    const Value pixels = graph.input({1, c.image_size, c.image_size, 3});
    tower->network.build(graph, pixels, graph.input({1, 1, 1, 1}, Storage::i32));
  }));
  choose_compute(tower->params, compute);
  IPA_TRY(tower->load({}, context));
  return std::shared_ptr<const VisionTower>(std::move(tower));
}

}  // namespace ipa
