#include "models/unet_embedding.h"

namespace ipa {
namespace {

// TimestepEmbedding
Value mlp(Graph& graph, const UNetConfig& c, Value x, const std::string& name) {
  return graph.linear(graph.linear_activation(x, name + ".linear_1", c.time_embedding_size, c.activation),
                      name + ".linear_2", c.time_embedding_size);
}

Value class_embedding(Graph& graph, const UNetConfig& c, Value input) {
  switch (c.class_embedding) {
    case ClassEmbedding::none: break;
    case ClassEmbedding::table:
      return graph.embedding(input, "class_embedding.weight", c.class_count, c.time_embedding_size);
    case ClassEmbedding::timestep:
    case ClassEmbedding::projection: return mlp(graph, c, input, "class_embedding");
    case ClassEmbedding::simple: return graph.linear(input, "class_embedding", c.time_embedding_size);
    case ClassEmbedding::identity: return input;
  }
  return {};
}

}  // namespace

Value unet_embedding(Graph& graph, const UNetConfig& c, const UNetInputs& inputs) {
  Value sinusoid = inputs.sinusoid;
  if (c.time_cond_size && inputs.time_cond.valid())
    sinusoid = graph.add(graph.linear(inputs.time_cond, "time_embedding.cond_proj", c.sinusoid_size(), false),
                         sinusoid);
  Value embedding = mlp(graph, c, sinusoid, "time_embedding");
  if (const Value more = class_embedding(graph, c, inputs.class_input); more.valid())
    embedding = graph.add(more, embedding);
  if (inputs.control_types.valid())
    embedding = graph.add(embedding, mlp(graph, c, inputs.control_types, "control_add_embedding"));
  if (c.text_time) embedding = graph.add(mlp(graph, c, inputs.addition, "add_embedding"), embedding);
  return graph.activate(embedding, c.activation);
}

}  // namespace ipa
