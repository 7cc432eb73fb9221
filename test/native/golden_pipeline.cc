#include "golden_pipeline.h"

#include "harness.h"
#include "pipeline/prepared_call.h"
#include "test_device.h"
#include "weights/formats/safetensors/safetensors.h"

namespace ipa_test {
namespace {

// One encoder's ids of a prompt or negative prompt.
std::vector<ipa::TokenChunks> chunks_of(const ipa::Json* ids) {
  std::vector<ipa::TokenChunks> result;
  if (!ids || !ids->is_object()) return result;
  for (const auto& [encoder, list] : ids->object()) {
    ipa::TokenChunks chunks;
    for (const ipa::Json& id : list.array()) chunks.ids.push_back(static_cast<int32_t>(id.number()));
    chunks.weights.assign(chunks.ids.size(), 1.0f);
    result.push_back(std::move(chunks));
  }
  return result;
}

// A row of the first dimension for each picture.
std::vector<ipa::ImagePrompt> embeds_of(const Tensor& tensor) {
  std::vector<ipa::ImagePrompt> result;
  const auto each = static_cast<std::ptrdiff_t>(tensor.values.size()) / tensor.size(0);
  for (int64_t i = 0; i < tensor.size(0); ++i) {
    ipa::ImagePrompt prompt;
    prompt.embeds.assign(tensor.values.begin() + i * each, tensor.values.begin() + (i + 1) * each);
    result.push_back(std::move(prompt));
  }
  return result;
}

// Faces, with the picture that goes with them if there is one.
std::vector<ipa::ImagePrompt> faces_of(const GoldenFolder& folder, const ipa::Json& entry,
                                       const ipa::Json& adapter, float& structure_scale) {
  std::vector<ipa::ImagePrompt> faces = embeds_of(folder.input(entry, adapter.find("faces")->string()));
  const ipa::Json* picture = adapter.find("picture");
  if (const ipa::Json* structure = adapter.find("structure"))
    structure_scale = static_cast<float>(structure->number());
  for (ipa::ImagePrompt& prompt : faces) {
    std::vector<float> face = std::move(prompt.embeds);
    prompt = picture ? golden_picture(picture->string()) : ipa::ImagePrompt();
    prompt.face = std::move(face);
  }
  return faces;
}

// A grey mask (h, w) as RGB.
ipa::Picture mask_of(const Tensor& grey) {
  ipa::Picture mask;
  for (float value : grey.values) mask.rgb.insert(mask.rgb.end(), 3, static_cast<uint8_t>(value));
  mask.height = grey.size(0);
  mask.width = grey.size(1);
  return mask;
}

}  // namespace

ipa::LoadRequest on_test_device(ipa::LoadRequest request) {
  if (test_device().is_gpu()) {
    request.compute = test_device().compute;
    // Not "auto", which would take the CPU in its place.
    if (request.devices.device == "auto") request.devices.device = "cuda";
  }
  return request;
}

std::unique_ptr<ipa::ModelSet> load_golden_models(const std::string& folder,
                                                  const std::vector<std::string>& adapters, int threads) {
  ipa::LoadRequest request;
  request.model = golden_folder() + "/models/" + folder;
  for (const std::string& file : adapters) request.adapters.push_back(request.model + "/" + file);
  return load_golden_models(std::move(request), threads);
}

std::unique_ptr<ipa::ModelSet> load_golden_models(ipa::LoadRequest request, int threads) {
  request.threads = threads;
  auto models = ipa::ModelSet::load(on_test_device(std::move(request)), nullptr);
  CHECK_OK(models.status());
  return models.ok() ? models.take() : nullptr;
}

ipa::Result<ipa::GenerateResult> generate(const ipa::ModelSet& models, const ipa::GenerateRequest& request,
                                          const ipa::ProgressFunction& progress,
                                          const ipa::CancelFlag* cancel) {
  ipa::Caches caches;
  return ipa::generate({models, caches}, request, progress, cancel);
}

void check_begin_bytes(const ipa::ModelSet& models, const ipa::GenerateRequest& request) {
  ipa::Caches caches;
  ipa::Workspace workspace;
  const auto prepared = ipa::PreparedCall::make(models, request);
  CHECK_OK(prepared.status());
  if (!prepared.ok()) return;
  CHECK_EQ(workspace.peak(), size_t{0});
  CHECK_OK(prepared.value()->begin({models, caches, workspace}));
  CHECK(workspace.peak() > 0);
  CHECK_EQ(workspace.peak(), prepared.value()->begin_bytes());
}

ipa::Result<ipa::TextFeatures> encode_prompt(const ipa::ModelSet& models,
                                             const std::vector<ipa::TokenChunks>& prompt) {
  ipa::Caches caches;
  ipa::Workspace workspace;
  IPA_ASSIGN(ipa::PromptEncoder encoder, ipa::PromptEncoder::plan(models, {&prompt}, 0));
  IPA_ASSIGN(std::vector<ipa::TextFeatures> features, encoder.run({models, caches, workspace}));
  return std::move(features.front());
}

ipa::ImagePrompt golden_picture(const std::string& path) {
  static const std::unique_ptr<ipa::TensorSource> source = [] {
    auto opened = ipa::open_safetensors(golden_folder() + "/pictures.safetensors");
    CHECK_OK(opened.status());
    return opened.ok() ? opened.take() : nullptr;
  }();
  ipa::ImagePrompt prompt;
  const ipa::TensorInfo* info = source ? source->find(path) : nullptr;
  if (!info) {
    fail(__FILE__, __LINE__, "no picture " + path);
    return prompt;
  }
  std::vector<float> values(static_cast<size_t>(info->elements()));
  CHECK_OK(source->read_f32(*info, values.data()));
  prompt.rgb.assign(values.begin(), values.end());
  prompt.height = info->shape[0];
  prompt.width = info->shape[1];
  return prompt;
}

ipa::Picture picture_of(const std::string& path) {
  ipa::ImagePrompt picture = golden_picture(path);
  return {std::move(picture.rgb), picture.width, picture.height};
}

ipa::ControlUse control_use(int control, const std::string& mode) {
  ipa::ControlUse use;
  use.control = control;
  use.image = picture_of("images/wide-150x100.png");
  use.scale = 0.5f;
  use.mode = mode;
  return use;
}

ipa::GenerateRequest plain_request(const std::string& model, const std::string& name) {
  const GoldenFolder folder(model);
  const ipa::Json* entry = find_case(folder, "pipeline", name);
  if (!entry) return {};
  ipa::GenerateRequest request = golden_request(folder, *entry);
  request.branches.clear();
  return request;
}

std::vector<std::string> adapter_files(const ipa::Json& entry) {
  std::vector<std::string> files;
  for (const ipa::Json& adapter : entry.find("adapters")->array())
    files.push_back(adapter.find("file")->string());
  return files;
}

ipa::GenerateRequest golden_request(const GoldenFolder& folder, const ipa::Json& entry) {
  ipa::GenerateRequest request;
  request.prompt = chunks_of(entry.find("prompt_ids"));
  request.negative = chunks_of(entry.find("negative_ids"));
  request.scheduler = entry.find("scheduler")->string();
  request.sigmas.spacing = ipa::sigma_spacing(entry.find("sigmas")->string()).value();
  request.steps = static_cast<int>(entry.find("steps")->number());
  request.guidance = static_cast<float>(entry.find("guidance")->number());
  request.eta = static_cast<float>(entry.find("eta")->number());
  request.seeds = {entry.find("seed")->u64()};
  request.width = static_cast<int64_t>(entry.find("width")->number());
  request.height = static_cast<int64_t>(entry.find("height")->number());
  request.decode = GoldenFolder::has(entry, "outputs", "image");
  if (const ipa::Json* image = entry.find("image")) request.image = picture_of(image->string());
  if (const ipa::Json* strength = entry.find("strength"))
    request.strength = strength->number();
  else if (GoldenFolder::has(entry, "inputs", "mask"))
    request.strength = 1;
  if (GoldenFolder::has(entry, "inputs", "mask")) request.mask = mask_of(folder.input(entry, "mask"));
  if (const ipa::Json* guidance = entry.find("image_guidance"))
    request.image_guidance = static_cast<float>(guidance->number());
  if (const ipa::Json* end = entry.find("guidance_end")) request.guidance_end = end->number();
  for (const ipa::Json& adapter : entry.find("adapters")->array()) {
    ipa::ImageBranch branch;
    branch.adapter = static_cast<int>(request.branches.size());
    branch.scale = static_cast<float>(adapter.find("scale")->number());
    if (adapter.find("faces"))
      branch.images = faces_of(folder, entry, adapter, branch.structure_scale);
    else if (const ipa::Json* images = adapter.find("images"))
      for (const ipa::Json& path : images->array()) branch.images.push_back(golden_picture(path.string()));
    else
      branch.images = embeds_of(folder.input(entry, adapter.find("embeds")->string()));
    request.branches.push_back(std::move(branch));
  }
  return request;
}

const ipa::Json* find_case(const GoldenFolder& folder, const std::string& network, const std::string& name) {
  for (const ipa::Json* entry : folder.cases(network))
    if (entry->find("name")->string() == name) return entry;
  fail(__FILE__, __LINE__, folder.name() + " has no case " + name);
  return nullptr;
}

}  // namespace ipa_test
