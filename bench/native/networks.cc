#include "networks.h"

#include <cstring>

#include "base/float16.h"
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

// Small numbers of both signs, the same every time; what they are does not matter to speed as long as none is a
// denormal.
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

struct Described {
  std::vector<Value> random;  // inputs to fill
  std::vector<std::pair<Value, ipa::KeyValueShape>> keys;
};

Result<Described> describe_unet(Graph& graph, const Choice& choice) {
  IPA_ASSIGN(const Json json, Json::parse(choice.model == "sdxl" ? sdxl_config : sd15_config));
  IPA_ASSIGN(const ipa::UNetConfig config, ipa::UNetConfig::parse(json, choice.model));
  const ipa::UNet unet(config);
  const int64_t side = choice.side ? choice.side : config.sample_size;
  Described described;
  ipa::UNetInputs inputs;
  described.random = {inputs.latents = graph.input({2, side, side, config.in_channels}),
                      inputs.sinusoid = graph.input({1, 1, 1, config.sinusoid_size()})};
  if (config.text_time)
    described.random.push_back(inputs.addition = graph.input({2, 1, 1, config.addition_input_size}));
  Value scale;
  if (choice.adapter) described.random.push_back(scale = graph.input({1, 1, 1, 1}));
  for (const ipa::CrossLayer& layer : unet.cross_layers()) {
    auto keys = [&](int64_t tokens) {
      const ipa::KeyValueShape shape{2, tokens, layer.heads, static_cast<int>(layer.hidden / layer.heads)};
      described.keys.emplace_back(graph.packed_kv_input(shape), shape);
      return described.keys.back().first;
    };
    inputs.text_kv.push_back(keys(77));
    inputs.branches.emplace_back();
    if (choice.adapter) inputs.branches.back().push_back({keys(4), scale});
  }
  graph.output(unet.build(graph, inputs));
  return described;
}

Result<Described> describe_vae(Graph& graph, const Choice& choice) {
  IPA_ASSIGN(const Json json, Json::parse(vae_config));
  IPA_ASSIGN(const ipa::VaeConfig config, ipa::VaeConfig::parse(json, choice.model));
  const int64_t side = choice.side ? choice.side : config.sample_size / config.scale();
  Described described;
  described.random = {graph.input({1, side, side, config.latent_channels})};
  graph.output(ipa::Vae(config).decode(graph, described.random[0]));
  return described;
}

}  // namespace

Result<std::unique_ptr<Network>> Network::make(const Choice& choice, const ipa::Backend& backend) {
  auto network = std::make_unique<Network>();
  Graph graph(&network->params);
  const bool vae = choice.model == "vae";
  if (!vae && choice.model != "sd15" && choice.model != "sdxl")
    return Status(Code::invalid_option, "--model: expected sd15, sdxl or vae");
  auto describe = [&](Graph& into) { return vae ? describe_vae(into, choice) : describe_unet(into, choice); };
  if (choice.compute != ipa::Compute::f32) {
    // Descriptions depend on what the weights are multiplied in, which needs the weights declared.
    Graph declaring(&network->params);
    IPA_TRY(describe(declaring).status());
    ipa::choose_compute(network->params, choice.compute);
  }
  IPA_ASSIGN(const Described described, describe(graph));
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
    param->data = ipa::AlignedBuffer(backend.packed_bytes(*param));
    if (!param->data) return Status(Code::no_memory, "out of memory");
    backend.pack(*param, stored, param->data.data());
  }
  std::vector<Value> external;
  for (const auto& [value, shape] : described.keys) external.push_back(value);
  IPA_ASSIGN(network->program, ipa::Program::make(std::move(graph), backend, external));
  for (const auto& [value, shape] : described.keys) {
    network->bound.emplace_back(backend.packed_kv_bytes(shape));
    fill(network->bound.back().floats(), network->bound.back().bytes() / sizeof(float), 1.0f);
    network->program->bind(value, network->bound.back().data());
  }
  IPA_TRY(network->program->prepare());
  for (const Value value : described.random)
    fill(network->program->floats(value), static_cast<size_t>(network->program->shape(value).elements()), 1.0f);
  return network;
}

}  // namespace ipa_bench
