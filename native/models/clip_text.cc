#include "models/clip_text.h"

namespace ipa {

Result<ClipTextConfig> ClipTextConfig::parse(const Json& json, const std::string& where) {
  ConfigReader reader(json, where);
  ClipTextConfig config;
  config.stack = read_clip_stack(reader, {512, 2048, 12, 8, 1e-5f, Activation::quick_gelu});
  config.vocab_size = reader.integer("vocab_size", 49408, 1, 1 << 24);
  config.context = reader.integer("max_position_embeddings", 77, 3, 4096);
  config.eos_token = reader.integer("eos_token_id", 49407, 0, 1 << 24);
  for (const std::string& name : reader.texts("architectures"))
    if (name == "CLIPTextModelWithProjection")
      config.projection_size = reader.integer("projection_dim", 512, 1, 16384);
  if (!reader.status().ok()) return reader.status();
  return config;
}

int64_t ClipTextConfig::eos_position(const int32_t* ids) const {
  int64_t largest = 0;
  for (int64_t i = 0; i < context; ++i) {
    if (eos_token != 2 && ids[i] == eos_token) return i;
    if (ids[i] > ids[largest]) largest = i;
  }
  return eos_token == 2 ? largest : 0;
}

ClipText::Outputs ClipText::build(Graph& graph, Value ids, Value eos_rows, int skip) const {
  const ClipStack& stack = config_.stack;
  const int64_t width = stack.hidden_size;
  const std::string prefix = "text_model.";
  const Value tokens = graph.embedding(ids, token_table, config_.vocab_size, width);
  const Value positions = graph.param_rows(prefix + "embeddings.position_embedding.weight",
                                           {config_.context, width}, config_.context, width, 1);
  Outputs outputs;
  const Value embedded = graph.add(tokens, positions);
  // hidden[i]: after layer i.
  std::vector<Value> hidden = {embedded};
  for (int i = 0; i < stack.layers; ++i)
    hidden.push_back(clip_layers(graph, stack, prefix + "encoder", i, i + 1, hidden.back(), true));
  const auto before = [&](int layers) {
    return hidden[static_cast<size_t>(std::max(0, stack.layers - layers))];
  };
  const auto normed = [&](Value state) {
    return graph.layer_norm(state, prefix + "final_layer_norm", stack.epsilon);
  };
  outputs.penultimate = before(1);
  outputs.last = normed(before(0));
  outputs.penultimate_skipped = skip ? before(1 + skip) : outputs.penultimate;
  outputs.last_skipped = skip ? normed(before(skip)) : outputs.last;
  if (config_.projection_size && eos_rows.valid())
    outputs.pooled = graph.linear(graph.gather_rows(outputs.last, eos_rows), "text_projection",
                                  config_.projection_size, false);
  return outputs;
}

}  // namespace ipa
