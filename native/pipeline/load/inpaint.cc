#include "pipeline/load/inpaint.h"

#include <utility>

#include "pipeline/load/load_params.h"
#include "weights/describe/inpaint_file.h"
#include "weights/formats/weight_file.h"

namespace ipa {

Result<std::unique_ptr<const LoadedInpaint>> load_inpaint(const InpaintRequest& request,
                                                          LoadedNetwork<UNet>& unet,
                                                          const std::vector<LoraUse>& loras,
                                                          const LoadContext& context) {
  auto loaded = std::make_unique<LoadedInpaint>();
  loaded->request = request;
  const InpaintHead::Config config{unet.config().in_channels, unet.config().levels.front().channels};
  Component source;
  source.config_path = source.where = request.head;
  source.open = [path = request.head, config](const ParamSet&) {
    return open_inpaint_head(path, config.latent_channels, config.width, InpaintHead::weight_name);
  };
  auto head = std::make_unique<LoadedNetwork<InpaintHead>>(InpaintHead(config), source, "the inpaint head");
  IPA_TRY(declare_params(head->params, [&](Graph& graph) {
    head->network.build(graph, graph.input({1, 4, 4, config.input_channels()}));
  }));
  IPA_TRY(head->load({}, context));
  loaded->head = std::move(head);
  IPA_TRY(unet.load_patch({request.patch, request.weight}, loras, context));
  IPA_ASSIGN(const std::unique_ptr<TensorSource> patch, open_weight_file(request.patch));
  loaded->ignored = ignored_in_inpaint_patch(*patch);
  return std::unique_ptr<const LoadedInpaint>(std::move(loaded));
}

}  // namespace ipa
