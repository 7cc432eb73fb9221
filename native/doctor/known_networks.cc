#include "doctor/known_networks.h"

#include "models/clip_text.h"
#include "models/clip_vision.h"
#include "models/compute_choice.h"
#include "models/vae.h"

namespace ipa {

const char* const sd15_unet_config = R"({
  "sample_size": 64, "in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280, 1280],
  "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
  "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
  "layers_per_block": 2, "cross_attention_dim": 768, "attention_head_dim": 8})";

const char* const sdxl_unet_config = R"({
  "sample_size": 128, "in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280],
  "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
  "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
  "layers_per_block": 2, "cross_attention_dim": 2048, "attention_head_dim": [5, 10, 20],
  "transformer_layers_per_block": [1, 2, 10], "use_linear_projection": true, "addition_embed_type": "text_time",
  "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816})";

namespace {

constexpr const char* vae_config = R"({
  "sample_size": 512, "latent_channels": 4, "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
  "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
  "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]})";
constexpr const char* text_config = R"({
  "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
  "vocab_size": 49408, "max_position_embeddings": 77, "hidden_act": "quick_gelu"})";
constexpr const char* text_xl_config = R"({
  "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20,
  "vocab_size": 49408, "max_position_embeddings": 77, "hidden_act": "gelu", "projection_dim": 1280})";
constexpr const char* vision_config = R"({
  "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 16,
  "image_size": 224, "patch_size": 14, "projection_dim": 1024, "hidden_act": "gelu"})";

Result<KnownInputs> describe_unet(Graph& graph, const KnownNetwork& network) {
  IPA_ASSIGN(const Json json, Json::parse(network.model == "sdxl" ? sdxl_unet_config : sd15_unet_config));
  IPA_ASSIGN(const UNetConfig config, UNetConfig::parse(json, network.model));
  const int64_t side = network.side ? network.side : config.sample_size;
  return describe_guided_step(graph, UNet(config), side, side, network.adapter);
}

Result<KnownInputs> describe_vae(Graph& graph, const KnownNetwork& network) {
  IPA_ASSIGN(const Json json, Json::parse(vae_config));
  IPA_ASSIGN(const VaeConfig config, VaeConfig::parse(json, network.model));
  const int64_t side = network.side ? network.side : config.sample_size / config.scale();
  KnownInputs inputs;
  inputs.random = {graph.input({1, side, side, config.latent_channels})};
  graph.output(Vae(config, network.compact).decode(graph, inputs.random[0]));
  return inputs;
}

Result<KnownInputs> describe_text(Graph& graph, const KnownNetwork& network) {
  IPA_ASSIGN(const Json json, Json::parse(network.model == "text_xl" ? text_xl_config : text_config));
  IPA_ASSIGN(const ClipTextConfig config, ClipTextConfig::parse(json, network.model));
  // Token 0 throughout: which rows of a table are read does not matter.
  const Value ids = graph.input(tokens_shape(2, config.context, 1), Storage::i32);
  graph.output(ClipText(config).build(graph, ids, {}).last);
  return KnownInputs();
}

Result<KnownInputs> describe_vision(Graph& graph, const KnownNetwork& network) {
  IPA_ASSIGN(const Json json, Json::parse(vision_config));
  IPA_ASSIGN(const ClipVisionConfig config, ClipVisionConfig::parse(json, network.model));
  KnownInputs inputs;
  inputs.random = {graph.input({1, config.image_size, config.image_size, 3})};
  const Value class_row = graph.input({1, 1, 1, 1}, Storage::i32);
  graph.output(ClipVision(config).build(graph, inputs.random[0], class_row).embedding);
  return inputs;
}

Result<KnownInputs> describe(Graph& graph, const KnownNetwork& network) {
  const std::string& model = network.model;
  if (model == "sd15" || model == "sdxl") return describe_unet(graph, network);
  if (model == "vae") return describe_vae(graph, network);
  if (model == "text" || model == "text_xl") return describe_text(graph, network);
  if (model == "vision") return describe_vision(graph, network);
  return Status(Code::invalid_option, "model: expected sd15, sdxl, vae, text, text_xl or vision");
}

}  // namespace

void KnownNetwork::set_dtype(Compute dtype, const Capabilities& cpu) {
  compact = compact_vae(dtype);
  if (cpu.fast_bf16) pairs = Compute::bf16;
  if (model == "sd15" || model == "sdxl")
    compute = unet_compute(dtype, cpu.fast_bytes);
  else
    compute = model == "vae" ? vae_compute(dtype, cpu.fast_bf16) : encoder_compute(dtype);
}

Result<KnownInputs> describe_known(Graph& graph, const KnownNetwork& network, ParamSet& params) {
  if (network.compute != Compute::f32) {
    // Descriptions depend on what the weights are multiplied in, which needs the weights declared.
    Graph declaring(&params);
    IPA_TRY(describe(declaring, network).status());
    choose_compute(params, network.compute);
    params.pairs = network.pairs;
  }
  IPA_ASSIGN(KnownInputs inputs, describe(graph, network));
  IPA_TRY(graph.status());
  for (const auto& param : params.all()) param->halves = param->may_be_halves();
  return inputs;
}

KnownInputs describe_guided_step(Graph& graph, const UNet& unet, int64_t height, int64_t width, bool adapter) {
  const UNetConfig& config = unet.config();
  KnownInputs described;
  UNetInputs inputs;
  described.random = {inputs.latents = graph.input({2, height, width, config.in_channels}),
                      inputs.sinusoid = graph.input({1, 1, 1, config.sinusoid_size()})};
  if (config.text_time)
    described.random.push_back(inputs.addition = graph.input({2, 1, 1, config.addition_input_size}));
  Value scale;
  if (adapter) described.random.push_back(scale = graph.input({1, 1, 1, 1}));
  for (const CrossLayer& layer : unet.cross_layers()) {
    auto keys = [&](int64_t tokens) {
      const KeyValueShape shape{2, tokens, layer.heads, static_cast<int>(layer.hidden / layer.heads)};
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

}  // namespace ipa
