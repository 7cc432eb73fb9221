#include "pipeline/load/model_set.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/utf8.h"
#include "cpu/isa/cpu_features.h"
#include "cpu/kernels/plain_product.h"
#include "cpu/launch/thread_pool.h"
#include "models/compute_choice.h"
#include "pipeline/load/loras.h"

namespace ipa {
namespace {

std::vector<Value> kv_inputs(Graph& graph, const std::vector<CrossLayer>& layers, int64_t batch,
                             int64_t tokens) {
  std::vector<Value> inputs;
  for (const CrossLayer& layer : layers)
    inputs.push_back(
        graph.packed_kv_input({batch, tokens, layer.heads, static_cast<int>(layer.hidden / layer.heads)}));
  return inputs;
}

bool holds_lora(const std::vector<std::shared_ptr<Adapter>>& adapters) {
  return std::any_of(adapters.begin(), adapters.end(),
                     [](const std::shared_ptr<Adapter>& adapter) { return adapter->lora; });
}

std::vector<AdapterRequest> requests_of(const std::vector<std::shared_ptr<Adapter>>& adapters) {
  std::vector<AdapterRequest> requests;
  for (const auto& adapter : adapters) requests.push_back(adapter->request);
  return requests;
}

Result<LearnedTokens> open_learned_tokens(const LoadRequest& request,
                                          const std::vector<TextComponent>& components) {
  std::vector<std::string> loras;
  for (const LoraRequest& lora : request.loras) loras.push_back(lora.file);
  std::vector<LearnedTokens::Encoder> encoders;
  for (const TextComponent& component : components) {
    IPA_ASSIGN(const ClipTextConfig config, ClipTextConfig::parse(component.config, component.config_path));
    encoders.push_back({config.vocab_size, config.stack.hidden_size});
  }
  return LearnedTokens::open(request.embeddings, loras, encoders);
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

const char* task_name(Task task) {
  switch (task) {
    case Task::text_to_image: return "text-to-image";
    case Task::inpainting: return "inpainting";
    case Task::instruct: return "instruct";
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
  set->compute_ = request.compute;
  set->loras_ = request.loras;

  IPA_ASSIGN(ModelComponents components, find_components(request));
  set->scheduler_config = std::move(components.scheduler);
  set->prediction = components.prediction;
  set->ignored = std::move(components.ignored);
  IPA_TRY(set->describe_unet(components.unet));
  IPA_ASSIGN(const std::vector<LoraUse> loras,
             open_loras(request.loras, request.adapters, *set->unet, components.text.size() > 1));
  set->ignored_of_loras = ignored_of(loras);
  IPA_ASSIGN(LearnedTokens learned, open_learned_tokens(request, components.text));
  set->ignored.insert(set->ignored.end(), learned.ignored().begin(), learned.ignored().end());
  set->learned_ = std::make_unique<const LearnedTokens>(std::move(learned));
  for (const TextComponent& text : components.text) IPA_TRY(set->load_text(text, loras, cancel));
  IPA_TRY(set->check_family());
  // The refiner was trained with empty prompts.
  set->zeros_for_empty_prompt =
      set->family_ == Family::sdxl && components.zeros_for_empty_prompt.value_or(!set->refiner);
  IPA_TRY(set->find_task());
  IPA_TRY(set->load_unet(components.unet, loras, cancel));
  IPA_TRY(set->load_vae(components.vae, cancel));
  IPA_TRY(set->load_model_vision(request, cancel));
  IPA_ASSIGN(set->adapters, set->make_adapters(request.adapters, cancel));
  return set;
}

Result<std::unique_ptr<TensorSource>> ModelSet::open(const Changeable& network,
                                                     const std::vector<LoraUse>& loras,
                                                     std::set<std::string>* changed,
                                                     const CancelFlag* cancel) const {
  IPA_ASSIGN(auto source, network.component.open(*network.params));
  const Kernels& kernels = backend_.kernels();
  const LoraMath math{[&kernels](const ProductTerms& terms) { return add_product(kernels, terms); }, cancel};
  IPA_ASSIGN(source, with_loras(std::move(source), loras, network.part, changed, math));
  if (network.part == LoraPart::unet) return source;
  return with_more_rows(std::move(source), ClipText::token_table, learned_->rows_of(network.encoder));
}

Status ModelSet::load_changeable(Changeable network, const std::vector<LoraUse>& loras,
                                 const CancelFlag* cancel) {
  IPA_ASSIGN(const auto source, open(network, loras, &network.changed, cancel));
  IPA_TRY(load_params(*network.params, *source, backend_, backend_.threads(), network.what, cancel));
  changeable_.push_back(std::move(network));
  return {};
}

Status ModelSet::load_text(const TextComponent& component, const std::vector<LoraUse>& loras,
                           const CancelFlag* cancel) {
  IPA_ASSIGN(ClipTextConfig config, ClipTextConfig::parse(component.config, component.config_path));
  config.vocab_size += learned_->count_of(text.size());
  auto tower = std::make_unique<TextTower>(std::move(config));
  tower->tokenizer = component.tokenizer;
  IPA_TRY(declare_params(tower->params, [&](Graph& graph) {
    const Value ids = graph.input(tokens_shape(1, tower->network.config().context, 1), Storage::i32);
    tower->network.build(graph, ids, graph.input({1, 1, 1, 1}, Storage::i32));
  }));
  choose_compute(tower->params, encoder_compute(compute_));
  const bool first = text.empty() && component.tokenizer != "tokenizer_2";
  const LoraPart part = first ? LoraPart::text_encoder : LoraPart::text_encoder_2;
  IPA_TRY(
      load_changeable({component, &tower->params, part, text.size(), "the text encoder", {}}, loras, cancel));
  text.push_back(std::move(tower));
  return {};
}

Status ModelSet::describe_unet(const Component& component) {
  IPA_ASSIGN(UNetConfig config, UNetConfig::parse(component.config, component.config_path));
  unet = std::make_unique<UNet>(std::move(config));
  const UNetConfig& c = unet->config();
  if (c.class_embedding != ClassEmbedding::none)
    return Status(
        Code::unsupported,
        component.where + ": a class-conditional UNet needs more than prompts: pass a text-to-image model");
  IPA_TRY(declare_params(unet_params, [&](Graph& graph) {
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
  choose_compute(unet_params, unet_compute(compute_, backend_.kernels().fast_bytes));
  if (backend_.kernels().fast_bf16) unet_params.pairs = Compute::bf16;
  return {};
}

Status ModelSet::load_unet(const Component& component, const std::vector<LoraUse>& loras,
                           const CancelFlag* cancel) {
  return load_changeable({component, &unet_params, LoraPart::unet, 0, "the UNet", {}}, loras, cancel);
}

Status ModelSet::load_vae(const Component& component, const CancelFlag* cancel) {
  IPA_ASSIGN(VaeConfig config, VaeConfig::parse(component.config, component.config_path));
  vae = std::make_unique<Vae>(std::move(config), compact_vae(compute_));
  if (vae->config().latent_channels != unet->config().out_channels)
    return Status(Code::mismatch, component.where + ": the VAE's latents have " +
                                      std::to_string(vae->config().latent_channels) + " channels, the UNet's " +
                                      std::to_string(unet->config().out_channels));
  IPA_TRY(declare_params(vae_params, [&](Graph& graph) {
    vae->decode(graph, graph.input({1, 2, 2, vae->config().latent_channels}));
    const int64_t side = 2 * vae->config().scale();
    if (task_ != Task::text_to_image) vae->encode(graph, graph.input({1, side, side, 3}));
  }));
  choose_compute(vae_params, vae_compute(compute_, backend_.kernels().fast_bf16));
  IPA_ASSIGN(auto source, component.open(vae_params));
  return load_params(vae_params, *source, backend_, backend_.threads(), "the VAE", cancel);
}

// The encoder in the model's folder, or the one that was asked for instead.
Status ModelSet::load_model_vision(const LoadRequest& request, const CancelFlag* cancel) {
  const std::string own_encoder = join_path(request.model, "image_encoder");
  const std::string& encoder = request.image_encoder.empty() ? own_encoder : request.image_encoder;
  if (request.image_encoder.empty() && !is_folder(own_encoder)) return {};
  // The preprocessor of the encoder's own folder fits it best; else the model's.
  std::string preprocessor = preprocessor_beside(encoder);
  if (preprocessor.empty())
    preprocessor = join_path(join_path(request.model, "feature_extractor"), "preprocessor_config.json");
  IPA_ASSIGN(vision, load_vision(encoder, is_file(preprocessor) ? preprocessor : "", encoder_compute(compute_),
                                 backend_, backend_.threads(), cancel));
  return {};
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
  if (family_ == Family::sdxl) {
    const int64_t pooled = text.back()->network.config().projection_size;
    const int64_t conditions = (c.addition_input_size - pooled) / c.addition_time_size;
    refiner = text.size() == 1 && conditions == 5;
    if (pooled + conditions * c.addition_time_size != c.addition_input_size ||
        !(refiner || (text.size() == 2 && conditions == 6)))
      return Status(
          Code::unsupported,
          "this SDXL layout is not supported: it needs two text encoders and six size conditions (the "
          "base model), or one and five (the refiner)");
  }
  return {};
}

Status ModelSet::find_task() {
  const int64_t read = unet->config().in_channels, latents = unet->config().out_channels;
  if (read == latents)
    task_ = Task::text_to_image;
  else if (read == 2 * latents + 1)
    task_ = Task::inpainting;
  else if (read == 2 * latents)
    task_ = Task::instruct;
  else
    return Status(
        Code::unsupported,
        "a UNet with " + std::to_string(read) + " input channels for latents of " + std::to_string(latents) +
            " reads something that cannot be given to it here: pass a text-to-image model, an "
            "inpainting model (" +
            std::to_string(2 * latents + 1) + ") or an instruct model (" + std::to_string(2 * latents) + ")");
  return {};
}

Result<std::shared_ptr<VisionTower>> ModelSet::vision_in(const std::string& folder,
                                                         const std::vector<std::shared_ptr<Adapter>>& loaded,
                                                         const CancelFlag* cancel) const {
  if (folder.empty() || (vision && vision->folder == folder)) return vision;
  for (const auto* list : {&loaded, &adapters})
    for (const auto& adapter : *list)
      if (adapter->vision && adapter->vision->folder == folder) return adapter->vision;
  return load_vision(folder, preprocessor_beside(folder), encoder_compute(compute_), backend_,
                     backend_.threads(), cancel);
}

Result<std::vector<std::shared_ptr<Adapter>>> ModelSet::make_adapters(
    const std::vector<AdapterRequest>& requests, const CancelFlag* cancel) const {
  std::vector<std::shared_ptr<Adapter>> made;
  for (const AdapterRequest& request : requests) {
    const auto same = [&](const std::shared_ptr<Adapter>& adapter) { return adapter->request == request; };
    const auto kept = std::find_if(adapters.begin(), adapters.end(), same);
    if (kept != adapters.end()) {
      made.push_back(*kept);
      continue;
    }
    IPA_ASSIGN(std::shared_ptr<VisionTower> tower, vision_in(request.image_encoder, made, cancel));
    IPA_ASSIGN(std::shared_ptr<Adapter> adapter,
               load_adapter(request, *unet, family_name(family_), std::move(tower), backend_,
                            backend_.threads(), cancel));
    made.push_back(std::move(adapter));
  }
  return made;
}

Result<ModelSet::Restaged> ModelSet::restage(const Changeable& network, const std::vector<LoraUse>& loras,
                                             const CancelFlag* cancel) const {
  Restaged staged;
  IPA_ASSIGN(const auto source, open(network, loras, &staged.changed, cancel));
  std::set<std::string> affected = staged.changed;
  affected.insert(network.changed.begin(), network.changed.end());
  if (affected.empty()) return staged;
  IPA_ASSIGN(staged.params, stage_params(*network.params, affected, *source, backend_, backend_.threads(),
                                         network.what, cancel));
  return staged;
}

void ModelSet::commit(Changeable& network, Restaged staged) {
  commit_params(std::move(staged.params));
  network.changed = std::move(staged.changed);
}

Status ModelSet::set_adapters(const std::vector<AdapterRequest>& requests, const CancelFlag* cancel) {
  IPA_ASSIGN(std::vector<std::shared_ptr<Adapter>> made, make_adapters(requests, cancel));
  if (holds_lora(made) || holds_lora(adapters)) {
    IPA_ASSIGN(const std::vector<LoraUse> loras, open_loras(loras_, requests, *unet, text.size() > 1));
    IPA_ASSIGN(Restaged staged, restage(changeable_.back(), loras, cancel));
    commit(changeable_.back(), std::move(staged));
  }
  adapters = std::move(made);
  return {};
}

Status ModelSet::set_loras(const std::vector<LoraRequest>& requests, const CancelFlag* cancel) {
  IPA_ASSIGN(const std::vector<LoraUse> loras,
             open_loras(requests, requests_of(adapters), *unet, text.size() > 1));
  for (size_t i = 0; i < requests.size(); ++i) {
    const std::vector<EmbeddingRows>& tokens = loras[i].file.embeddings;
    if (!tokens.empty() && !learned_->has_lora(requests[i].file))
      return Status(Code::unsupported,
                    "loras[" + std::to_string(i) + "]: " + requests[i].file +
                        " brings tokens for prompts along (" + quoted(tokens.front().token) +
                        "), which only load() adds: pass it to load(), with weight 0 until it "
                        "is wanted");
  }
  std::vector<Restaged> staged;
  for (const Changeable& network : changeable_) {
    IPA_ASSIGN(Restaged one, restage(network, loras, cancel));
    staged.push_back(std::move(one));
  }
  for (size_t i = 0; i < staged.size(); ++i) commit(changeable_[i], std::move(staged[i]));
  loras_ = requests;
  ignored_of_loras = ignored_of(loras);
  return {};
}

std::vector<const VisionTower*> ModelSet::towers() const {
  std::set<const VisionTower*> all;
  if (vision) all.insert(vision.get());
  for (const auto& adapter : adapters)
    if (adapter->vision) all.insert(adapter->vision.get());
  return {all.begin(), all.end()};
}

int64_t ModelSet::parameters() const {
  int64_t sum = unet_params.elements() + vae_params.elements();
  for (const auto& tower : text) sum += tower->params.elements();
  for (const auto& adapter : adapters) sum += adapter->params.elements();
  for (const VisionTower* tower : towers()) sum += tower->params.elements();
  return sum;
}

size_t ModelSet::memory_bytes() const {
  size_t sum = unet_params.bytes() + vae_params.bytes();
  for (const auto& tower : text) sum += tower->params.bytes();
  for (const auto& adapter : adapters) sum += adapter->params.bytes();
  for (const VisionTower* tower : towers()) sum += tower->params.bytes();
  return sum;
}

}  // namespace ipa
