// FaceID adapters against diffusers: their projections, and the LoRA inside their files, applied once.
#include <cstdio>

#include "golden_pipeline.h"
#include "harness.h"
#include "pipeline/load/loras.h"
#include "test_device.h"
#include "weights/describe/adapter_file.h"
#include "weights/write/safetensors_writer.h"

namespace {

using ipa::AdapterRequest;
using ipa::Json;
using ipa::ModelSet;
using ipa_test::GoldenFolder;

constexpr double allowed_latents = 1e-3;  // as test/native/pipeline_golden_test.cc

std::vector<AdapterRequest> adapters_of(const GoldenFolder& folder, const Json& entry) {
  std::vector<AdapterRequest> requests;
  for (const Json& adapter : entry.find("adapters")->array()) {
    AdapterRequest request(folder.path(adapter.find("file")->string()));
    const Json* shortcut = adapter.find("shortcut");
    request.shortcut = shortcut && shortcut->boolean();
    requests.push_back(request);
  }
  return requests;
}

std::unique_ptr<ModelSet> load(const std::string& model, std::vector<AdapterRequest> adapters,
                               const std::string& lora = "") {
  ipa::LoadRequest request;
  request.model = ipa_test::golden_folder() + "/models/" + model;
  request.adapters = std::move(adapters);
  if (!lora.empty()) request.loras.push_back({lora, 1});
  return ipa_test::load_golden_models(std::move(request));
}

std::vector<float> latents(ModelSet& models, ipa::GenerateRequest request) {
  request.decode = false;
  const auto result = ipa_test::generate(models, request, nullptr, nullptr);
  CHECK_OK(result.status());
  return result.ok() ? result.value().latents.front() : std::vector<float>();
}

std::string lora_file(const char* name) {
  return ipa_test::golden_folder() + "/loras/" + name + ".safetensors";
}

}  // namespace

TEST(pipeline_faces_match_diffusers) {
  const GoldenFolder folder("faces");
  ipa_test::ErrorReport report("faces latents", allowed_latents);
  for (const Json* entry : folder.cases("pipeline")) {
    const auto models = load(entry->find("model")->string(), adapters_of(folder, *entry));
    if (!models) return;
    const std::vector<float> found = latents(*models, ipa_test::golden_request(folder, *entry));
    report.add(entry->find("name")->string(),
               ipa_test::relative_error(found, folder.output(*entry, "latents").values));
  }
}

// A loaded pipeline goes from one case to the next, and back to what it was, without being loaded again.
TEST(pipeline_adapters_are_swapped) {
  const GoldenFolder folder("faces");
  const auto models = load("sd15", {});
  if (!models) return;
  ipa::GenerateRequest plain = ipa_test::golden_request(folder, *folder.cases("pipeline").front());
  plain.branches.clear();
  const std::vector<float> before = latents(*models, plain);
  const int64_t parameters = models->parameters();
  const size_t bytes = models->memory_bytes();
  ipa_test::ErrorReport report("swapped adapters, latents", allowed_latents);
  for (const Json* entry : folder.cases("pipeline")) {
    if (entry->find("model")->string() != "sd15") continue;
    CHECK_OK(models->set_adapters(adapters_of(folder, *entry), nullptr));
    CHECK(models->parameters() > parameters);
    report.add(entry->find("name")->string(),
               ipa_test::relative_error(latents(*models, ipa_test::golden_request(folder, *entry)),
                                        folder.output(*entry, "latents").values));
  }
  CHECK_OK(models->set_adapters({}, nullptr));
  CHECK(latents(*models, plain) == before);
  CHECK_EQ(models->parameters(), parameters);
  CHECK_EQ(models->memory_bytes(), bytes);
}

TEST(pipeline_loras_are_swapped) {
  const GoldenFolder folder("faces");
  const Json* entry = ipa_test::find_case(folder, "pipeline", "sd15-faceid");
  if (!entry) return;
  const std::vector<AdapterRequest> adapters = adapters_of(folder, *entry);
  const ipa::GenerateRequest request = ipa_test::golden_request(folder, *entry);
  const auto models = load("sd15", adapters);
  const auto loaded = load("sd15", adapters, lora_file("sd15-kohya"));
  if (!models || !loaded) return;
  const std::vector<float> before = latents(*models, request), with_lora = latents(*loaded, request);
  CHECK(before != with_lora);

  CHECK_OK(models->set_loras({{lora_file("sd15-kohya"), 1}}, nullptr));
  CHECK(latents(*models, request) == with_lora);
  CHECK_OK(models->set_loras({{lora_file("sd15-peft"), 0.5f}}, nullptr));
  CHECK(latents(*models, request) != with_lora);
  CHECK_OK(models->set_loras({}, nullptr));
  CHECK(latents(*models, request) == before);
  // The adapter's own LoRA stays and goes with the adapter.
  CHECK_OK(loaded->set_adapters({}, nullptr));
  CHECK_OK(loaded->set_adapters(adapters, nullptr));
  CHECK(latents(*loaded, request) == with_lora);
}

TEST(pipeline_failed_swaps_change_nothing) {
  const GoldenFolder folder("faces");
  const Json* entry = ipa_test::find_case(folder, "pipeline", "sd15-faceid");
  if (!entry) return;
  const std::vector<AdapterRequest> adapters = adapters_of(folder, *entry);
  const ipa::GenerateRequest request = ipa_test::golden_request(folder, *entry);
  const auto models = load("sd15", adapters);
  if (!models) return;
  const std::vector<float> before = latents(*models, request);
  const AdapterRequest wrong(folder.path("adapters/sdxl-faceid.safetensors")), missing(folder.path("none"));
  CHECK(models->set_adapters({adapters[0], missing}, nullptr).code() == ipa::Code::not_found);
  CHECK(!models->set_adapters({wrong}, nullptr).ok());
  CHECK(!models->set_loras({{lora_file("sd15-kohya"), 1}, {lora_file("sdxl-sgm"), 1}}, nullptr).ok());
  ipa::CancelFlag cancel{true};
  CHECK(models->set_loras({{lora_file("sd15-kohya"), 1}}, &cancel).code() == ipa::Code::cancelled);
  AdapterRequest other = adapters[0];
  other.lora_weight = 0.5f;
  CHECK(models->set_adapters({other}, &cancel).code() == ipa::Code::cancelled);
  CHECK(latents(*models, request) == before);
}

// The LoRA is published beside the adapter, too: given as well, it would be applied twice.
TEST(pipeline_adapter_lora_is_not_applied_twice) {
  const std::string adapter = ipa_test::golden_folder() + "/models/faces/adapters/sd15-faceid.safetensors";
  const auto models = load("sd15", {});
  if (!models) return;
  const auto inside = ipa::open_adapter_lora(adapter, ipa::attention_names(models->unet->network));
  CHECK_OK(inside.status());
  if (!inside.ok()) return;
  const ipa::TensorSource& source = *inside.value().weights;
  std::vector<std::vector<float>> data;
  std::vector<ipa::TensorToWrite> tensors;
  for (const ipa::TensorInfo& info : source.tensors()) {
    data.emplace_back(static_cast<size_t>(info.elements()));
    CHECK_OK(source.read_f32(info, data.back().data()));
  }
  for (size_t i = 0; i < data.size(); ++i)
    tensors.push_back({source.tensors()[i].name, source.tensors()[i].shape, data[i].data(), ipa::DType::f32});
  const std::string file = ipa_test::scratch_folder() + "/faceid_lora.safetensors";
  CHECK_OK(ipa::write_safetensors(file, tensors));

  CHECK_OK(models->set_loras({{file, 1}}, nullptr));
  const ipa::Status twice = models->set_adapters({AdapterRequest(adapter)}, nullptr);
  CHECK(twice.code() == ipa::Code::invalid_option);
  CHECK(twice.option() == "loras[0]");
  // By itself, or as the adapter's: the same change.
  AdapterRequest without(adapter);
  without.lora_weight = 0;
  CHECK_OK(models->set_adapters({without}, nullptr));
  const GoldenFolder folder("faces");
  const Json* entry = ipa_test::find_case(folder, "pipeline", "sd15-faceid");
  if (!entry) return;
  const double error = ipa_test::relative_error(latents(*models, ipa_test::golden_request(folder, *entry)),
                                                folder.output(*entry, "latents").values);
  CHECK(error <= ipa_test::test_device().allowed_of_networks(allowed_latents));
}
