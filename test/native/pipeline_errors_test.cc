// Parts that do not belong together and requests that cannot be met:
// each gives its code and says what to do instead.
#include <filesystem>
#include <limits>

#include "golden_pipeline.h"
#include "harness.h"
#include "pipeline/load/load_fields.h"
#include "pipeline/request_fields.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/write/safetensors_writer.h"

namespace {

using ipa::Code;
using ipa::GenerateRequest;
using ipa::LoadRequest;
using ipa::ModelSet;
using ipa::Status;
using ipa_test::GoldenFolder;

std::string golden_model(const std::string& name) { return ipa_test::golden_folder() + "/models/" + name; }

// The status must have this code, and its message must contain all of `parts`.
void check_error(const char* file, int line, const Status& status, Code code,
                 const std::vector<std::string>& parts) {
  if (status.code() != code)
    ipa_test::fail(file, line,
                   std::string("expected ") + error_name(code) + ", got " + error_name(status.code()) + ": " +
                       status.message());
  for (const std::string& part : parts)
    if (status.text().find(part) == std::string::npos)
      ipa_test::fail(file, line, "\"" + part + "\" is not in the message: " + status.text());
}
#define CHECK_ERROR(status, code, ...) check_error(__FILE__, __LINE__, (status), (code), {__VA_ARGS__})

Status load(const std::string& model, const std::vector<std::string>& adapters = {},
            const std::string& encoder = "") {
  LoadRequest request;
  request.model = model;
  request.adapters.assign(adapters.begin(), adapters.end());
  request.image_encoder = encoder;
  request.threads = 2;
  return ModelSet::load(request, nullptr).status();
}

// A copy of a golden model to spoil, without its reference tensors.
std::string copy_model(const std::string& name) {
  namespace fs = std::filesystem;
  static int number = 0;
  const fs::path to = fs::path(ipa_test::scratch_folder()) / ("spoiled-" + std::to_string(number++));
  fs::create_directory(to);
  for (const fs::directory_entry& part : fs::directory_iterator(golden_model(name)))
    if (part.is_directory()) fs::copy(part.path(), to / part.path().filename());
  return to.generic_string();
}

void replace_part(const std::string& model, const std::string& part, const std::string& from) {
  std::filesystem::remove_all(model + "/" + part);
  std::filesystem::copy(golden_model(from) + "/" + part, model + "/" + part);
}

// Writes a weight file anew with one tensor left out, or under a shape of one more row.
enum class Damage { missing, reshaped };
void damage(const std::string& path, const std::string& tensor, Damage kind) {
  std::vector<std::vector<float>> values;
  std::vector<ipa::TensorToWrite> tensors;
  {
    const auto source = ipa::open_safetensors(path);
    CHECK_OK(source.status());
    if (!source.ok()) return;
    CHECK(source.value()->find(tensor) != nullptr);
    for (const ipa::TensorInfo& info : source.value()->tensors()) {
      if (info.name == tensor && kind == Damage::missing) continue;
      std::vector<int64_t> shape = info.shape;
      values.emplace_back(static_cast<size_t>(info.elements()));
      CHECK_OK(source.value()->read_f32(info, values.back().data()));
      if (info.name == tensor) {
        values.back().resize(values.back().size() / static_cast<size_t>(shape[0]) *
                             static_cast<size_t>(shape[0] + 1));
        ++shape[0];
      }
      tensors.push_back({info.name, shape, nullptr, ipa::DType::f32});
    }
  }
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].data = values[i].data();
  CHECK_OK(ipa::write_safetensors(path, tensors));
}

GenerateRequest request_of(const std::string& model, const std::string& name) {
  const GoldenFolder folder(model);
  const ipa::Json* entry = ipa_test::find_case(folder, "pipeline", name);
  return entry ? golden_request(folder, *entry) : GenerateRequest();
}

Status status_of(const ModelSet& models, const GenerateRequest& request) {
  return ipa_test::generate(models, request, nullptr, nullptr).status();
}

}  // namespace

TEST(pipeline_refuses_adapters_of_another_model) {
  const std::string sd15 = golden_model("sd15"), sdxl = golden_model("sdxl"), sd2 = golden_model("sd2");
  const std::string base = "/adapters/base.safetensors", plus = "/adapters/plus.safetensors",
                    full = "/adapters/full.safetensors";
  for (const std::string& file : {base, plus, full}) {
    CHECK_ERROR(load(sd15, {sdxl + file}), Code::mismatch, sdxl + file, "width 72", "width 32",
                "use an adapter made for this model family");
    CHECK_ERROR(load(sdxl, {sd15 + file}), Code::mismatch, "use an adapter made for this model family");
    // The same width of tokens, another UNet.
    CHECK_ERROR(load(sd15, {sd2 + file}), Code::mismatch, "made for another UNet",
                "use an adapter made for this model family");
    CHECK_OK(load(sd15, {sd15 + file}));
  }
  // One that fits does not hide one that does not.
  CHECK_ERROR(load(sd15, {sd15 + base, sdxl + plus}), Code::mismatch, sdxl + plus);
  CHECK_ERROR(load(sd15, {sd15 + "/adapters/none.safetensors"}), Code::not_found, "none.safetensors");
  CHECK_ERROR(load(sd15, {sd15 + "/unet/diffusion_pytorch_model.safetensors"}), Code::mismatch, "IP-Adapter");
}

TEST(pipeline_refuses_the_wrong_image_encoder) {
  const std::string sd15 = golden_model("sd15"), other = golden_model("sdxl") + "/image_encoder";
  // Embeddings of 24 and hidden states of 32 are needed; this encoder gives 28 and 40.
  CHECK_ERROR(load(sd15, {sd15 + "/adapters/base.safetensors"}, other), Code::mismatch, "size 24", "28",
              "imageEncoder");
  CHECK_ERROR(load(sd15, {sd15 + "/adapters/plus.safetensors"}, other), Code::mismatch, "size 32", "40",
              "imageEncoder");
  CHECK_ERROR(load(sd15, {sd15 + "/adapters/full.safetensors"}, other), Code::mismatch, "size 32", "40",
              "imageEncoder");
  CHECK_OK(load(sd15, {sd15 + "/adapters/base.safetensors"}, golden_model("sd2") + "/image_encoder"));
  CHECK_ERROR(load(sd15, {}, sd15 + "/none"), Code::not_found, "none", "config.json");
}

TEST(pipeline_without_an_image_encoder_takes_embeds) {
  const std::string model = copy_model("sd15");
  std::filesystem::remove_all(model + "/image_encoder");
  LoadRequest load_request;
  load_request.model = model;
  load_request.adapters = {model + "/adapters/base.safetensors", model + "/adapters/plus.safetensors"};
  auto loaded = ModelSet::load(load_request, nullptr);
  CHECK_OK(loaded.status());
  if (!loaded.ok()) return;
  ModelSet& models = *loaded.value();
  GenerateRequest request = request_of("sd15", "base-square-embeds");
  request.steps = 2;
  CHECK_OK(status_of(models, request));
  request.branches = request_of("sd15", "base-square").branches;
  CHECK_ERROR(status_of(models, request), Code::not_found, "size 24", "imageEncoder");
  // The negative half of a plus adapter is the encoder's answer to a blank picture;
  // without that half none is needed.
  request.branches = request_of("sd15", "plus-square-embeds").branches;
  request.branches.front().adapter = 1;
  CHECK_ERROR(status_of(models, request), Code::not_found, "size 32", "imageEncoder");
  request.guidance = 1;
  CHECK_OK(status_of(models, request));
}

TEST(pipeline_names_missing_and_misshapen_tensors) {
  const std::string unet = "unet/diffusion_pytorch_model.safetensors",
                    vae = "vae/diffusion_pytorch_model.safetensors";
  const std::string text = "text_encoder/model.safetensors", vision = "image_encoder/model.safetensors";
  const std::pair<std::string, std::string> parts[] = {
      {unet, "mid_block.resnets.0.conv1.weight"},
      {unet, "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"},
      {vae, "decoder.conv_in.bias"},
      {text, "encoder.layers.1.mlp.fc1.weight"},
      {vision, "vision_model.embeddings.patch_embedding.weight"},
  };
  for (const auto& [file, tensor] : parts)
    for (Damage kind : {Damage::missing, Damage::reshaped}) {
      const std::string model = copy_model("sd15");
      damage(model + "/" + file, tensor, kind);
      const Code code = kind == Damage::missing ? Code::missing_tensor : Code::shape;
      CHECK_ERROR(load(model), code, tensor, file.substr(0, file.find('/')), "config.json");
      std::filesystem::remove_all(model);
    }
  const std::string model = copy_model("sd15"), adapter = model + "/adapters/plus.safetensors";
  damage(adapter, "image_proj.layers.0.0.to_kv.weight", Damage::reshaped);
  CHECK_ERROR(load(model, {adapter}), Code::shape, adapter, "to_kv.weight");
  damage(adapter, "image_proj.layers.0.0.to_kv.weight", Damage::missing);
  CHECK_ERROR(load(model, {adapter}), Code::missing_tensor, adapter, "to_kv.weight");
}

TEST(pipeline_refuses_folders_that_are_no_text_to_image_model) {
  CHECK_ERROR(load(golden_model("none")), Code::not_found, "none", "diffusers layout");
  CHECK_ERROR(load(golden_model("vision-odd")), Code::not_found, "unet/", "diffusers layout");
  const std::string model = copy_model("sd15");
  for (const char* name : {"unet-class-timestep", "unet-class-projection"}) {
    replace_part(model, "unet", name);
    CHECK_ERROR(load(model), Code::unsupported, "class-conditional", "pass a text-to-image model");
  }
  replace_part(model, "unet", "unet-lcm");
  CHECK_ERROR(load(model), Code::mismatch, "32", "24", "text_encoder and unet do not belong together");
  replace_part(model, "unet", "sd15");
  CHECK_OK(load(model));
  for (const char* part : {"vae", "text_encoder"}) {
    std::filesystem::remove_all(model + "/" + part);
    CHECK_ERROR(load(model), Code::not_found, part, "diffusers layout");
    replace_part(model, part, "sd15");
  }
}

TEST(pipeline_refuses_token_ids_that_do_not_fit) {
  const auto sd15 = ipa_test::load_golden_models("sd15", {});
  const auto sdxl = ipa_test::load_golden_models("sdxl", {});
  if (!sd15 || !sdxl) return;
  const GenerateRequest good = request_of("sd15", "ddim-4steps");
  for (int32_t id : {1252, -1, std::numeric_limits<int32_t>::max()}) {
    GenerateRequest request = good;
    request.prompt[0].ids[3] = id;
    CHECK_ERROR(status_of(*sd15, request), Code::mismatch, std::to_string(id), "1252", "tokenizer");
    request = good;
    request.negative[0].ids[15] = id;
    CHECK_ERROR(status_of(*sd15, request), Code::mismatch, std::to_string(id), "1252", "tokenizer");
  }
  GenerateRequest request = good;
  request.prompt[0].ids.pop_back();
  CHECK_ERROR(status_of(*sd15, request), Code::invalid_option, "chunks of 16");
  request.prompt[0].ids.clear();
  CHECK_ERROR(status_of(*sd15, request), Code::invalid_option, "chunks of 16");
  request = good;
  request.prompt[0].weights.pop_back();
  CHECK_ERROR(status_of(*sd15, request), Code::invalid_option, "weight");
  // A prompt of two chunks needs a negative prompt of two.
  request = good;
  request.prompt[0].ids.insert(request.prompt[0].ids.end(), good.prompt[0].ids.begin(),
                               good.prompt[0].ids.end());
  request.prompt[0].weights.resize(32, 1.0f);
  CHECK_ERROR(status_of(*sd15, request), Code::invalid_option, "same number of chunks");
  request.negative = request.prompt;
  CHECK_OK(status_of(*sd15, request));
  request.negative.clear();
  CHECK_ERROR(status_of(*sd15, request), Code::invalid_option, "negative prompt, which may be empty");

  GenerateRequest two = request_of("sdxl", "euler-negative");
  two.steps = 2;
  two.prompt[1].ids.insert(two.prompt[1].ids.end(), two.prompt[1].ids.begin(), two.prompt[1].ids.end());
  two.prompt[1].weights.resize(32, 1.0f);
  CHECK_ERROR(status_of(*sdxl, two), Code::invalid_option, "different length");
  two.prompt.pop_back();
  CHECK_ERROR(status_of(*sdxl, two), Code::invalid_option, "2 text encoders");
}

TEST(pipeline_refuses_requests_out_of_range) {
  const auto models = ipa_test::load_golden_models("sd15", {"adapters/base.safetensors"});
  if (!models) return;
  const GenerateRequest good = request_of("sd15", "ddim-4steps");
  auto changed = [&](auto change) {
    GenerateRequest request = good;
    change(request);
    return status_of(*models, request);
  };
  for (int64_t side : {int64_t{60}, int64_t{65}, int64_t{4095}}) {
    CHECK_ERROR(changed([&](GenerateRequest& r) { r.width = side; }), Code::invalid_option, "width",
                "multiple of 8", std::to_string(side));
    CHECK_ERROR(changed([&](GenerateRequest& r) { r.height = side; }), Code::invalid_option, "height",
                "multiple of 8", std::to_string(side));
  }
  for (const ipa::RequestField& field : ipa::request_fields()) {
    if (!field.names.empty() || field.is_boolean()) continue;
    const std::string path = field.path, option = path.substr(0, path.find('.'));
    for (double value : {field.least - 1, field.most + 1, std::numeric_limits<double>::quiet_NaN()}) {
      // A default may lie outside of the range: nothing was given.
      if (!field.holds(value) || value == field.get(GenerateRequest())) continue;
      CHECK_ERROR(changed([&](GenerateRequest& r) { field.set(r, value); }), Code::invalid_option, option,
                  "between");
    }
  }
  CHECK_ERROR(changed([](GenerateRequest& r) { r.seeds.clear(); }), Code::invalid_option, "seeds");
  CHECK_ERROR(changed([](GenerateRequest& r) { r.scheduler = "dpm3"; }), Code::invalid_option, "dpm3", "euler");
  CHECK_ERROR(changed([](GenerateRequest& r) { r.guidance = std::numeric_limits<float>::quiet_NaN(); }),
              Code::invalid_option, "guidance", "finite");
  CHECK_OK(changed([](GenerateRequest&) {}));
}

TEST(pipeline_refuses_loads_out_of_range) {
  for (const ipa::LoadField& field : ipa::load_fields()) {
    if (!field.names.empty() || field.is_boolean()) continue;
    for (double value : {field.least - 1, field.most + 1, std::numeric_limits<double>::quiet_NaN()}) {
      if (!field.holds(value)) continue;
      LoadRequest request;
      request.model = golden_model("sd15");
      field.set(request, value);
      CHECK_ERROR(ModelSet::load(request, nullptr).status(), Code::invalid_option, field.path, "between");
    }
  }
  LoadRequest request;
  request.model = golden_model("sd15");
  request.prediction = "noise";
  CHECK_ERROR(ModelSet::load(request, nullptr).status(), Code::invalid_option, "prediction",
              "\"epsilon\", \"v\" or \"sample\"");
}

TEST(pipeline_refuses_image_prompts_that_do_not_fit) {
  const auto models =
      ipa_test::load_golden_models("sd15", {"adapters/base.safetensors", "adapters/plus.safetensors"});
  if (!models) return;
  const GenerateRequest good = request_of("sd15", "ddim-4steps");
  auto with = [&](int adapter, const std::vector<size_t>& embeds) {
    GenerateRequest request = good;
    ipa::ImageBranch branch;
    branch.adapter = adapter;
    for (size_t size : embeds) {
      branch.images.emplace_back();
      branch.images.back().embeds.assign(size, 0.25f);
    }
    request.branches = {branch};
    return status_of(*models, request);
  };
  CHECK_ERROR(with(2, {24}), Code::invalid_option, "no adapter 2", "2 loaded");
  CHECK_ERROR(with(-1, {24}), Code::invalid_option, "no adapter -1", "2 loaded");
  CHECK_ERROR(with(0, {}), Code::invalid_option, "imagePrompts", "at least one picture");
  CHECK_ERROR(with(0, {23}), Code::mismatch, "23", "24");
  CHECK_ERROR(with(0, {48}), Code::mismatch, "48", "24");
  CHECK_ERROR(with(0, {24, 25}), Code::mismatch, "25", "24");
  CHECK_ERROR(with(1, {17 * 32 - 1}), Code::mismatch, "543", "hidden states of 32");
  CHECK_ERROR(with(1, {17 * 32, 16 * 32}), Code::mismatch, "512");
  // Hidden states, but not as many as the encoder of the negative half gives.
  CHECK_ERROR(with(1, {16 * 32}), Code::mismatch, "512", "544", "this image encoder");
  CHECK_OK(with(0, {24, 24}));
  CHECK_OK(with(1, {17 * 32}));

  GenerateRequest request = good;
  request.branches.emplace_back();
  request.branches.front().images.emplace_back();
  CHECK_ERROR(status_of(*models, request), Code::limit, "at least one pixel");
  // A refused request leaves the models as they were.
  CHECK_OK(status_of(*models, good));
}
