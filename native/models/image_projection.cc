#include "models/image_projection.h"

namespace ipa {
namespace {

constexpr float epsilon = 1e-5f;
const std::string prefix = "image_proj.";

Value resampler(Graph& graph, const ImageProjectionConfig& config, const std::string& under, Value latents,
                Value features) {
  const int64_t dim = config.dim;
  const Value image = graph.linear(features, under + "proj_in", dim);
  for (int i = 0; i < config.depth; ++i) {
    const std::string layer = under + "layers." + std::to_string(i) + ".";
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
  return graph.layer_norm(graph.linear(latents, under + "proj_out", config.cross_size), under + "norm_out",
                          epsilon);
}

// A row of tokens * cross_size to normalised tokens.
Value split_tokens(Graph& graph, const ImageProjectionConfig& config, Value row) {
  const Value tokens = graph.reshape(row, tokens_shape(graph.shape(row).n, config.tokens, config.cross_size));
  return graph.layer_norm(tokens, prefix + "norm", epsilon);
}

Value face_tokens(Graph& graph, const ImageProjectionConfig& config, Value faces) {
  const Value wide = graph.linear_activation(faces, prefix + "proj.0", config.face_hidden, Activation::gelu);
  return split_tokens(graph, config, graph.linear(wide, prefix + "proj.2", config.tokens * config.cross_size));
}

}  // namespace

ImageTokens build_image_projection(Graph& graph, const ImageProjectionConfig& config, Value features,
                                   Value faces) {
  switch (config.kind) {
    case ProjectionKind::base:
      return {split_tokens(graph, config,
                           graph.linear(features, prefix + "proj", config.tokens * config.cross_size)),
              {}};
    case ProjectionKind::plus: {
      const Value latents = graph.param_rows(prefix + "latents", {1, config.tokens, config.dim}, config.tokens,
                                             config.dim, graph.shape(features).n);
      return {resampler(graph, config, prefix, latents, features), {}};
    }
    case ProjectionKind::full: {
      const Value wide =
          graph.linear_activation(features, prefix + "proj.0", config.embed_size, Activation::gelu);
      return {graph.layer_norm(graph.linear(wide, prefix + "proj.2", config.cross_size), prefix + "proj.3",
                               epsilon),
              {}};
    }
    case ProjectionKind::face: return {face_tokens(graph, config, faces), {}};
    case ProjectionKind::face_plus: {
      const Value tokens = face_tokens(graph, config, faces);
      const Value refined = resampler(graph, config, prefix + "perceiver_resampler.", tokens, features);
      return {refined, config.shortcut ? tokens : Value{}};
    }
  }
  return {features, {}};
}

}  // namespace ipa
