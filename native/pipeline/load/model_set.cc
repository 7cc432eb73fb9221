#include "pipeline/load/model_set.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/utf8.h"
#include "cpu/isa/cpu_features.h"
#include "cpu/kernels/plain_product.h"
#include "cpu/launch/thread_pool.h"
#include "pipeline/load/control.h"
#include "pipeline/load/inpaint.h"
#include "pipeline/load/load_fields.h"
#include "pipeline/load/loras.h"
#include "pipeline/load/model_layout.h"

namespace ipa {
namespace {

bool holds_lora(const std::vector<std::shared_ptr<const Adapter>>& adapters) {
  return std::any_of(adapters.begin(), adapters.end(),
                     [](const std::shared_ptr<const Adapter>& adapter) { return adapter->lora; });
}

std::vector<AdapterRequest> requests_of(const std::vector<std::shared_ptr<const Adapter>>& adapters) {
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
    IPA_TRY(component.config.check(component.config_path));
    encoders.push_back({component.config.vocab_size, component.config.stack.hidden_size});
  }
  return LearnedTokens::open(request.embeddings, loras, encoders);
}

}  // namespace

Result<std::unique_ptr<ModelSet>> ModelSet::load(const LoadRequest& request, const CancelFlag* cancel) {
  IPA_TRY(check_fields(request, load_fields()));
  ThreadPool& pool = ThreadPool::shared();
  const int threads = request.threads > 0 ? std::min(request.threads, ThreadPool::max_threads())
                                          : ThreadPool::hardware_threads();
  pool.grow_to(threads);
  IPA_ASSIGN(const Kernels* kernels, choose_kernels());
  IPA_ASSIGN(Devices devices, Devices::open(request.devices, threads));
  IPA_ASSIGN(const PartComputes computes, choose_computes(request.compute, devices));
  std::unique_ptr<ModelSet> set(new ModelSet(std::move(devices), computes, *kernels, threads));
  set->loras_ = request.loras;
  set->offload_ = request.offload;

  IPA_ASSIGN(ModelComponents components, find_components(request));
  set->scheduler_config = std::move(components.scheduler);
  set->prediction = components.prediction;
  set->ignored = std::move(components.ignored);
  IPA_ASSIGN(set->unet, describe_unet(components.unet, computes));
  IPA_ASSIGN(const std::vector<LoraUse> loras,
             open_loras(request.loras, request.adapters, set->unet->network, components.text.size() > 1));
  set->ignored_of_loras = ignored_of(loras);
  IPA_ASSIGN(LearnedTokens learned, open_learned_tokens(request, components.text));
  set->ignored.insert(set->ignored.end(), learned.ignored().begin(), learned.ignored().end());
  set->learned_ = std::make_unique<const LearnedTokens>(std::move(learned));
  const LoadContext of_text = set->context(Part::text_encoder, cancel),
                    of_unet = set->context(Part::unet, cancel);
  for (const TextComponent& component : components.text) {
    IPA_ASSIGN(auto tower,
               describe_text(component, set->text.size(), *set->learned_, computes.of(Part::text_encoder)));
    IPA_TRY(tower->load(loras, of_text));
    set->text.push_back(std::move(tower));
  }
  IPA_TRY(set->check_family());
  // The refiner was trained with empty prompts.
  set->zeros_for_empty_prompt =
      set->family_ == Family::sdxl && components.zeros_for_empty_prompt.value_or(!set->refiner);
  IPA_ASSIGN(set->task_, task_of(set->unet->config()));
  if (request.inpaint) IPA_TRY(set->check_inpaint());
  IPA_TRY(set->unet->load(loras, of_unet));
  if (request.inpaint) {
    IPA_ASSIGN(set->inpaint, load_inpaint(*request.inpaint, *set->unet, loras, of_unet));
  }
  IPA_TRY(set->load_vae(components.vae, set->context(Part::vae, cancel)));
  IPA_TRY(set->load_model_vision(request, cancel));
  IPA_ASSIGN(set->adapters, set->make_adapters(request.adapters, cancel));
  IPA_ASSIGN(set->controls, set->make_controls(request.controls, cancel));
  return set;
}

Status ModelSet::check_inpaint() const {
  if (task_ != Task::text_to_image)
    return Status::option(
        "inpaint", std::string("Fooocus' files make an ordinary SDXL model inpaint, this is ") +
                       (task_ == Task::instruct ? "an instruct" : "an inpainting") + " model: leave it out");
  if (family_ != Family::sdxl || refiner)
    return Status::option("inpaint", std::string("Fooocus' files are for SDXL, this is ") +
                                         (refiner ? "its refiner" : family_name(family_)) + ": leave it out");
  return {};
}

Status ModelSet::load_vae(const VaeComponent& component, const LoadContext& context) {
  const auto describe = [&](VaeHalf half) { return describe_vae(component, unet->config(), half, computes_); };
  IPA_ASSIGN(auto decoder, describe(VaeHalf::decoder));
  IPA_TRY(decoder->load({}, context));
  vae = std::move(decoder);
  IPA_ASSIGN(vae_encoder, describe(VaeHalf::encoder));
  // The others need it only for calls with a picture.
  return task_ == Task::text_to_image ? Status() : vae_encoder->load({}, context);
}

namespace {

Status cannot_encode(const Status& status) {
  if (status.code() != Code::missing_tensor && status.code() != Code::shape) return status;
  return Status::option("image",
                        "the model's VAE cannot encode pictures: load() it with a vae that has an "
                        "encoder, too (" +
                            status.message() + ")");
}

}  // namespace

Result<size_t> ModelSet::foresee_encoder() const {
  if (vae_encoder->loaded()) return size_t{0};
  Result<size_t> bytes = vae_encoder->foresee(backend(Part::vae));
  return bytes.ok() ? std::move(bytes) : Result<size_t>(cannot_encode(bytes.status()));
}

Status ModelSet::load_encoder(const CancelFlag* cancel) const {
  if (vae_encoder->loaded()) return {};
  const Status status = vae_encoder->load({}, context(Part::vae, cancel));
  return status.ok() ? status : cannot_encode(status);
}

LoadContext ModelSet::context(Part part, const CancelFlag* cancel) const {
  const Kernels& kernels = kernels_;
  const bool rests = offload_ && part != Part::unet && !backend(part).memory().is_host();
  return {backend(part), threads_, cancel,
          [&kernels](const ProductTerms& terms) { return add_product(kernels, terms); }, rests};
}

// The encoder in the model's folder, or the one that was asked for instead.
Status ModelSet::load_model_vision(const LoadRequest& request, const CancelFlag* cancel) {
  const std::string own_encoder = join_path(request.model, layout::image_encoder);
  const std::string& encoder = request.image_encoder.empty() ? own_encoder : request.image_encoder;
  if (request.image_encoder.empty() && !is_folder(own_encoder)) return {};
  // The preprocessor of the encoder's own folder fits it best; else the model's.
  std::string preprocessor = preprocessor_beside(encoder);
  if (preprocessor.empty()) preprocessor = join_path(request.model, layout::preprocessor);
  IPA_ASSIGN(vision, load_vision(encoder, is_file(preprocessor) ? preprocessor : "",
                                 computes_.of(Part::image_encoder), context(Part::image_encoder, cancel)));
  return {};
}

Status ModelSet::check_family() {
  const UNetConfig& c = unet->config();
  int64_t width = 0;
  for (const auto& tower : text) width += tower->config().stack.hidden_size;
  family_ = family_of(c);
  if (width != c.cross_size())
    return Status(Code::mismatch, "the text encoders give features of width " + std::to_string(width) +
                                      " but the UNet reads " + std::to_string(c.cross_size()) +
                                      ": text_encoder and unet do not belong together");
  if (family_ == Family::sdxl) {
    const int64_t pooled = text.back()->config().projection_size;
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

Result<std::shared_ptr<const VisionTower>> ModelSet::vision_in(
    const std::string& folder, const std::vector<std::shared_ptr<const Adapter>>& loaded,
    const CancelFlag* cancel) const {
  if (folder.empty() || (vision && vision->folder == folder)) return vision;
  for (const auto* list : {&loaded, &adapters})
    for (const auto& adapter : *list)
      if (adapter->vision && adapter->vision->folder == folder) return adapter->vision;
  return load_vision(folder, preprocessor_beside(folder), computes_.of(Part::image_encoder),
                     context(Part::image_encoder, cancel));
}

Result<std::vector<std::shared_ptr<const Adapter>>> ModelSet::make_adapters(
    const std::vector<AdapterRequest>& requests, const CancelFlag* cancel) const {
  std::vector<std::shared_ptr<const Adapter>> made;
  for (const AdapterRequest& request : requests) {
    const auto same = [&](const std::shared_ptr<const Adapter>& adapter) {
      return adapter->request == request;
    };
    const auto kept = std::find_if(adapters.begin(), adapters.end(), same);
    if (kept != adapters.end()) {
      made.push_back(*kept);
      continue;
    }
    IPA_ASSIGN(std::shared_ptr<const VisionTower> tower, vision_in(request.image_encoder, made, cancel));
    IPA_ASSIGN(std::shared_ptr<const Adapter> adapter,
               load_adapter(request, unet->network, family_name(family_), std::move(tower),
                            computes_.of(Part::unet), context(Part::unet, cancel)));
    made.push_back(std::move(adapter));
  }
  return made;
}

Status ModelSet::set_adapters(const std::vector<AdapterRequest>& requests, const CancelFlag* cancel) {
  IPA_ASSIGN(std::vector<std::shared_ptr<const Adapter>> made, make_adapters(requests, cancel));
  if (holds_lora(made) || holds_lora(adapters)) {
    IPA_ASSIGN(const std::vector<LoraUse> loras, open_loras(loras_, requests, unet->network, text.size() > 1));
    IPA_ASSIGN(LoadedWeights::Restaged staged, unet->restage(loras, context(Part::unet, cancel)));
    unet->commit(std::move(staged));
  }
  adapters = std::move(made);
  return {};
}

Result<std::vector<std::shared_ptr<const LoadedControl>>> ModelSet::make_controls(
    const std::vector<ControlRequest>& requests, const CancelFlag* cancel) const {
  const ControlHost host{*unet, family_name(family_), vae->config().scale(), computes_.of(Part::unet),
                         computes_.pairs};
  std::vector<std::shared_ptr<const LoadedControl>> made;
  for (const ControlRequest& request : requests) {
    std::shared_ptr<const LoadedControl> control;
    // One that is named twice is loaded once.
    const std::vector<std::shared_ptr<const LoadedControl>>* lists[] = {&controls, &made};
    for (const auto* list : lists)
      for (const auto& loaded : *list)
        if (loaded->request == request) control = loaded;
    if (!control) {
      IPA_ASSIGN(control, load_control(request, host, context(Part::unet, cancel)));
    }
    made.push_back(std::move(control));
  }
  return made;
}

Status ModelSet::set_controls(const std::vector<ControlRequest>& requests, const CancelFlag* cancel) {
  IPA_ASSIGN(controls, make_controls(requests, cancel));
  return {};
}

Status ModelSet::set_loras(const std::vector<LoraRequest>& requests, const CancelFlag* cancel) {
  IPA_ASSIGN(const std::vector<LoraUse> loras,
             open_loras(requests, requests_of(adapters), unet->network, text.size() > 1));
  for (size_t i = 0; i < requests.size(); ++i) {
    const std::vector<EmbeddingRows>& tokens = loras[i].file.embeddings;
    if (!tokens.empty() && !learned_->has_lora(requests[i].file))
      return Status(Code::unsupported,
                    "loras[" + std::to_string(i) + "]: " + requests[i].file +
                        " brings tokens for prompts along (" + in_quotes(tokens.front().token) +
                        "), which only load() adds: pass it to load(), with weight 0 until it "
                        "is wanted");
  }
  const auto networks = changeable();
  std::vector<LoadedWeights::Restaged> staged;
  for (const auto& [part, network] : networks) {
    IPA_ASSIGN(LoadedWeights::Restaged one, network->restage(loras, context(part, cancel)));
    staged.push_back(std::move(one));
  }
  for (size_t i = 0; i < staged.size(); ++i) networks[i].second->commit(std::move(staged[i]));
  loras_ = requests;
  ignored_of_loras = ignored_of(loras);
  return {};
}

std::vector<std::pair<Part, LoadedWeights*>> ModelSet::changeable() const {
  std::vector<std::pair<Part, LoadedWeights*>> networks;
  for (const auto& tower : text) networks.emplace_back(Part::text_encoder, tower.get());
  networks.emplace_back(Part::unet, unet.get());
  return networks;
}

std::vector<const ParamSet*> ModelSet::all_params() const {
  std::set<const ParamSet*> all = {&unet->params, &vae->params};
  if (vae_encoder->loaded()) all.insert(&vae_encoder->params);
  for (const auto& tower : text) all.insert(&tower->params);
  if (vision) all.insert(&vision->params);
  for (const auto& adapter : adapters) {
    all.insert(&adapter->params);
    if (adapter->vision) all.insert(&adapter->vision->params);
  }
  for (const auto& control : controls) all.insert(&control->params());
  if (inpaint) all.insert(&inpaint->head->params);
  return {all.begin(), all.end()};
}

int64_t ModelSet::parameters() const {
  int64_t sum = 0;
  for (const ParamSet* params : all_params()) sum += params->elements();
  return sum;
}

size_t ModelSet::memory_bytes() const {
  size_t sum = 0;
  for (const ParamSet* params : all_params()) sum += params->bytes();
  return sum + unet->spare_bytes();
}

size_t ModelSet::memory_bytes_on(const MemorySpace& space) const {
  size_t sum = 0;
  for (const ParamSet* params : all_params()) sum += params->bytes_in(space);
  return &backend(Part::unet).memory() == &space ? sum + unet->spare_bytes() : sum;
}

}  // namespace ipa
