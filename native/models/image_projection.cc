#include "models/image_projection.h"

namespace ipa {
namespace {

constexpr float epsilon = 1e-5f;
const std::string prefix = "image_proj.";

Value resampler(Graph& graph, const ImageProjectionConfig& config, Value features) {
  const int64_t n = graph.shape(features).n, dim = config.dim;
  Value latents = graph.param_rows(prefix + "latents", {1, config.tokens, dim}, config.tokens, dim, n);
  const Value image = graph.linear(features, prefix + "proj_in", dim);
  for (int i = 0; i < config.depth; ++i) {
    const std::string layer = prefix + "layers." + std::to_string(i) + ".";
    const Value from_image = graph.layer_norm(image, layer + "0.norm1", epsilon);
    const Value from_latents = graph.layer_norm(latents, layer + "0.norm2", epsilon);
    const int64_t inner = int64_t{config.heads} * 64;
    const Value q = graph.linear(from_latents, layer + "0.to_q", inner, false);
    // Keys and values of the picture first, of the latents themselves last; to_kv holds keys in its first half.
    const Value kv =
        graph.linear(graph.concat_tokens(from_image, from_latents), layer + "0.to_kv", 2 * inner, false);
    const Value packed =
        graph.pack_kv(graph.slice_channels(kv, 0, inner), graph.slice_channels(kv, inner, inner), config.heads);
    latents = graph.add(latents, graph.linear(graph.attention(q, packed), layer + "0.to_out", dim, false));
    const Value normed = graph.layer_norm(latents, layer + "1.0", epsilon);
    const Value wide = graph.linear_activation(normed, layer + "1.1", config.ff, Activation::gelu, false);
    latents = graph.add(latents, graph.linear(wide, layer + "1.3", dim, false));
  }
  return graph.layer_norm(graph.linear(latents, prefix + "proj_out", config.cross_size), prefix + "norm_out",
                          epsilon);
}

}  // namespace

Value build_image_projection(Graph& graph, const ImageProjectionConfig& config, Value features) {
  switch (config.kind) {
    case ProjectionKind::base: {
      const Value projected = graph.linear(features, prefix + "proj", config.tokens * config.cross_size);
      const Value tokens =
          graph.reshape(projected, tokens_shape(graph.shape(features).n, config.tokens, config.cross_size));
      return graph.layer_norm(tokens, prefix + "norm", epsilon);
    }
    case ProjectionKind::plus: return resampler(graph, config, features);
    case ProjectionKind::full: {
      const Value wide =
          graph.linear_activation(features, prefix + "proj.0", config.embed_size, Activation::gelu);
      return graph.layer_norm(graph.linear(wide, prefix + "proj.2", config.cross_size), prefix + "proj.3",
                              epsilon);
    }
  }
  return features;
}

}  // namespace ipa
