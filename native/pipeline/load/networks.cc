#include "pipeline/load/networks.h"

#include <utility>

#include "models/compute_choice.h"

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

}  // namespace

Result<std::unique_ptr<TextTower>> describe_text(const TextComponent& component, size_t index,
                                                 const LearnedTokens& learned, NetworkCompute compute) {
  ClipTextConfig config = component.config;
  IPA_TRY(config.check(component.config_path));
  config.vocab_size += learned.count_of(index);
  auto tower = std::make_unique<TextTower>(ClipText(std::move(config)), component, "the text encoder");
  tower->tokenizer = component.tokenizer;
  IPA_TRY(declare_params(tower->params, [&](Graph& graph) {
    const Value ids = graph.input(tokens_shape(1, tower->config().context, 1), Storage::i32);
    tower->network.build(graph, ids, graph.input({1, 1, 1, 1}, Storage::i32));
  }));
  choose_compute(tower->params, compute);
  const bool first = index == 0 && component.tokenizer != "tokenizer_2";
  tower->set_lora_part(first ? LoraPart::text_encoder : LoraPart::text_encoder_2);
  tower->extend(ClipText::token_table, learned.rows_of(index));
  return tower;
}

Result<std::unique_ptr<LoadedNetwork<UNet>>> describe_unet(const UNetComponent& component,
                                                           const PartComputes& computes) {
  IPA_TRY(component.config.check(component.config_path));
  auto unet = std::make_unique<LoadedNetwork<UNet>>(UNet(component.config), component, "the UNet");
  const UNetConfig& c = unet->config();
  if (c.class_embedding != ClassEmbedding::none)
    return Status(
        Code::unsupported,
        component.where + ": a class-conditional UNet needs more than prompts: pass a text-to-image model");
  IPA_TRY(declare_params(unet->params, [&](Graph& graph) {
    UNetInputs inputs;
    const int64_t side = int64_t{1} << c.levels.size();
    inputs.latents = graph.input({1, side, side, c.in_channels});
    inputs.sinusoid = graph.input({1, 1, 1, c.sinusoid_size()});
    if (c.text_time) inputs.addition = graph.input({1, 1, 1, c.addition_input_size});
    if (c.time_cond_size) inputs.time_cond = graph.input({1, 1, 1, c.time_cond_size});
    const std::vector<CrossLayer>& layers = unet->network.cross_layers();
    inputs.text_kv = kv_inputs(graph, layers, 1, 1);
    unet->network.build(graph, inputs);
    build_text_keys(graph, layers, graph.input(tokens_shape(1, 1, c.cross_size())));
  }));
  choose_compute(unet->params, computes.of(Part::unet));
  unet->params.pairs = computes.pairs;
  unet->set_lora_part(LoraPart::unet);
  return unet;
}

Result<std::unique_ptr<LoadedNetwork<Vae>>> describe_vae(const VaeComponent& component, const UNetConfig& unet,
                                                         VaeHalf half, const PartComputes& computes) {
  IPA_TRY(component.config.check(component.config_path));
  const bool encodes = half == VaeHalf::encoder;
  auto vae = std::make_unique<LoadedNetwork<Vae>>(Vae(component.config, computes.compact_vae), component,
                                                  encodes ? "the VAE's encoder" : "the VAE");
  const VaeConfig& c = vae->config();
  if (c.latent_channels != unet.out_channels)
    return Status(Code::mismatch, component.where + ": the VAE's latents have " +
                                      std::to_string(c.latent_channels) + " channels, the UNet's " +
                                      std::to_string(unet.out_channels));
  IPA_TRY(declare_params(vae->params, [&](Graph& graph) {
    const int64_t side = 2 * c.scale();
    if (encodes)
      vae->network.encode(graph, graph.input({1, side, side, 3}));
    else
      vae->network.decode(graph, graph.input({1, 2, 2, c.latent_channels}));
  }));
  choose_compute(vae->params, computes.of(Part::vae));
  return vae;
}

}  // namespace ipa
