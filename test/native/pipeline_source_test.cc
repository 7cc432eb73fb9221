// Inpainting and instruct models against the pipelines of diffusers, and what they ask of a request.
#include <algorithm>

#include "golden_pipeline.h"
#include "harness.h"
#include "pipeline/prepared_call.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/write/safetensors_writer.h"

namespace {

using ipa::Json;
using ipa_test::GoldenFolder;

// As in pipeline_golden_test.cc.
constexpr double allowed_latents = 1e-3;

std::string models_folder() { return ipa_test::golden_folder() + "/models/"; }

ipa::LoadRequest load_request(const GoldenFolder& folder, const std::string& base, const std::string& unet) {
  ipa::LoadRequest request;
  request.model = models_folder() + base;
  request.unet = folder.path(unet);
  return request;
}

std::unique_ptr<ipa::ModelSet> load(const GoldenFolder& folder, const Json& entry) {
  ipa::LoadRequest request = load_request(folder, entry.find("model")->string(), entry.find("unet")->string());
  if (const Json* vae = entry.find("vae")) request.vae = folder.path(vae->string());
  for (const std::string& file : ipa_test::adapter_files(entry)) request.adapters.push_back(folder.path(file));
  return ipa_test::load_golden_models(std::move(request));
}

double latents_error(ipa::ModelSet& models, const GoldenFolder& folder, const Json& entry,
                     const ipa::GenerateRequest& request) {
  const auto result = ipa_test::generate(models, request, nullptr, nullptr);
  CHECK_OK(result.status());
  if (!result.ok()) return 1;
  return ipa_test::relative_error(result.value().latents.back(), folder.output(entry, "latents").values);
}

// On a GPU the VAE's encoder is in bf16, which the latents begin with.
double lost() {
  const auto in_calls = ipa_test::lost_in_calls();
  return in_calls ? std::max(6e-2, in_calls->latents) : 0;
}

void check_latents(const std::string& unet, int least_cases) {
  const GoldenFolder folder("source-pictures");
  ipa_test::ErrorReport report(unet + " latents", allowed_latents, lost());
  int ran = 0;
  for (const Json* entry : folder.cases("pipeline")) {
    if (entry->find("unet")->string() != unet) continue;
    const auto models = load(folder, *entry);
    if (!models) return;
    report.add(entry->find("name")->string(),
               latents_error(*models, folder, *entry, golden_request(folder, *entry)));
    ++ran;
  }
  CHECK(ran >= least_cases);
}

// The message of a refused request; "" when it is not refused as an invalid option.
std::string refusal(ipa::ModelSet& models, const ipa::GenerateRequest& request) {
  const ipa::Status status = ipa_test::generate(models, request, nullptr, nullptr).status();
  return status.code() == ipa::Code::invalid_option ? status.text() : "";
}

// A small model in one file whose UNet reads `channels`; to those beside the latents it gives no weight.
std::string widened_file(int64_t channels) {
  const std::string path = ipa_test::scratch_folder() + "/widened-" + std::to_string(channels) + ".safetensors";
  const auto source = ipa::open_safetensors(models_folder() + "single-sd1/model.safetensors");
  CHECK_OK(source.status());
  if (!source.ok()) return path;
  std::vector<std::vector<float>> values;
  std::vector<ipa::TensorToWrite> tensors;
  for (const ipa::TensorInfo& info : source.value()->tensors()) {
    values.emplace_back(static_cast<size_t>(info.elements()));
    CHECK_OK(source.value()->read_f32(info, values.back().data()));
    std::vector<int64_t> shape = info.shape;
    if (info.name == "model.diffusion_model.input_blocks.0.0.weight") {
      const std::vector<float> narrow = std::move(values.back());
      const auto before = static_cast<size_t>(shape[1] * 9), after = static_cast<size_t>(channels * 9);
      values.back().assign(static_cast<size_t>(shape[0]) * after, 0.0f);
      for (size_t row = 0; row < static_cast<size_t>(shape[0]); ++row)
        std::copy_n(narrow.begin() + static_cast<int64_t>(row * before), before,
                    values.back().begin() + static_cast<int64_t>(row * after));
      shape[1] = channels;
    }
    tensors.push_back({info.name, shape, nullptr, ipa::DType::f32});
  }
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].data = values[i].data();
  CHECK_OK(ipa::write_safetensors(path, tensors));
  return path;
}

}  // namespace

TEST(pipeline_inpainting_sd15_matches_diffusers) { check_latents("sd15-inpaint", 9); }
TEST(pipeline_inpainting_sdxl_matches_diffusers) { check_latents("sdxl-inpaint", 6); }
TEST(pipeline_instruct_sd15_matches_diffusers) { check_latents("sd15-instruct", 9); }
TEST(pipeline_instruct_sdxl_matches_diffusers) { check_latents("sdxl-instruct", 4); }

// The picture is encoded once, but each seed draws its own latents from it.
TEST(pipeline_inpainting_gives_a_seed_the_same_picture_among_others) {
  const GoldenFolder folder("source-pictures");
  const Json* entry = ipa_test::find_case(folder, "pipeline", "sd15-inpaint-euler_a");
  if (!entry) return;
  const auto models = load(folder, *entry);
  if (!models) return;
  ipa::GenerateRequest request = golden_request(folder, *entry);
  request.seeds.insert(request.seeds.begin(), 1);
  ipa_test::ErrorReport report("latents among others", allowed_latents, lost());
  report.add("sd15-inpaint-euler_a", latents_error(*models, folder, *entry, request));
}

TEST(pipeline_source_memory_is_what_was_planned) {
  const GoldenFolder folder("source-pictures");
  for (const char* name : {"sd15-inpaint-base", "sd15-instruct-plus", "sdxl-inpaint-guided"}) {
    const Json* entry = ipa_test::find_case(folder, "pipeline", name);
    if (!entry) return;
    const auto models = load(folder, *entry);
    if (!models) return;
    ipa::GenerateRequest request = golden_request(folder, *entry);
    request.width = request.height = 160;
    request.vae_tiling = ipa::Tiling::off;
    ipa_test::check_begin_bytes(*models, request);
    // Pixels may be left out where only sizes are asked for.
    const auto whole = ipa::estimate_memory(*models, request);
    request.image->rgb.clear();
    if (request.mask) request.mask->rgb.clear();
    const auto sizes = ipa::estimate_memory(*models, request);
    CHECK_OK(whole.status());
    CHECK_OK(sizes.status());
    if (whole.ok() && sizes.ok()) CHECK_EQ(sizes.value().working, whole.value().working);
  }
}

TEST(pipeline_reads_the_vae_encoder_when_a_picture_needs_it) {
  const GoldenFolder folder("source-pictures");
  const Json* entry = ipa_test::find_case(folder, "pipeline", "sd15-inpaint-guided");
  const auto plain = ipa_test::load_golden_models("sd15", {});
  const auto inpainting = ipa_test::load_golden_models(load_request(folder, "sd15", "sd15-inpaint"));
  if (!entry || !plain || !inpainting) return;
  CHECK(!plain->vae_encoder->loaded());
  CHECK(inpainting->vae_encoder->loaded());
  const ipa::GenerateRequest request = golden_request(folder, *entry);
  const auto planned = ipa::estimate_memory(*plain, request);
  CHECK_OK(planned.status());
  CHECK(!plain->vae_encoder->loaded());
  CHECK_OK(ipa_test::generate(*plain, request, nullptr, nullptr).status());
  CHECK(plain->vae_encoder->loaded());
  if (planned.ok()) CHECK_EQ(planned.value().weights, plain->memory_bytes());
}

TEST(pipeline_says_which_pictures_a_model_takes) {
  const GoldenFolder folder("source-pictures");
  const Json* inpaint_case = ipa_test::find_case(folder, "pipeline", "sd15-inpaint-guided");
  const Json* instruct_case = ipa_test::find_case(folder, "pipeline", "sd15-instruct-guided");
  const auto plain = ipa_test::load_golden_models("sd15", {});
  if (!inpaint_case || !instruct_case || !plain) return;
  const auto inpainting = load(folder, *inpaint_case), instruct = load(folder, *instruct_case);
  if (!inpainting || !instruct) return;
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };

  const ipa::GenerateRequest both = golden_request(folder, *inpaint_case);
  CHECK_EQ(refusal(*plain, both), std::string());
  CHECK(has(refusal(*instruct, both), "mask: this instruct model changes the whole picture"));
  ipa::GenerateRequest none = both;
  none.image.reset();
  none.mask.reset();
  CHECK(has(refusal(*inpainting, none), "add image and mask"));
  CHECK(has(refusal(*instruct, none), "add image"));
  ipa::GenerateRequest image = both;
  image.mask.reset();
  CHECK(has(refusal(*inpainting, image), "mask: this inpainting model"));
  image.image_guidance = 0.5f;
  CHECK(has(refusal(*instruct, image), "imageGuidance: expected a finite number between 1 and 100"));
  image = both;
  image.image->rgb.pop_back();
  CHECK(has(refusal(*inpainting, image), "image: expected 3 * width * height bytes"));
}

// The kind of model is read off the first convolution of a file under the original names.
TEST(pipeline_single_files_of_inpainting_and_instruct_models) {
  ipa::GenerateRequest request;
  ipa::TokenChunks prompt{{298, 5, 17, 80, 299}, {}}, negative{{298, 44, 299}, {}};
  for (ipa::TokenChunks* chunks : {&prompt, &negative}) {
    chunks->ids.resize(16, 299);
    chunks->weights.assign(16, 1.0f);
  }
  request.prompt = {prompt};
  request.negative = {negative};
  request.steps = 2;
  request.seeds = {7};
  request.width = request.height = 16;
  request.decode = false;
  std::vector<float> expected;
  for (auto [channels, task] : {std::pair{int64_t{4}, ipa::Task::text_to_image},
                                {int64_t{9}, ipa::Task::inpainting},
                                {int64_t{8}, ipa::Task::instruct}}) {
    ipa::LoadRequest file;
    file.model = widened_file(channels);
    const auto models = ipa_test::load_golden_models(std::move(file));
    if (!models) return;
    CHECK(models->task() == task);
    const ipa::ImagePrompt picture = ipa_test::golden_picture("images/square-64.png");
    request.image.reset();
    request.mask.reset();
    if (channels > 4) request.image = ipa::Picture{picture.rgb, picture.width, picture.height};
    if (channels == 9) request.mask = request.image;
    const auto result = ipa_test::generate(*models, request, nullptr, nullptr);
    CHECK_OK(result.status());
    if (!result.ok()) continue;
    if (channels == 4) expected = result.value().latents.front();
    // Without weight on what is beside the latents, all make the same of the prompt.
    CHECK(ipa_test::relative_error(result.value().latents.front(), expected) < 1e-4);
  }
}

TEST(pipeline_refuses_unets_that_read_something_else) {
  ipa::LoadRequest file;
  file.model = widened_file(5);
  const ipa::Status status = ipa::ModelSet::load(file, nullptr).status();
  CHECK(status.code() == ipa::Code::unsupported);
  CHECK(status.message().find("5 input channels") != std::string::npos);
}
