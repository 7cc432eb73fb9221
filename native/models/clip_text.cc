#include "models/clip_text.h"

#include "models/clip_layers.h"

namespace ipa {

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
