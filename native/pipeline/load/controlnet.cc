#include "pipeline/load/controlnet.h"

#include <utility>
#include <vector>

#include "base/file.h"
#include "models/compute_choice.h"
#include "pipeline/load/components.h"
#include "pipeline/load/load_params.h"
#include "pipeline/load/model_kind.h"
#include "pipeline/load/model_layout.h"
#include "weights/changes/control_lora.h"
#include "weights/describe/accounting.h"
#include "weights/formats/sharded.h"
#include "weights/formats/weight_file.h"

namespace ipa {
namespace {

// A control as it was found, before its weights are read.
struct FoundControlNet {
  ControlKind kind = ControlKind::controlnet;
  ConfiguredComponent<ControlNetConfig> component;
  IgnoredTensors ignored;
};

// What no tensor tells: a ControlNet begins as a copy of its UNet.
void take_after(const UNetConfig& unet, UNetConfig& own) {
  own.norm_groups = unet.norm_groups;
  own.norm_epsilon = unet.norm_epsilon;
  own.activation = unet.activation;
  own.downsample_padding = unet.downsample_padding;
  own.flip_sin_to_cos = unet.flip_sin_to_cos;
  own.freq_shift = unet.freq_shift;
  own.addition_time_size = unet.addition_time_size;
  for (size_t i = 0; i < own.levels.size() && i < unet.levels.size(); ++i)
    own.levels[i].heads = unet.levels[i].heads;
}

// `unet`: the weights that the file changes; both outlive what is found.
FoundControlNet find_control_lora(const std::string& path, const TensorSource& source,
                                  const LoadedNetwork<UNet>& unet, const AddProduct& product) {
  FoundControlNet found;
  found.kind = ControlKind::control_lora;
  found.component.where = found.component.config_path = path;
  found.component.config = control_lora_config(source, unet.config());
  const int between = 2 * (static_cast<int>(found.component.config.picture_widths.size()) - 1);
  found.component.open = [path, between, product,
                          base = &unet](const ParamSet& params) -> Result<std::unique_ptr<TensorSource>> {
    IPA_ASSIGN(std::unique_ptr<TensorSource> file, open_control(path));
    IPA_ASSIGN(std::unique_ptr<TensorSource> weights, base->source().open(base->params));
    return with_control_lora(std::move(file), std::move(weights), between, tensor_names(params), product);
  };
  return found;
}

Result<FoundControlNet> find_controlnet(const std::string& path, const LoadedNetwork<UNet>& unet,
                                        const AddProduct& product) {
  IPA_ASSIGN(const std::unique_ptr<TensorSource> source, open_control(path));
  FoundControlNet found;
  IPA_ASSIGN(found.kind, control_kind(*source));
  if (found.kind == ControlKind::control_lora) return find_control_lora(path, *source, unet, product);
  found.ignored = ignored_tensors(*source, {{NetworkKind::controlnet, control_prefix(*source)}});
  IPA_ASSIGN(found.component.config, controlnet_config(*source));
  take_after(unet.config(), found.component.config.trunk);
  found.component.where = found.component.config_path = path;
  IPA_TRY(read_control_config(path, "conditioning_embedding_out_channels", found.component));
  found.component.open =
      [path, config = found.component.config](const ParamSet& params) -> Result<std::unique_ptr<TensorSource>> {
    IPA_ASSIGN(std::unique_ptr<TensorSource> opened, open_control(path));
    return controlnet_tensors(std::move(opened), config, tensor_names(params));
  };
  return found;
}

Status other_family_control(const FoundControlNet& found, const ControlHost& host) {
  const std::string own = family_name(family_of(found.component.config.trunk));
  return Status(Code::mismatch, found.component.where + ": this " + control_kind_name(found.kind) +
                                    " was made for another UNet (" + own + "), the model loaded is " +
                                    host.family + ": use one made for this model family");
}

Status check_controlnet(const FoundControlNet& found, const ControlHost& host) {
  const ControlNetConfig& c = found.component.config;
  const UNetConfig& own = c.trunk;
  const UNetConfig& unet = host.unet.config();
  bool fits = own.levels.size() == unet.levels.size() && own.text_time == unet.text_time &&
              own.in_channels == unet.out_channels && own.downsample_padding == unet.downsample_padding;
  bool attends = own.mid_attention && own.mid_transformer_layers > 0;
  for (size_t i = 0; fits && i < own.levels.size(); ++i) {
    const UNetConfig::Level &level = own.levels[i], &other = unet.levels[i];
    fits = level.channels == other.channels && level.resnets == other.resnets;
    attends = attends || (level.down_attention && level.transformer_layers.front() > 0);
  }
  // Without attention it reads no text, and its config may say anything.
  if (attends) fits = fits && own.cross_size() == unet.cross_size();
  if (own.text_time) fits = fits && own.addition_input_size == unet.addition_input_size;
  if (!fits) return other_family_control(found, host);
  if (own.class_embedding != ClassEmbedding::none)
    return Status(Code::unsupported, found.component.where +
                                         ": a class-conditional ControlNet needs more than "
                                         "prompts and a picture");
  if (c.picture_channels != 3)
    return Status(Code::unsupported, found.component.where + ": this ControlNet reads pictures of " +
                                         std::to_string(c.picture_channels) +
                                         " channels, not red, green and blue");
  if (c.picture_scale() != host.picture_scale)
    return Status(Code::mismatch, found.component.where + ": this ControlNet makes one latent of " +
                                      std::to_string(c.picture_scale()) +
                                      " pixels a side, the model's VAE of " +
                                      std::to_string(host.picture_scale));
  return {};
}

Status declare_controlnet(LoadedNetwork<ControlNet>& net) {
  const UNetConfig& c = net.config().trunk;
  return declare_params(net.params, [&](Graph& graph) {
    UNetInputs inputs;
    const int64_t side = int64_t{1} << c.levels.size();
    inputs.latents = graph.input({1, side, side, c.in_channels});
    inputs.sinusoid = graph.input({1, 1, 1, c.sinusoid_size()});
    if (c.text_time) inputs.addition = graph.input({1, 1, 1, c.addition_input_size});
    const std::vector<CrossLayer>& layers = net.network.cross_layers();
    inputs.text_kv = build_text_keys(graph, layers, graph.input(tokens_shape(1, 1, c.cross_size())));
    const int64_t pixels = side * net.config().picture_scale();
    const Value picture =
        net.network.read_picture(graph, graph.input({1, pixels, pixels, net.config().picture_channels}));
    if (const int64_t modes = net.config().modes_size()) {
      net.network.mode_row(graph, graph.input({1, 1, 1, 1}, Storage::i32));
      net.network.mode_offset(graph, graph.input({1, 1, 1, net.config().several.width}));
      inputs.control_types = graph.input({1, 1, 1, modes});
    }
    net.network.build(graph, inputs, picture, c.skip_connections());
  });
}

}  // namespace

Result<std::shared_ptr<LoadedControl>> load_controlnet(const ControlRequest& request, const ControlHost& host,
                                                       const LoadContext& context) {
  IPA_ASSIGN(FoundControlNet found, find_controlnet(request.file, host.unet, context.add_product));
  IPA_TRY(found.component.config.check(found.component.config_path));
  IPA_TRY(check_controlnet(found, host));
  auto control = std::make_shared<LoadedControl>();
  control->ignored = std::move(found.ignored);
  auto net = std::make_unique<LoadedNetwork<ControlNet>>(ControlNet(found.component.config), found.component,
                                                         "the ControlNet");
  IPA_TRY(declare_controlnet(*net));
  choose_compute(net->params, host.compute);
  net->params.pairs = host.pairs;
  IPA_TRY(net->load({}, context));
  control->net = std::move(net);
  return control;
}

}  // namespace ipa
