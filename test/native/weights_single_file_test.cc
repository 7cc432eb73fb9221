// Models in one file under the original names: recognised and configured by their tensors,
// and every network gives what diffusers and transformers give with the weights under their names.
#include <cstring>
#include <tuple>

#include "golden_case.h"
#include "harness.h"
#include "models/clip_text.h"
#include "models/unet.h"
#include "models/vae.h"
#include "pipeline/load/components.h"
#include "pipeline/load/model_set.h"
#include "safetensors_build.h"
#include "weights/describe/inspect.h"
#include "weights/describe/single_file.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/write/convert.h"
#include "weights/write/safetensors_writer.h"

namespace {

using ipa::Json;
using ipa::SingleFile;
using ipa::Value;
using ipa_test::channels_last;
using ipa_test::ErrorReport;
using ipa_test::GoldenFolder;
using ipa_test::NetworkRun;
using ipa_test::relative_error;
using ipa_test::Tensor;

constexpr double allowed = 1e-4;

std::unique_ptr<ipa::TensorSource> open_file(const std::string& path) {
  auto source = ipa::open_safetensors(path);
  CHECK_OK(source.status());
  return source.ok() ? source.take() : nullptr;
}

std::vector<std::string> names_of(const ipa::ParamSet& params) {
  std::vector<std::string> names;
  for (const auto& param : params.all()) names.insert(names.end(), param->names.begin(), param->names.end());
  return names;
}

void check_unet(const GoldenFolder& folder, const SingleFile& file) {
  CHECK_OK(file.unet->check("the file"));
  const ipa::UNet unet(*file.unet);
  const ipa::UNetConfig& c = unet.config();
  ErrorReport report(folder.name() + " unet", allowed, ipa_test::lost_in_unet(folder.name()));
  for (const Json* entry : folder.cases("unet")) {
    const Tensor sample = channels_last(folder.input(*entry, "sample"));
    const Tensor text = folder.input(*entry, "encoder_hidden_states");
    const int64_t n = sample.size(0);
    auto sinusoid = [&](double value, int64_t size) {
      std::vector<float> result(static_cast<size_t>(size));
      ipa::timestep_sinusoid(value, size, c.flip_sin_to_cos, c.freq_shift, result.data());
      return result;
    };
    NetworkRun run("the UNet");
    ipa::UNetInputs inputs;
    inputs.latents = run.input({n, sample.size(1), sample.size(2), sample.size(3)}, sample.values);
    inputs.sinusoid =
        run.input({1, 1, 1, c.sinusoid_size()}, sinusoid(entry->find("timestep")->number(), c.sinusoid_size()));
    inputs.text_kv =
        ipa::build_text_keys(run.graph(), unet.cross_layers(),
                             run.input(ipa::tokens_shape(n, text.size(1), text.size(2)), text.values));
    if (c.text_time) {
      const Tensor pooled = folder.input(*entry, "text_embeds"), sizes = folder.input(*entry, "time_ids");
      std::vector<float> rows;
      for (int64_t i = 0; i < n; ++i) {
        const auto from = pooled.values.begin() + i * pooled.size(1);
        rows.insert(rows.end(), from, from + pooled.size(1));
        for (int64_t k = 0; k < sizes.size(1); ++k) {
          const auto size = static_cast<double>(sizes.values[static_cast<size_t>(i * sizes.size(1) + k)]);
          const std::vector<float> part = sinusoid(size, c.addition_time_size);
          rows.insert(rows.end(), part.begin(), part.end());
        }
      }
      inputs.addition = run.input({n, 1, 1, c.addition_input_size}, rows);
    }
    const Value output = unet.build(run.graph(), inputs);
    auto weights = ipa::single_file_unet(file, open_file(folder.path("model.safetensors")),
                                         names_of(*run.graph().params()));
    if (!run.run(weights, {output})) return;
    report.add(entry->find("name")->string(),
               relative_error(run.result(output), channels_last(folder.output(*entry, "sample")).values));
  }
}

void check_vae(const GoldenFolder& folder, const SingleFile& file) {
  CHECK_OK(file.vae->check("the file"));
  const ipa::Vae vae(*file.vae);
  ErrorReport report(folder.name() + " vae", allowed);
  for (const Json* entry : folder.cases("vae")) {
    const bool encoding = GoldenFolder::has(*entry, "inputs", "sample");
    const Tensor in = channels_last(folder.input(*entry, encoding ? "sample" : "latents"));
    NetworkRun run("the VAE");
    const Value input = run.input({in.size(0), in.size(1), in.size(2), in.size(3)}, in.values);
    const Value output = encoding ? vae.encode(run.graph(), input) : vae.decode(run.graph(), input);
    auto weights = ipa::single_file_vae(file, open_file(folder.path("model.safetensors")),
                                        names_of(*run.graph().params()));
    if (!run.run(weights, {output})) return;
    std::vector<float> result = run.result(output);
    if (encoding) {  // the mean comes first
      std::vector<float> mean;
      const auto half = static_cast<size_t>(vae.config().latent_channels);
      for (size_t row = 0; row < result.size(); row += 2 * half)
        mean.insert(mean.end(), result.begin() + static_cast<int64_t>(row),
                    result.begin() + static_cast<int64_t>(row + half));
      result = mean;
    }
    report.add(
        entry->find("name")->string(),
        relative_error(result, channels_last(folder.output(*entry, encoding ? "mean" : "sample")).values));
  }
}

void check_text(const GoldenFolder& folder, const ipa::SingleFileText& text, const std::string& network) {
  CHECK_OK(text.config.check("the file"));
  const ipa::ClipTextConfig& c = text.config;
  ErrorReport report(folder.name() + " " + network, allowed);
  for (const Json* entry : folder.cases(network)) {
    const Tensor tokens = folder.input(*entry, "input_ids");
    const int64_t n = tokens.size(0);
    const std::vector<int32_t> ids = ipa_test::as_ids(tokens);
    std::vector<int32_t> eos;
    for (int64_t i = 0; i < n; ++i)
      eos.push_back(static_cast<int32_t>(i * c.context + c.eos_position(ids.data() + i * c.context)));
    NetworkRun run("the text encoder");
    const Value id_input = run.ids(ipa::tokens_shape(n, c.context, 1), ids);
    const Value eos_input = c.projection_size ? run.ids({n, 1, 1, 1}, eos) : Value{};
    const ipa::ClipText::Outputs outputs = ipa::ClipText(c).build(run.graph(), id_input, eos_input);
    std::vector<Value> wanted = {outputs.last, outputs.penultimate};
    if (outputs.pooled.valid()) wanted.push_back(outputs.pooled);
    auto weights = ipa::single_file_text(text, open_file(folder.path("model.safetensors")),
                                         names_of(*run.graph().params()));
    if (!run.run(weights, wanted)) return;
    const std::string title = entry->find("name")->string();
    report.add(title + " last",
               relative_error(run.result(outputs.last), folder.output(*entry, "last_hidden_state").values));
    report.add(title + " penultimate",
               relative_error(run.result(outputs.penultimate), folder.output(*entry, "penultimate").values));
    CHECK_EQ(outputs.pooled.valid(), GoldenFolder::has(*entry, "outputs", "text_embeds"));
    if (outputs.pooled.valid())
      report.add(title + " pooled",
                 relative_error(run.result(outputs.pooled), folder.output(*entry, "text_embeds").values));
  }
}

void check_family(const std::string& name, const std::string& family, const std::string& scheduler,
                  const std::string& prediction) {
  const GoldenFolder folder(name);
  const auto source = open_file(folder.path("model.safetensors"));
  if (!source) return;
  CHECK(ipa::is_single_file(*source));
  const auto file = ipa::read_single_file(*source);
  CHECK_OK(file.status());
  if (!file.ok()) return;
  CHECK_EQ(file.value().family, family);
  CHECK_EQ(file.value().scheduler.find("_class_name")->string(), scheduler);
  CHECK_EQ(file.value().usual_prediction.value, prediction);
  CHECK(!file.value().marks.prediction && !file.value().marks.zero_snr);
  check_unet(folder, file.value());
  check_vae(folder, file.value());
  CHECK_EQ(file.value().text.size(), size_t{family == "sdxl" ? 2u : 1u});
  for (size_t i = 0; i < file.value().text.size(); ++i)
    check_text(folder, file.value().text[i], i == 0 ? "text_encoder" : "text_encoder_2");
}

TEST(weights_single_file_sd1_matches_diffusers) {
  check_family("single-sd1", "sd1", "PNDMScheduler", "epsilon");
}
// The small model lacks the layer that tells what is predicted: then as diffusers assumes.
TEST(weights_single_file_sd2_matches_diffusers) {
  check_family("single-sd2", "sd2", "DDIMScheduler", "v_prediction");
}
TEST(weights_single_file_sdxl_matches_diffusers) {
  check_family("single-sdxl", "sdxl", "EulerDiscreteScheduler", "epsilon");
}

TEST(weights_single_file_ssd_matches_diffusers) {
  check_family("single-ssd", "sdxl", "EulerDiscreteScheduler", "epsilon");
}

// What an SD 2 model predicts shows in how far one bias is spread.
TEST_ONCE(weights_single_file_tells_velocities_from_noise) {
  const std::string name = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias";
  auto prediction = [&](float reach) {
    const std::string header =
        "{\"" + name + R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)" +
        R"("model.diffusion_model.input_blocks.0.0.weight":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},)" +
        R"("model.diffusion_model.input_blocks.1.0.in_layers.2.weight":{"dtype":"F32","shape":[32,1],"data_offsets":[12,140]},)" +
        R"("model.diffusion_model.input_blocks.1.1.proj_in.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[140,144]},)" +
        R"("cond_stage_model.model.token_embedding.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[144,148]},)" +
        R"("model.diffusion_model.output_blocks.0.1.proj_in.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[148,152]},)" +
        R"("model.diffusion_model.middle_block.1.transformer_blocks.0.norm1.weight":{"dtype":"F32","shape":[1],"data_offsets":[152,156]},)" +
        R"("model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[156,160]},)" +
        R"("cond_stage_model.model.positional_embedding":{"dtype":"F32","shape":[1,1],"data_offsets":[160,164]},)" +
        R"("cond_stage_model.model.transformer.resblocks.0.ln_1.weight":{"dtype":"F32","shape":[1],"data_offsets":[164,168]},)" +
        R"("cond_stage_model.model.transformer.resblocks.0.mlp.c_fc.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[168,172]}})";
    std::vector<uint8_t> bytes(8, 0);
    bytes[0] = static_cast<uint8_t>(header.size() & 255);
    bytes[1] = static_cast<uint8_t>(header.size() >> 8);
    bytes.insert(bytes.end(), header.begin(), header.end());
    const size_t data = bytes.size();
    bytes.resize(data + 172, 0);
    const float bias[2] = {-reach, reach};
    std::memcpy(bytes.data() + data, bias, sizeof bias);
    const auto source = ipa::open_safetensors_bytes(std::move(bytes), "a file");
    CHECK_OK(source.status());
    if (!source.ok()) return std::string();
    const auto file = ipa::read_single_file(*source.value());
    CHECK_OK(file.status());
    return file.ok() ? file.value().usual_prediction.value : std::string();
  };
  CHECK_EQ(prediction(0.2f), "v_prediction");
  CHECK_EQ(prediction(0.02f), "epsilon");
}

// A model in one file by the names and shapes of its tensors.
ipa::Result<SingleFile> read_names(const ipa_test::NamedShapes& tensors) {
  auto source = ipa::open_safetensors_bytes(ipa_test::zeros_safetensors(tensors), "a file");
  return source.ok() ? ipa::read_single_file(*source.value()) : source.status();
}

void check_missing(const ipa::Status& status, const std::string& tensor) {
  CHECK(status.code() == ipa::Code::missing_tensor);
  if (status.message().find(tensor) == std::string::npos)
    ipa_test::fail(__FILE__, __LINE__, tensor + " is not named in: " + status.message());
}

TEST_ONCE(weights_single_file_without_a_first_layer_names_it) {
  const ipa_test::NamedShapes tensors = {
      {"model.diffusion_model.input_blocks.0.0.weight", {1, 4, 3, 3}},
      {"model.diffusion_model.out.2.weight", {4, 1, 3, 3}},
      {"model.diffusion_model.middle_block.1.transformer_blocks.0.norm1.weight", {1}}};
  const std::string first = "model.diffusion_model.input_blocks.1.0.in_layers.2.weight";
  check_missing(read_names(tensors).status(), first);
  const std::string path = ipa_test::write_bytes(ipa_test::scratch_folder() + "/no-layers.safetensors",
                                                 ipa_test::zeros_safetensors(tensors));
  check_missing(ipa::inspect(path).status(), first);
}

// A file's tensors can say what no network is: the rules are those of a config.json.
TEST_ONCE(weights_single_file_of_absurd_sizes_is_refused) {
  const ipa_test::NamedShapes tensors = {{"input_blocks.0.0.weight", {1, 4, 3, 3}},
                                         {"input_blocks.1.0.in_layers.2.weight", {20000, 1}},
                                         {"middle_block.1.transformer_blocks.0.norm1.weight", {1}},
                                         {"out.2.weight", {4, 1, 3, 3}}};
  const auto source = ipa::open_safetensors_bytes(ipa_test::zeros_safetensors(tensors), "a file");
  CHECK_OK(source.status());
  if (!source.ok()) return;
  const auto file = ipa::read_single_unet(*source.value());
  CHECK_OK(file.status());
  if (!file.ok()) return;
  const ipa::Status status = file.value().unet->check("a file");
  CHECK(status.code() == ipa::Code::invalid_option);
  CHECK(status.message().find("a file: block_out_channels 20000: use a whole number from 1 to 16384") == 0);
}

// What is left of a golden file without the tensors whose names contain `gone`.
ipa_test::NamedShapes names_without(const std::string& golden, const std::string& gone) {
  ipa_test::NamedShapes kept;
  const auto source = open_file(GoldenFolder(golden).path("model.safetensors"));
  if (!source) return kept;
  for (const ipa::TensorInfo& info : source->tensors())
    if (info.name.find(gone) == std::string::npos) kept.emplace_back(info.name, info.shape);
  CHECK(kept.size() < source->tensors().size());
  return kept;
}

// A part whose tensors are all gone is told by the parts that belong with it.
TEST_ONCE(weights_single_file_misses_a_part_that_others_show) {
  check_missing(read_names(names_without("single-sd1", ".decoder.up.1.")).status(),
                "first_stage_model.decoder.up.1.block.0.conv1.weight");
  check_missing(read_names(names_without("single-sd1", ".middle_block.")).status(),
                "model.diffusion_model.middle_block.1.");
  check_missing(read_names(names_without("single-sd1", ".input_blocks.1.1.")).status(),
                "model.diffusion_model.input_blocks.1.1.proj_in.weight");
  for (const char* sized : {"first_stage_model.decoder.conv_in.weight",
                            "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight",
                            "cond_stage_model.transformer.text_model.encoder.layers.0.layer_norm1.weight",
                            "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight",
                            "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
                            "model.diffusion_model.input_blocks.3.0.in_layers.2.weight"})
    check_missing(read_names(names_without("single-sd1", sized)).status(), sized);
  for (const char* gone : {".decoder.mid.attn_1.", ".encoder.mid.attn_1."}) {
    const auto file = read_names(names_without("single-sd1", gone));
    CHECK_OK(file.status());
    if (file.ok()) CHECK(file.value().vae->mid_attention);
  }
  const auto file = read_names(names_without("single-sd1", ".post_quant_conv."));
  CHECK_OK(file.status());
  if (file.ok()) CHECK(file.value().vae->post_quant_conv);
}

// The published encoders' layers are known: ViT-L has 12, ViT-H 24, ViT-bigG 32.
TEST_ONCE(weights_single_file_misses_the_last_layers_of_a_text_encoder) {
  struct Row {
    const char *family, *prefix, *table, *layer, *norm;
    int64_t width, layers;
  };
  const char* sgm = "conditioner.embedders.0.transformer.text_model.";
  for (const Row& row :
       {Row{"sd1", "cond_stage_model.transformer.text_model.", "embeddings.token_embedding.weight",
            "encoder.layers.", ".layer_norm1.weight", 768, 12},
        Row{"sdxl", sgm, "embeddings.token_embedding.weight", "encoder.layers.", ".layer_norm1.weight", 768,
            12},
        Row{"sd2", "cond_stage_model.model.", "token_embedding.weight", "transformer.resblocks.",
            ".ln_1.weight", 1024, 23},
        Row{"sdxl", "conditioner.embedders.1.model.", "token_embedding.weight", "transformer.resblocks.",
            ".ln_1.weight", 1280, 32}}) {
    const std::string prefix = row.prefix;
    for (const int64_t layers : {row.layers, row.layers - 1}) {
      ipa_test::NamedShapes tensors = {{prefix + row.table, {1, row.width}}};
      for (int64_t i = 0; i < layers; ++i)
        tensors.push_back({prefix + row.layer + std::to_string(i) + row.norm, {1}});
      const auto source = ipa::open_safetensors_bytes(ipa_test::zeros_safetensors(tensors), "a file");
      CHECK_OK(source.status());
      if (!source.ok()) continue;
      const auto texts = ipa::find_original_texts(*source.value(), row.family);
      if (layers == row.layers) {
        CHECK_OK(texts.status());
      } else {
        check_missing(texts.status(), prefix + row.layer + std::to_string(layers));
      }
    }
  }
}

// SDXL has ten transformer blocks in every attention of its lowest level and middle; distilled models differ.
TEST_ONCE(weights_single_file_misses_a_transformer_block_of_sdxl) {
  const std::string unet = "model.diffusion_model.";
  const std::vector<std::string> attentions = {"input_blocks.1.1",  "input_blocks.2.1",  "middle_block.1",
                                               "output_blocks.0.1", "output_blocks.1.1", "output_blocks.2.1"};
  const auto read = [&](int depth, const std::string& shorter, bool middle) {
    ipa_test::NamedShapes tensors = {{unet + "input_blocks.0.0.weight", {32, 4, 3, 3}},
                                     {unet + "out.2.weight", {4, 32, 3, 3}},
                                     {unet + "label_emb.0.0.weight", {1, 2816}}};
    for (const char* block : {"input_blocks.1", "input_blocks.2", "middle_block"})
      tensors.push_back({unet + block + ".0.in_layers.2.weight", {32, 32, 3, 3}});
    for (const std::string& attention : attentions) {
      if (!middle && attention == "middle_block.1") continue;
      tensors.push_back({unet + attention + ".proj_in.weight", {32, 32}});
      for (int i = 0; i < depth - (attention == shorter ? 1 : 0); ++i)
        tensors.push_back(
            {unet + attention + ".transformer_blocks." + std::to_string(i) + ".norm1.weight", {32}});
    }
    const std::string text = "conditioner.embedders.0.transformer.text_model.";
    for (const char* name : {"embeddings.token_embedding.weight", "embeddings.position_embedding.weight",
                             "encoder.layers.0.layer_norm1.weight", "encoder.layers.0.mlp.fc1.weight"})
      tensors.push_back({text + name, {1, 64}});
    for (const char* block : {"input_blocks.1", "input_blocks.2"})
      tensors.push_back({unet + block + ".1.transformer_blocks.0.attn2.to_k.weight", {32, 64}});
    return read_names(tensors).status();
  };
  CHECK_OK(read(10, "", true));
  CHECK_OK(read(4, "output_blocks.2.1", false));
  for (const std::string& attention : attentions)
    check_missing(read(10, attention, true), unet + attention + ".transformer_blocks.9.norm1.weight");
  check_missing(read(10, "", false), unet + "middle_block.1.transformer_blocks.0.norm1.weight");
}

// Of Stable Diffusion 2's encoder the last layer is not read,
// and files made of diffusers' folders do not have it: ViT-H has 24.
TEST_ONCE(weights_single_file_reads_the_last_layer_but_one_of_vit_h) {
  for (const auto& [width, layers, read] : {std::tuple(1024, 24, 23), {1024, 23, 23}, {64, 3, 2}}) {
    ipa_test::NamedShapes tensors = {{"cond_stage_model.model.token_embedding.weight", {1, width}}};
    for (int i = 0; i < layers; ++i)
      tensors.push_back(
          {"cond_stage_model.model.transformer.resblocks." + std::to_string(i) + ".ln_1.weight", {1}});
    const auto source = ipa::open_safetensors_bytes(ipa_test::zeros_safetensors(tensors), "a file");
    CHECK_OK(source.status());
    if (!source.ok()) continue;
    const auto texts = ipa::find_original_texts(*source.value(), "sd2");
    CHECK_OK(texts.status());
    if (!texts.ok() || texts.value().size() != 1) continue;
    CHECK_EQ(texts.value()[0].config.stack.layers, read);
  }
}

TEST_ONCE(weights_single_file_is_inspected_as_a_model) {
  for (const auto& [name, family] :
       {std::pair("single-sd1", "sd1"), {"single-sd2", "sd2"}, {"single-sdxl", "sdxl"}}) {
    const auto inspection = ipa::inspect(GoldenFolder(name).path("model.safetensors"));
    CHECK_OK(inspection.status());
    if (!inspection.ok()) continue;
    CHECK_EQ(inspection.value().kind, std::string("model"));
    CHECK_EQ(inspection.value().family, std::string(family));
  }
}

// Loaded as a pipeline loads it: all parts fit each other.
TEST(weights_single_file_loads_whole) {
  for (const char* name : {"single-sd1", "single-sd2", "single-sdxl"}) {
    const std::string original = GoldenFolder(name).path("model.safetensors");
    const std::string gguf = ipa_test::scratch_folder() + "/" + name + ".gguf";
    CHECK_OK(ipa::convert({original, gguf, ipa::DType::q8_0}).status());
    for (const std::string& path : {original, gguf}) {
      ipa::LoadRequest request;
      request.model = path;
      const auto set = ipa::ModelSet::load(request, nullptr);
      CHECK_OK(set.status());
      if (!set.ok()) continue;
      CHECK_EQ(set.value()->text.front()->tokenizer,
               std::string(std::string(name) == "single-sd2" ? "open_clip" : "clip"));
      CHECK_EQ(set.value()->text.back()->tokenizer,
               std::string(std::string(name) == "single-sd1" ? "clip" : "open_clip"));
    }
  }
}

// A part of a file, without the prefix that it has there.
std::string bare_part(const std::string& file, const std::string& prefix, const std::string& name) {
  const std::string path = ipa_test::scratch_folder() + "/" + name;
  const auto source = ipa::open_safetensors(file);
  CHECK_OK(source.status());
  if (!source.ok()) return path;
  std::vector<std::vector<float>> data;
  std::vector<ipa::TensorToWrite> tensors;
  for (const ipa::TensorInfo& info : source.value()->tensors()) {
    if (info.name.compare(0, prefix.size(), prefix) != 0) continue;
    data.emplace_back(static_cast<size_t>(info.elements()));
    CHECK_OK(source.value()->read_f32(info, data.back().data()));
    tensors.push_back({info.name.substr(prefix.size()), info.shape, nullptr, ipa::DType::f16});
  }
  for (size_t i = 0; i < data.size(); ++i) tensors[i].data = data[i].data();
  CHECK_OK(ipa::write_safetensors(path, tensors));
  return path;
}

bool same_weights(const ipa::ParamSet& a, const ipa::ParamSet& b) {
  bool same = a.all().size() == b.all().size();
  for (size_t i = 0; same && i < a.all().size(); ++i) {
    const ipa::Memory &x = a.all()[i]->data, &y = b.all()[i]->data;
    same = x.bytes() == y.bytes() && std::memcmp(x.address(), y.address(), x.bytes()) == 0;
  }
  return same;
}

// UNets and VAEs of their own, with the whole model's prefix and without,
// in place of the model's: here the same weights.
TEST(weights_single_file_parts_by_themselves) {
  ipa::LoadRequest request;
  request.model = GoldenFolder("single-sd1").path("model.safetensors");
  const auto own = ipa::ModelSet::load(request, nullptr);
  CHECK_OK(own.status());
  if (!own.ok()) return;
  for (const std::string& unet :
       {request.model, bare_part(request.model, "model.diffusion_model.", "unet.safetensors")})
    for (const std::string& vae :
         {request.model, bare_part(request.model, "first_stage_model.", "vae.safetensors")}) {
      ipa::LoadRequest parts = request;
      parts.unet = unet;
      parts.vae = vae;
      const auto other = ipa::ModelSet::load(parts, nullptr);
      CHECK_OK(other.status());
      if (!other.ok()) continue;
      CHECK(same_weights(own.value()->unet->params, other.value()->unet->params));
      CHECK(same_weights(own.value()->vae->params, other.value()->vae->params));
    }
  request.unet = GoldenFolder("sd15").path("adapters/base.safetensors");
  const ipa::Status none = ipa::ModelSet::load(request, nullptr).status();
  CHECK(none.code() == ipa::Code::mismatch && none.message().find("no UNet") != std::string::npos);
}

TEST_ONCE(weights_single_file_says_what_is_missing) {
  auto load = [](const std::string& model, const std::string& vae) {
    ipa::LoadRequest request;
    request.model = model;
    request.vae = vae;
    return ipa::ModelSet::load(request, nullptr).status();
  };
  const GoldenFolder folder("single-sd1");
  // Files, but of something else: an adapter-like golden file as model, and as VAE.
  const ipa::Status no_model = load(folder.path("golden.safetensors"), "");
  CHECK(no_model.code() == ipa::Code::unsupported);
  CHECK(no_model.message().find("original layout") != std::string::npos);
  const ipa::Status no_vae = load(folder.path("model.safetensors"), folder.path("golden.safetensors"));
  CHECK(no_vae.code() == ipa::Code::missing_tensor);
  CHECK(load(folder.path("no-such-file.safetensors"), "").code() == ipa::Code::not_found);
}

}  // namespace
