#include "models/clip_vision.h"

#include "models/clip_layers.h"

namespace ipa {

ClipVision::Outputs ClipVision::build(Graph& graph, Value pixels, Value class_rows) const {
  const ClipStack& stack = config_.stack;
  const int64_t width = stack.hidden_size, n = graph.shape(pixels).n;
  const int patch = static_cast<int>(config_.patch_size);
  const std::string prefix = "vision_model.";
  const Value patches = graph.conv2d(pixels, prefix + "embeddings.patch_embedding", width,
                                     {patch, patch, patch, 0, 0, 0, 0}, false);
  const Value class_token = graph.param_rows(prefix + "embeddings.class_embedding", {width}, 1, width, n);
  const Value positions = graph.param_rows(prefix + "embeddings.position_embedding.weight",
                                           {config_.tokens(), width}, config_.tokens(), width, 1);
  Value x = graph.add(graph.concat_tokens(class_token, patches), positions);
  x = graph.layer_norm(x, prefix + "pre_layrnorm", stack.epsilon);
  Outputs outputs;
  outputs.penultimate = clip_layers(graph, stack, prefix + "encoder", 0, stack.layers - 1, x, false);
  if (class_rows.valid()) {
    const Value last = clip_layers(graph, stack, prefix + "encoder", stack.layers - 1, stack.layers,
                                   outputs.penultimate, false);
    const Value pooled =
        graph.layer_norm(graph.gather_rows(last, class_rows), prefix + "post_layernorm", stack.epsilon);
    outputs.embedding = graph.linear(pooled, "visual_projection", config_.projection_size, false);
  }
  return outputs;
}

}  // namespace ipa
