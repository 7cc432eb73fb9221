#include "pipeline/model_set.h"

#include "base/file.h"
#include "cpu/cpu_features.h"
#include "cpu/thread_pool.h"
#include "models/compute_choice.h"
#include "pipeline/components.h"
#include "pipeline/load_params.h"
#include "weights/adapter_file.h"
#include "weights/merged_source.h"

namespace ipa {
namespace {

// Declares a network's parameters by describing its graph at a small size.
template <class Describe>
Status declare(ParamSet& params, Describe describe) {
  Graph graph(&params);
  describe(graph);
  IPA_TRY(graph.status());
  return params.status();
}

std::vector<Value> kv_inputs(Graph& graph, const std::vector<CrossLayer>& layers, int64_t batch,
                             int64_t tokens) {
  std::vector<Value> inputs;
  for (const CrossLayer& layer : layers)
    inputs.push_back(
        graph.packed_kv_input({batch, tokens, layer.heads, static_cast<int>(layer.hidden / layer.heads)}));
  return inputs;
}

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

Result<std::vector<LoraUse>> open_loras(const std::vector<LoraRequest>& requests, bool second_text) {
  std::vector<LoraUse> loras;
  for (const LoraRequest& request : requests) {
    IPA_ASSIGN(LoraFile file, open_lora(request.file));
    for (const LoraModule& module : file.modules) {
      if (module.part == LoraPart::text_encoder_2 && !second_text)
        return Status(Code::mismatch, request.file +
                                          ": this LoRA changes a second text encoder, which only SDXL "
                                          "models have: use a LoRA made for this model family");
    }
    loras.push_back({std::move(file), request.weight});
  }
  return loras;
}

Result<LearnedTokens> open_learned_tokens(const std::vector<std::string>& files,
                                          const std::vector<TextComponent>& components) {
  std::vector<LearnedTokens::Encoder> encoders;
  for (const TextComponent& component : components) {
    IPA_ASSIGN(const ClipTextConfig config, ClipTextConfig::parse(component.config, component.config_path));
    encoders.push_back({config.vocab_size, config.stack.hidden_size});
  }
  return LearnedTokens::open(files, encoders);
}

}  // namespace

const char* family_name(Family family) {
  switch (family) {
    case Family::sd1: return "sd1";
    case Family::sd2: return "sd2";
    case Family::sdxl: return "sdxl";
  }
  return "";
}

Result<std::unique_ptr<ModelSet>> ModelSet::load(const LoadRequest& request, const CancelFlag* cancel) {
  IPA_ASSIGN(const Kernels* kernels, choose_kernels());
  ThreadPool& pool = ThreadPool::shared();
  const int threads = request.threads > 0 ? std::min(request.threads, ThreadPool::max_threads())
                                          : ThreadPool::hardware_threads();
  pool.grow_to(threads);
  std::unique_ptr<ModelSet> set(new ModelSet(CpuBackend(*kernels, threads)));

  const std::string& model = request.model;
  IPA_ASSIGN(ModelComponents components, find_components(request));
  set->zeros_for_empty_prompt = components.zeros_for_empty_prompt;
  set->scheduler_config = std::move(components.scheduler);
  IPA_ASSIGN(const std::vector<LoraUse> loras, open_loras(request.loras, components.text.size() > 1));
  IPA_ASSIGN(const LearnedTokens learned, open_learned_tokens(request.embeddings, components.text));
  set->learned_tokens = learned.tokens();
  const Compute encoders = encoder_compute(request.compute);
  for (const TextComponent& text : components.text)
    IPA_TRY(set->load_text(text, encoders, loras, learned, cancel));
  IPA_TRY(set->load_unet(components.unet, request.compute, loras, cancel));
  IPA_TRY(set->check_family());
  IPA_TRY(set->load_vae(components.vae, request.compute, cancel));

  const std::string own_encoder = join_path(model, "image_encoder");
  const std::string& encoder = request.image_encoder.empty() ? own_encoder : request.image_encoder;
  if (!request.image_encoder.empty() || is_folder(own_encoder)) {
    // The preprocessor of the encoder's own folder fits it best; else the model's.
    std::string preprocessor = join_path(encoder, "preprocessor_config.json");
    if (!is_file(preprocessor))
      preprocessor = join_path(join_path(model, "feature_extractor"), "preprocessor_config.json");
    IPA_TRY(set->load_vision(encoder, is_file(preprocessor) ? preprocessor : "", encoders, cancel));
  }
  for (const std::string& path : request.adapters) IPA_TRY(set->load_adapter(path, cancel));
  return set;
}

Status ModelSet::load_text(const TextComponent& component, Compute compute, const std::vector<LoraUse>& loras,
                           const LearnedTokens& learned, const CancelFlag* cancel) {
  IPA_ASSIGN(ClipTextConfig config, ClipTextConfig::parse(component.config, component.config_path));
  config.vocab_size += learned.count_of(text.size());
  auto tower = std::make_unique<TextTower>(std::move(config));
  tower->tokenizer = component.tokenizer;
  IPA_TRY(declare(tower->params, [&](Graph& graph) {
    const Value ids = graph.input(tokens_shape(1, tower->network.config().context, 1), Storage::i32);
    tower->network.build(graph, ids, graph.input({1, 1, 1, 1}, Storage::i32));
  }));
  choose_compute(tower->params, compute);
  IPA_ASSIGN(auto source, component.open(tower->params));
  const LoraPart part = text.empty() ? LoraPart::text_encoder : LoraPart::text_encoder_2;
  IPA_ASSIGN(source, with_loras(std::move(source), loras, part));
  IPA_ASSIGN(source, with_more_rows(std::move(source), ClipText::token_table, learned.rows_of(text.size())));
  IPA_TRY(load_params(tower->params, *source, backend_, backend_.threads(), "the text encoder", cancel));
  text.push_back(std::move(tower));
  return {};
}

Status ModelSet::load_vision(const std::string& folder, const std::string& preprocessor, Compute compute,
                             const CancelFlag* cancel) {
  IPA_ASSIGN(const Component component, find_image_encoder(folder));
  // A whole CLIP model keeps its vision half's fields in an object of their own.
  const Json* fields = component.config.find("vision_config");
  IPA_ASSIGN(ClipVisionConfig config,
             ClipVisionConfig::parse(fields && fields->is_object() ? *fields : component.config,
                                     component.config_path));
  auto tower = std::make_unique<VisionTower>(std::move(config));
  if (!preprocessor.empty()) IPA_TRY(read_normalisation(*tower, preprocessor));
  const ClipVisionConfig& c = tower->network.config();
  IPA_TRY(declare(tower->params, [&](Graph& graph) {
    const Value pixels = graph.input({1, c.image_size, c.image_size, 3});
    tower->network.build(graph, pixels, graph.input({1, 1, 1, 1}, Storage::i32));
  }));
  choose_compute(tower->params, compute);
  IPA_ASSIGN(auto source, component.open(tower->params));
  IPA_TRY(load_params(tower->params, *source, backend_, backend_.threads(), "the image encoder", cancel));
  vision = std::move(tower);
  return {};
}

Status ModelSet::load_unet(const Component& component, Compute compute, const std::vector<LoraUse>& loras,
                           const CancelFlag* cancel) {
  IPA_ASSIGN(UNetConfig config, UNetConfig::parse(component.config, component.config_path));
  unet = std::make_unique<UNet>(std::move(config));
  const UNetConfig& c = unet->config();
  if (c.class_embedding != ClassEmbedding::none)
    return Status(
        Code::unsupported,
        component.where + ": a class-conditional UNet needs more than prompts: pass a text-to-image model");
  IPA_TRY(declare(unet_params, [&](Graph& graph) {
    UNetInputs inputs;
    const int64_t side = int64_t{1} << c.levels.size();
    inputs.latents = graph.input({1, side, side, c.in_channels});
    inputs.sinusoid = graph.input({1, 1, 1, c.sinusoid_size()});
    if (c.text_time) inputs.addition = graph.input({1, 1, 1, c.addition_input_size});
    if (c.time_cond_size) inputs.time_cond = graph.input({1, 1, 1, c.time_cond_size});
    inputs.text_kv = kv_inputs(graph, unet->cross_layers(), 1, 1);
    unet->build(graph, inputs);
    build_text_keys(graph, unet->cross_layers(), graph.input(tokens_shape(1, 1, c.cross_size())));
  }));
  choose_compute(unet_params, unet_compute(compute, backend_.kernels().fast_bytes));
  if (backend_.kernels().fast_bf16) unet_params.pairs = Compute::bf16;
  IPA_ASSIGN(auto source, component.open(unet_params));
  IPA_ASSIGN(source, with_loras(std::move(source), loras, LoraPart::unet));
  return load_params(unet_params, *source, backend_, backend_.threads(), "the UNet", cancel);
}

Status ModelSet::load_vae(const Component& component, Compute compute, const CancelFlag* cancel) {
  IPA_ASSIGN(VaeConfig config, VaeConfig::parse(component.config, component.config_path));
  vae = std::make_unique<Vae>(std::move(config), compact_vae(compute));
  if (vae->config().latent_channels != unet->config().out_channels)
    return Status(Code::mismatch, component.where + ": the VAE's latents have " +
                                      std::to_string(vae->config().latent_channels) + " channels, the UNet's " +
                                      std::to_string(unet->config().out_channels));
  IPA_TRY(declare(vae_params, [&](Graph& graph) {
    vae->decode(graph, graph.input({1, 2, 2, vae->config().latent_channels}));
  }));
  choose_compute(vae_params, vae_compute(compute, backend_.kernels().fast_bf16));
  IPA_ASSIGN(auto source, component.open(vae_params));
  return load_params(vae_params, *source, backend_, backend_.threads(), "the VAE", cancel);
}

Status ModelSet::check_family() {
  const UNetConfig& c = unet->config();
  int64_t width = 0;
  for (const auto& tower : text) width += tower->network.config().stack.hidden_size;
  // As weights/component_kind tells a UNet's family from its tensors.
  family_ = c.text_time ? Family::sdxl : c.linear_projection ? Family::sd2 : Family::sd1;
  if (width != c.cross_size())
    return Status(Code::mismatch, "the text encoders give features of width " + std::to_string(width) +
                                      " but the UNet reads " + std::to_string(c.cross_size()) +
                                      ": text_encoder and unet do not belong together");
  if (c.in_channels != c.out_channels)
    return Status(Code::unsupported,
                  "a UNet with " + std::to_string(c.in_channels) +
                      " input channels (an inpainting model) cannot make pictures from prompts alone: "
                      "pass a text-to-image model");
  if (family_ == Family::sdxl) {
    const int64_t pooled = text.back()->network.config().projection_size;
    if (text.size() != 2 || pooled + 6 * c.addition_time_size != c.addition_input_size)
      return Status(Code::unsupported,
                    "this SDXL layout is not supported: it needs two text encoders and six size conditions "
                    "(the base model)");
  }
  return {};
}

Status ModelSet::load_adapter(const std::string& path, const CancelFlag* cancel) {
  IPA_ASSIGN(const AdapterFile file, open_adapter(path));
  const AdapterDescription& d = file.description;
  auto adapter = std::make_unique<Adapter>();
  adapter->path = path;
  adapter->encoder = d.encoder;
  ImageProjectionConfig& p = adapter->projection;
  switch (d.variant) {
    case AdapterVariant::base: p.kind = ProjectionKind::base; break;
    case AdapterVariant::plus: p.kind = ProjectionKind::plus; break;
    case AdapterVariant::full: p.kind = ProjectionKind::full; break;
    default:
      return Status(Code::unsupported,
                    path + ": a " + adapter_variant_name(d.variant) +
                        " adapter takes face embeddings, which this version does not support: use a base, "
                        "plus or full-face adapter");
  }
  const UNetConfig& c = unet->config();
  if (d.cross_size != c.cross_size())
    return Status(Code::mismatch, path + ": this adapter is for " + d.family + " models (tokens of width " +
                                      std::to_string(d.cross_size) + "), the model loaded is " +
                                      family_name(family_) + " (width " + std::to_string(c.cross_size()) +
                                      "): use an adapter made for this model family");
  std::vector<int64_t> hidden_by_index;
  for (const CrossLayer& layer : unet->cross_layers()) {
    if (layer.adapter_index < 0) continue;
    const auto position = static_cast<size_t>(layer.adapter_index / 2);
    if (hidden_by_index.size() <= position) hidden_by_index.resize(position + 1);
    hidden_by_index[position] = layer.hidden;
  }
  bool fits = hidden_by_index.size() == d.hidden_sizes.size();
  for (size_t i = 0; fits && i < hidden_by_index.size(); ++i) fits = hidden_by_index[i] == d.hidden_sizes[i];
  if (!fits)
    return Status(Code::mismatch,
                  path + ": this adapter was made for another UNet (" + std::to_string(d.cross_layers) +
                      " cross-attention layers, the model has " + std::to_string(hidden_by_index.size()) +
                      ", or of other widths): use an adapter made for this model family");
  p.tokens = d.tokens;
  p.embed_size = d.embed_size;
  p.cross_size = d.cross_size;
  p.dim = d.resampler.dim;
  p.heads = d.resampler.heads;
  p.depth = d.resampler.depth;
  p.ff = d.resampler.ff;
  if (vision) {
    const ClipVisionConfig& v = vision->network.config();
    const int64_t given = p.kind == ProjectionKind::base ? v.projection_size : v.stack.hidden_size;
    if (given != p.embed_size)
      return Status(Code::mismatch, path + ": this adapter needs another image encoder (" + d.encoder +
                                        "), found one that gives " + std::to_string(given) +
                                        ": pass the right one as imageEncoder");
    if (p.kind == ProjectionKind::full) p.tokens = v.tokens();
  }
  IPA_TRY(declare(adapter->params, [&](Graph& graph) {
    const int64_t states = p.kind == ProjectionKind::base ? 1 : 2;
    const Value tokens = build_image_projection(graph, p, graph.input(tokens_shape(1, states, p.embed_size)));
    build_image_keys(graph, unet->cross_layers(), tokens);
  }));
  IPA_TRY(load_params(adapter->params, *file.weights, backend_, backend_.threads(), "the IP-Adapter", cancel));
  adapters.push_back(std::move(adapter));
  return {};
}

int64_t ModelSet::parameters() const {
  int64_t sum = unet_params.elements() + vae_params.elements();
  for (const auto& tower : text) sum += tower->params.elements();
  for (const auto& adapter : adapters) sum += adapter->params.elements();
  return sum + (vision ? vision->params.elements() : 0);
}

size_t ModelSet::memory_bytes() const {
  size_t sum = unet_params.bytes() + vae_params.bytes();
  for (const auto& tower : text) sum += tower->params.bytes();
  for (const auto& adapter : adapters) sum += adapter->params.bytes();
  return sum + (vision ? vision->params.bytes() : 0);
}

}  // namespace ipa
