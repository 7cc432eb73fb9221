#include "networks.h"

#include <cstring>

#include "base/float16.h"
#include "models/clip_text.h"
#include "models/clip_vision.h"
#include "models/compute_choice.h"
#include "models/unet.h"
#include "models/vae.h"

namespace ipa_bench {
namespace {

using ipa::Code;
using ipa::Graph;
using ipa::Json;
using ipa::Result;
using ipa::Status;
using ipa::Value;

constexpr const char* sd15_config = R"({
  "sample_size": 64, "in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280, 1280],
  "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
  "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
  "layers_per_block": 2, "cross_attention_dim": 768, "attention_head_dim": 8})";
constexpr const char* sdxl_config = R"({
  "sample_size": 128, "in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280],
  "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
  "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
  "layers_per_block": 2, "cross_attention_dim": 2048, "attention_head_dim": [5, 10, 20],
  "transformer_layers_per_block": [1, 2, 10], "use_linear_projection": true, "addition_embed_type": "text_time",
  "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816})";
constexpr const char* vae_config = R"({
  "sample_size": 512, "latent_channels": 4, "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
  "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
  "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]})";
constexpr const char* text_config = R"({
  "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
  "vocab_size": 49408, "max_position_embeddings": 77, "hidden_act": "quick_gelu"})";
constexpr const char* vision_config = R"({
  "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 16,
  "image_size": 224, "patch_size": 14, "projection_dim": 1024, "hidden_act": "gelu"})";

// Small numbers of both signs, the same every time;
// what they are does not matter to speed as long as none is a denormal.
void fill(float* to, size_t count, float reach) {
  static const std::vector<float> pattern = [] {
    std::vector<float> values(8191);
    uint32_t state = 1;
    for (float& value : values) {
      state = state * 1664525u + 1013904223u;
      value = static_cast<float>(state >> 8) / static_cast<float>(1 << 23) - 1.0f + 1e-4f;
    }
    return values;
  }();
  for (size_t i = 0; i < count; ++i) to[i] = reach * pattern[i % pattern.size()];
}

Result<Described> describe_unet(Graph& graph, const Choice& choice) {
  IPA_ASSIGN(const Json json, Json::parse(choice.model == "sdxl" ? sdxl_config : sd15_config));
  IPA_ASSIGN(const ipa::UNetConfig config, ipa::UNetConfig::parse(json, choice.model));
  const int64_t side = choice.side ? choice.side : config.sample_size;
  return describe_guided_step(graph, ipa::UNet(config), side, side, choice.adapter);
}

Result<Described> describe_vae(Graph& graph, const Choice& choice) {
  IPA_ASSIGN(const Json json, Json::parse(vae_config));
  IPA_ASSIGN(const ipa::VaeConfig config, ipa::VaeConfig::parse(json, choice.model));
  const int64_t side = choice.side ? choice.side : config.sample_size / config.scale();
  Described described;
  described.random = {graph.input({1, side, side, config.latent_channels})};
  graph.output(ipa::Vae(config, choice.compact).decode(graph, described.random[0]));
  return described;
}

// Both prompts of a guided picture, as SD1.5 reads them.
Result<Described> describe_text(Graph& graph, const Choice& choice) {
  IPA_ASSIGN(const Json json, Json::parse(text_config));
  IPA_ASSIGN(const ipa::ClipTextConfig config, ipa::ClipTextConfig::parse(json, choice.model));
  // Token 0 throughout: which rows of a table are read does not matter.
  const Value ids = graph.input(ipa::tokens_shape(2, config.context, 1), ipa::Storage::i32);
  graph.output(ipa::ClipText(config).build(graph, ids, {}).last);
  return Described();
}

Result<Described> describe_vision(Graph& graph, const Choice& choice) {
  IPA_ASSIGN(const Json json, Json::parse(vision_config));
  IPA_ASSIGN(const ipa::ClipVisionConfig config, ipa::ClipVisionConfig::parse(json, choice.model));
  Described described;
  described.random = {graph.input({1, config.image_size, config.image_size, 3})};
  const Value class_row = graph.input({1, 1, 1, 1}, ipa::Storage::i32);
  graph.output(ipa::ClipVision(config).build(graph, described.random[0], class_row).embedding);
  return described;
}

using Describe = Result<Described> (*)(Graph&, const Choice&);

Status pack(ipa::Param& param, const ipa::StoredTensors& stored, const ipa::Backend& backend) {
  std::vector<uint8_t> packed(backend.packed_bytes(param));
  backend.pack(param, stored, packed.data());
  param.data = ipa::Memory(backend.memory(), packed.size());
  if (!param.data) return Status(Code::no_memory, "out of memory");
  param.data.view().write(0, packed.data(), packed.size());
  return {};
}

Status unknown_model() {
  return Status(Code::invalid_option, "--model: expected sd15, sdxl, vae, text or vision");
}

Describe find_network(const std::string& model) {
  if (model == "sd15" || model == "sdxl") return describe_unet;
  if (model == "vae") return describe_vae;
  if (model == "text") return describe_text;
  return model == "vision" ? describe_vision : nullptr;
}

}  // namespace

Described describe_guided_step(Graph& graph, const ipa::UNet& unet, int64_t height, int64_t width,
                               bool adapter) {
  const ipa::UNetConfig& config = unet.config();
  Described described;
  ipa::UNetInputs inputs;
  described.random = {inputs.latents = graph.input({2, height, width, config.in_channels}),
                      inputs.sinusoid = graph.input({1, 1, 1, config.sinusoid_size()})};
  if (config.text_time)
    described.random.push_back(inputs.addition = graph.input({2, 1, 1, config.addition_input_size}));
  Value scale;
  if (adapter) described.random.push_back(scale = graph.input({1, 1, 1, 1}));
  for (const ipa::CrossLayer& layer : unet.cross_layers()) {
    auto keys = [&](int64_t tokens) {
      const ipa::KeyValueShape shape{2, tokens, layer.heads, static_cast<int>(layer.hidden / layer.heads)};
      described.keys.emplace_back(graph.packed_kv_input(shape), shape);
      return described.keys.back().first;
    };
    inputs.text_kv.push_back(keys(77));
    inputs.branches.emplace_back();
    if (adapter) inputs.branches.back().push_back({keys(4), scale});
  }
  graph.output(unet.build(graph, inputs));
  return described;
}

Result<ipa::Plan> plan_for_gpu(const Choice& choice, const ipa::Backend& backend, ipa::ParamSet& params) {
  const Describe describe = find_network(choice.model);
  if (!describe) return unknown_model();
  Graph declaring(&params);
  IPA_TRY(describe(declaring, choice).status());
  ipa::choose_compute(params, {choice.compute, true});
  Graph graph(&params);
  IPA_TRY(describe(graph, choice).status());
  IPA_TRY(graph.status());
  return ipa::Plan::make(std::move(graph), backend);
}

Status Network::prepare(Graph graph, const Described& described, const ipa::Backend& backend) {
  IPA_TRY(graph.status());
  std::vector<Value> external;
  for (const auto& [value, shape] : described.keys) external.push_back(value);
  IPA_ASSIGN(program, ipa::Program::make(std::move(graph), backend, external));
  for (const auto& [value, shape] : described.keys) {
    bound.emplace_back(backend.memory(), backend.packed_kv_bytes(shape));
    if (!bound.back()) return Status(Code::no_memory, "out of memory");
    std::vector<float> floats(bound.back().bytes() / sizeof(float));
    fill(floats.data(), floats.size(), 1.0f);
    bound.back().view().write(0, floats.data(), floats.size() * sizeof(float));
    program->bind(value, bound.back().view());
  }
  IPA_TRY(program->prepare());
  for (const Value value : described.random) {
    std::vector<float> floats(static_cast<size_t>(program->shape(value).elements()));
    fill(floats.data(), floats.size(), 1.0f);
    IPA_TRY(program->set(value, floats));
  }
  return {};
}

Result<std::unique_ptr<Network>> Network::make(const Choice& choice, const ipa::Backend& backend) {
  auto network = std::make_unique<Network>();
  Graph graph(&network->params);
  const Describe describe = find_network(choice.model);
  if (!describe) return unknown_model();
  if (choice.compute != ipa::Compute::f32) {
    // Descriptions depend on what the weights are multiplied in, which needs the weights declared.
    Graph declaring(&network->params);
    IPA_TRY(describe(declaring, choice).status());
    ipa::choose_compute(network->params, choice.compute);
    network->params.pairs = choice.pairs;
  }
  IPA_ASSIGN(const Described described, describe(graph, choice));
  IPA_TRY(graph.status());
  std::vector<float> floats;
  std::vector<uint16_t> halves;
  for (const auto& param : network->params.all()) {
    // As checkpoints in f16 are loaded.
    ipa::StoredTensors stored;
    stored.halves = param->role != ipa::ParamRole::vector;
    param->halves = stored.halves && param->may_be_halves();
    const auto each = static_cast<size_t>(param->elements_each());
    floats.resize(each * param->names.size());
    fill(floats.data(), floats.size(), 0.02f);
    halves.resize(floats.size());
    if (stored.halves)
      for (size_t i = 0; i < floats.size(); ++i) halves[i] = ipa::f32_to_f16(floats[i]);
    for (size_t i = 0; i < param->names.size(); ++i)
      stored.tensors.push_back(stored.halves ? static_cast<const void*>(halves.data() + i * each)
                                             : floats.data() + i * each);
    IPA_TRY(pack(*param, stored, backend));
  }
  IPA_TRY(network->prepare(std::move(graph), described, backend));
  return network;
}

}  // namespace ipa_bench
