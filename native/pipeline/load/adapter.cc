#include "pipeline/load/adapter.h"

#include <utility>
#include <vector>

#include "pipeline/load/load_params.h"
#include "weights/describe/adapter_file.h"

namespace ipa {
namespace {

ProjectionKind kind_of(AdapterVariant variant) {
  switch (variant) {
    case AdapterVariant::base: return ProjectionKind::base;
    case AdapterVariant::full: return ProjectionKind::full;
    case AdapterVariant::plus:
    case AdapterVariant::faceid_portrait_unnorm: return ProjectionKind::plus;
    case AdapterVariant::faceid_plus: return ProjectionKind::face_plus;
    case AdapterVariant::faceid:
    case AdapterVariant::faceid_portrait: return ProjectionKind::face;
  }
  return ProjectionKind::base;
}

Status check_unet(const AdapterDescription& d, const UNet& unet, const std::string& path,
                  const std::string& family) {
  const UNetConfig& c = unet.config();
  if (d.cross_size != c.cross_size())
    return Status(Code::mismatch, path + ": this adapter is for " + d.family + " models (tokens of width " +
                                      std::to_string(d.cross_size) + "), the model loaded is " + family +
                                      " (width " + std::to_string(c.cross_size()) +
                                      "): use an adapter made for this model family");
  std::vector<int64_t> hidden_by_index;
  for (const CrossLayer& layer : unet.cross_layers()) {
    if (layer.adapter_index < 0) continue;
    const auto position = static_cast<size_t>(layer.adapter_index / 2);
    if (hidden_by_index.size() <= position) hidden_by_index.resize(position + 1);
    hidden_by_index[position] = layer.hidden;
  }
  bool fits = hidden_by_index.size() == d.hidden_sizes.size();
  for (size_t i = 0; fits && i < hidden_by_index.size(); ++i) fits = hidden_by_index[i] == d.hidden_sizes[i];
  if (fits) return {};
  return Status(Code::mismatch, path + ": this adapter was made for another UNet (" +
                                    std::to_string(d.cross_layers) + " cross-attention layers, the model has " +
                                    std::to_string(hidden_by_index.size()) +
                                    ", or of other widths): use an adapter made for this model family");
}

Status check_encoder(const ImageProjectionConfig& p, const ClipVisionConfig& v, const std::string& path,
                     const std::string& encoder) {
  const int64_t given = p.kind == ProjectionKind::base ? v.projection_size : v.stack.hidden_size;
  if (given == p.embed_size) return {};
  return Status(Code::mismatch, path + ": this adapter needs another image encoder (" + encoder +
                                    "), found one that gives " + std::to_string(given) + " (pictures of " +
                                    std::to_string(v.image_size) + " pixels, " + std::to_string(v.tokens()) +
                                    " tokens): pass the right one as imageEncoder");
}

}  // namespace

ImageProjectionConfig projection_of(const AdapterDescription& d) {
  ImageProjectionConfig p;
  p.kind = kind_of(d.variant);
  p.tokens = d.tokens;
  p.embed_size = d.embed_size;
  p.face_size = d.face_size;
  p.face_hidden = d.face_hidden;
  p.cross_size = d.cross_size;
  p.dim = d.resampler.dim;
  p.heads = d.resampler.heads;
  p.depth = d.resampler.depth;
  p.ff = d.resampler.ff;
  return p;
}

Status declare_adapter(ParamSet& params, const ImageProjectionConfig& p,
                       const std::vector<CrossLayer>& layers) {
  return declare_params(params, [&](Graph& graph) {
    const int64_t states = p.kind == ProjectionKind::base ? 1 : 2;
    const Value features = p.feature_size() ? graph.input(tokens_shape(1, states, p.feature_size())) : Value{};
    const Value faces = p.face_size ? graph.input(tokens_shape(1, 1, p.face_size)) : Value{};
    build_image_keys(graph, layers, build_image_projection(graph, p, features, faces).tokens);
  });
}

Result<std::shared_ptr<const Adapter>> load_adapter(const AdapterRequest& request, const UNet& unet,
                                                    const std::string& family,
                                                    std::shared_ptr<const VisionTower> vision,
                                                    NetworkCompute compute, const LoadContext& context) {
  IPA_ASSIGN(const AdapterFile file, open_adapter(request.file));
  const AdapterDescription& d = file.description;
  IPA_TRY(check_unet(d, unet, request.file, family));
  auto adapter = std::make_shared<Adapter>();
  adapter->request = request;
  adapter->ignored = file.ignored;
  adapter->variant = d.variant;
  adapter->encoder = d.encoder;
  adapter->lora = d.lora;
  adapter->projection = projection_of(d);
  adapter->projection.shortcut = request.shortcut.value_or(is_named_plus_v2(request.file));
  if (adapter->projection.shortcut && d.variant != AdapterVariant::faceid_plus)
    return Status(Code::invalid_option, request.file + ": shortcut is for FaceID PlusV2 adapters, this is a " +
                                            adapter_variant_name(d.variant) + " adapter: leave it out");
  if (!d.lora && request.lora_weight != 0 && request.lora_weight != 1)
    return Status(Code::invalid_option,
                  request.file +
                      ": loraWeight is for FaceID files with a LoRA inside, this one has none: "
                      "leave it out");
  if (vision && reads_pictures(d.variant)) {
    const ClipVisionConfig& v = vision->config();
    IPA_TRY(check_encoder(adapter->projection, v, request.file, d.encoder));
    if (d.variant == AdapterVariant::full) adapter->projection.tokens = v.tokens();
    adapter->vision = std::move(vision);
  }
  IPA_TRY(declare_adapter(adapter->params, adapter->projection, unet.cross_layers()));
  if (compute.compute == Compute::int8_weights) compute.compute = Compute::f16;
  if (compute.on_gpu) choose_compute(adapter->params, compute);
  IPA_TRY(load_params(adapter->params, *file.weights, "the IP-Adapter", context));
  return std::shared_ptr<const Adapter>(std::move(adapter));
}

}  // namespace ipa
