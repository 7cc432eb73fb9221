// Names and shapes of the weights of a network as checkpoints of diffusers have them, for models of random weights:
// native_tensors unet|vae|text CONFIG. A line a tensor: its name, then its sizes. Run by bench/cuda/random-model.mjs.
#include <cstdio>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "models/clip_text.h"
#include "models/vae.h"
#include "networks.h"

namespace {

using ipa::Graph;
using ipa::Json;
using ipa::Result;
using ipa::Status;
using ipa::Value;

Status describe_unet(Graph& graph, const Json& json) {
  IPA_ASSIGN(const ipa::UNetConfig config, ipa::UNetConfig::parse(json, "config"));
  ipa::describe_guided_step(graph, ipa::UNet(config), config.sample_size, config.sample_size, false);
  return graph.status();
}

Status describe_vae(Graph& graph, const Json& json) {
  IPA_ASSIGN(const ipa::VaeConfig config, ipa::VaeConfig::parse(json, "config"));
  const ipa::Vae vae(config);
  graph.output(vae.decode(graph, graph.input({1, 8, 8, config.latent_channels})));
  graph.output(vae.encode(graph, graph.input({1, 64, 64, 3})));
  return graph.status();
}

Status describe_text(Graph& graph, const Json& json) {
  IPA_ASSIGN(const ipa::ClipTextConfig config, ipa::ClipTextConfig::parse(json, "config"));
  const Value ids = graph.input(ipa::tokens_shape(1, config.context, 1), ipa::Storage::i32);
  const Value ends = graph.input({1, 1, 1, 1}, ipa::Storage::i32);
  ipa::ClipText(config).build(graph, ids, ends);
  return graph.status();
}

Status print(const std::string& kind, const std::string& file) {
  IPA_ASSIGN(const std::string text, ipa::read_file(file, size_t{1} << 20));
  IPA_ASSIGN(const Json json, Json::parse(text));
  ipa::ParamSet params;
  Graph graph(&params);
  if (kind == "unet") IPA_TRY(describe_unet(graph, json));
  if (kind == "vae") IPA_TRY(describe_vae(graph, json));
  if (kind == "text") IPA_TRY(describe_text(graph, json));
  for (const auto& param : params.all())
    for (const std::string& name : param->names) {
      std::printf("%s", name.c_str());
      for (const int64_t size : param->shape) std::printf(" %lld", static_cast<long long>(size));
      std::printf("\n");
    }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const Status status = argc == 3 ? print(argv[1], argv[2])
                                  : Status(ipa::Code::invalid_option, "native_tensors unet|vae|text CONFIG");
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}
