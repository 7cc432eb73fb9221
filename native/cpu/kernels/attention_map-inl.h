// Attention maps: the probabilities of an attention, which attention() never has in memory,
// and how much some of its tokens add to its result. For the last item of the batch.

// Of one branch for a block of queries: rows of probabilities, `stride` floats from one to the next.
inline void attention_probabilities(const AttentionArgs& g, const KvLayout& layout, const float* keys,
                                    const float* const* q_rows, int64_t count, float* rows, int64_t stride) {
  constexpr int64_t panel = kTileVectors * L;
  for (int64_t t = 0; t < layout.tokens; t += panel) {
    const int64_t left = layout.padded_tokens - t;
    panel_product(count, layout.head_size, q_rows, keys + t * layout.head_size, left < panel ? left : panel,
                  rows + t, stride, false);
  }
  for (int64_t r = 0; r < count; ++r) {
    float* s = rows + r * stride;
    const float total =
        softmax_row(s, layout.tokens, layout.padded_tokens, g.scale, maximum_of(s, layout.tokens));
    const V factor = set1(1.0f / total);
    for (int64_t j = 0; j < layout.padded_tokens; j += L) store(s + j, mul(load(s + j), factor));
  }
}

// A block of queries of one head.
struct AttentionMapPass {
  const AttentionMapArgs& m;
  QueryBlock block;
  int64_t padded_head;
  float* probabilities;    // m.padded_tokens a query: those of one branch after the other
  float *added, *of_span;  // padded_head a query
  float* squares;          // m.sources a query, over all heads

  const float* keys_of(const AttentionBranch& branch) const {
    return branch.kv + block.pair * branch.layout.head_floats();
  }

  void look(const float* const* q_rows) {
    const float share = 1.0f / static_cast<float>(m.attention.heads);
    int64_t column = 0, place = 0;
    for (int i = 0; i < m.attention.branch_count; ++i) {
      const AttentionBranch& branch = m.attention.branches[i];
      const KvLayout& layout = branch.layout;
      attention_probabilities(m.attention, layout, keys_of(branch), q_rows, block.count, probabilities + place,
                              m.padded_tokens);
      for (int64_t r = 0; r < block.count; ++r) {
        const float* from = probabilities + r * m.padded_tokens + place;
        float* to = m.out + (block.first + r) * m.columns + column;
        for (int64_t j = 0; j < layout.tokens; ++j) to[j] = (block.head ? to[j] : 0.0f) + share * from[j];
      }
      column += layout.tokens;
      place += layout.padded_tokens;
    }
  }

  // What a span's tokens add, on top of what its source's spans before it did.
  void add_span(const TokenSpan& span) {
    const AttentionBranch& branch = m.attention.branches[span.part];
    const BranchScale scale(branch, block);
    if (scale.is_zero(block.count)) return;
    const KvLayout& layout = branch.layout;
    int64_t place = span.first;
    for (int i = 0; i < span.part; ++i) place += m.attention.branches[i].layout.padded_tokens;
    const float* rows[attention_query_block];
    for (int64_t r = 0; r < block.count; ++r) rows[r] = probabilities + r * m.padded_tokens + place;
    const float* values = keys_of(branch) + layout.padded_tokens * layout.head_size;
    int64_t column = 0;
    for (int p = 0; p < layout.value_panels; ++p) {
      const int64_t width = value_panel_vectors(layout, p) * L;
      panel_product(block.count, span.count, rows, values + column * layout.padded_tokens + span.first * width,
                    width, of_span + column, padded_head, false);
      column += width;
    }
    for (int64_t r = 0; r < block.count; ++r) {
      const V factor = set1(scale.of(r));
      float* sum = added + r * padded_head;
      for (int64_t j = 0; j < padded_head; j += L)
        store(sum + j, fma(load(of_span + r * padded_head + j), factor, load(sum + j)));
    }
  }

  void weigh() {
    for (int i = 0, source = 0; source < m.sources; ++source) {
      for (int64_t j = 0; j < block.count * padded_head; j += L) store(added + j, set1(0.0f));
      for (; i < m.span_count && m.spans[i].source == source; ++i) add_span(m.spans[i]);
      for (int64_t r = 0; r < block.count; ++r) {
        V sum = set1(0.0f);
        for (int64_t j = 0; j < padded_head; j += L) {
          const V x = load(added + r * padded_head + j);
          sum = fma(x, x, sum);
        }
        squares[r * m.sources + source] += reduce_add(sum);
      }
    }
  }
};

// Scratch: attention_query_block * (padded tokens + 2 * padded head size + sources) floats.
void attention_map(const AttentionMapArgs& m, int64_t task, float* scratch) {
  const AttentionArgs& g = m.attention;
  const int64_t padded_head = (g.head_size + L - 1) / L * L;
  AttentionMapPass pass{m, {}, padded_head, scratch, nullptr, nullptr, nullptr};
  pass.added = pass.probabilities + attention_query_block * m.padded_tokens;
  pass.of_span = pass.added + attention_query_block * padded_head;
  pass.squares = pass.of_span + attention_query_block * padded_head;
  for (int64_t i = 0; i < attention_query_block * m.sources; ++i) pass.squares[i] = 0.0f;
  const float* q_rows[attention_query_block];
  for (int64_t head = 0; head < g.heads; ++head) {
    pass.block = query_block(g, ((g.batch - 1) * g.heads + head) * g.query_blocks + task);
    for (int64_t r = 0; r < pass.block.count; ++r)
      q_rows[r] = g.q + (pass.block.item * g.queries + pass.block.first + r) * g.q_stride + head * g.head_size;
    pass.look(q_rows);
    pass.weigh();
  }
  for (int64_t r = 0; r < pass.block.count; ++r) {
    const float* squares = pass.squares + r * m.sources;
    float* to = m.out + (pass.block.first + r + 1) * m.columns - m.sources + 1;
    for (int source = 1; source < m.sources; ++source)
      to[source - 1] = squares[0] > 0.0f ? std::sqrt(squares[source] / squares[0]) : 0.0f;
  }
}
