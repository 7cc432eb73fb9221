#include "pipeline/load/t2i_adapter.h"

#include <utility>
#include <vector>

#include "models/compute_choice.h"
#include "pipeline/load/load_params.h"
#include "weights/describe/accounting.h"
#include "weights/describe/t2i_file.h"

namespace ipa {
namespace {

Result<ConfiguredComponent<T2iConfig>> find_adapter(const std::string& path, IgnoredTensors& ignored) {
  IPA_ASSIGN(const std::unique_ptr<TensorSource> source, open_control(path));
  ignored = ignored_tensors(*source, {{NetworkKind::t2i_adapter, ""}});
  ConfiguredComponent<T2iConfig> found;
  found.where = found.config_path = path;
  IPA_ASSIGN(found.config, t2i_config(*source));
  IPA_TRY(read_control_config(path, "adapter_type", found));
  found.open = [path, config = found.config](const ParamSet& params) -> Result<std::unique_ptr<TensorSource>> {
    IPA_ASSIGN(std::unique_ptr<TensorSource> opened, open_control(path));
    return t2i_tensors(std::move(opened), config, tensor_names(params));
  };
  return found;
}

// How many of its results there is a place for in this UNet: one a level, and one for the middle where it has
// the middle's size. 0: it was made for another UNet.
size_t places_of(const T2iConfig& config, const ControlHost& host) {
  const UNetConfig& unet = host.unet.config();
  const size_t levels = unet.levels.size();
  int64_t unet_scale = host.picture_scale, own_scale = config.picture_scale;
  for (size_t i = 0; i < config.widths.size(); ++i) {
    if (config.halves(i)) own_scale *= 2;
    const bool middle = i == levels;
    if (i > levels) return i;
    const UNetConfig::Level& level = unet.levels[middle ? levels - 1 : i];
    // A level that does not attend adds behind what halves its sides.
    const int64_t handed = !middle && !level.down_attention && i + 1 < levels ? 2 * unet_scale : unet_scale;
    const bool fits = config.widths[i] == level.channels && own_scale == handed;
    if (!fits) return middle ? i : 0;
    if (i + 1 < levels) unet_scale *= 2;
  }
  return config.widths.size();
}

Status declare(LoadedNetwork<T2iAdapter>& net) {
  return declare_params(net.params, [&](Graph& graph) {
    for (size_t i = 0; i < net.network.blocks(); ++i)
      net.network.build_block(graph, graph.input({1, 2, 2, net.network.input_width(i)}), i);
  });
}

}  // namespace

Result<std::shared_ptr<LoadedControl>> load_t2i_adapter(const ControlRequest& request, const ControlHost& host,
                                                        const LoadContext& context) {
  auto control = std::make_shared<LoadedControl>();
  IPA_ASSIGN(const ConfiguredComponent<T2iConfig> found, find_adapter(request.file, control->ignored));
  IPA_TRY(found.config.check(found.config_path));
  control->places = places_of(found.config, host);
  if (control->places == 0)
    return Status(Code::mismatch, request.file +
                                      ": this T2I-Adapter was made for another UNet, the model loaded is " +
                                      host.family + ": use one made for this model family");
  auto net = std::make_unique<LoadedNetwork<T2iAdapter>>(T2iAdapter(found.config), found, "the T2I-Adapter");
  IPA_TRY(declare(*net));
  choose_compute(net->params, host.compute);
  IPA_TRY(net->load({}, context));
  control->adapter = std::move(net);
  return control;
}

}  // namespace ipa
