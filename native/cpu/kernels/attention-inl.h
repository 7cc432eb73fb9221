// Attention with a streaming softmax (Milakov & Gimelshein 2018; Dao et al. 2022):
// scores exist for one block of queries and keys at a time.
// Text and image branches are read in one pass over the queries, each with a softmax of its own.

inline KvLayout kv_layout_of(int64_t tokens, int head_size) {
  constexpr int64_t panel = kTileVectors * L;
  KvLayout layout;
  layout.tokens = tokens;
  const int64_t whole = tokens / panel * panel;
  layout.padded_tokens = whole + (tokens - whole + L - 1) / L * L;
  layout.head_size = head_size;
  const int vectors = (head_size + L - 1) / L;
  layout.padded_head = vectors * L;
  layout.value_panels = (vectors + kTileVectors - 1) / kTileVectors;
  return layout;
}

// Vectors of value panel `index`: as even as they come, so that no panel is left with a single narrow vector.
inline int value_panel_vectors(const KvLayout& layout, int index) {
  const int vectors = layout.padded_head / L;
  return vectors / layout.value_panels + (index < vectors % layout.value_panels ? 1 : 0);
}

void pack_kv(const PackKvArgs& g, int64_t task, float*) {
  constexpr int64_t panel = kTileVectors * L;
  const int64_t item = task / g.heads, head = task % g.heads;
  const KvLayout& layout = g.layout;
  const float* k = g.k + item * layout.tokens * g.k_stride + head * layout.head_size;
  const float* v = g.v + item * layout.tokens * g.v_stride + head * layout.head_size;
  float* out = g.out + task * layout.head_floats();
  for (int64_t t0 = 0; t0 < layout.tokens; t0 += panel) {
    const int64_t width = layout.padded_tokens - t0 < panel ? layout.padded_tokens - t0 : panel;
    for (int64_t t = 0; t < width; ++t) {
      const float* row = k + (t0 + t) * g.k_stride;
      if (t0 + t < layout.tokens) {
        for (int d = 0; d < layout.head_size; ++d) out[d * width + t] = row[d];
      } else {
        for (int d = 0; d < layout.head_size; ++d) out[d * width + t] = 0.0f;
      }
    }
    out += layout.head_size * width;
  }
  int64_t first = 0;
  for (int p = 0; p < layout.value_panels; ++p) {
    const int64_t width = value_panel_vectors(layout, p) * L;
    for (int64_t t = 0; t < layout.padded_tokens; ++t) {
      const float* row = v + t * g.v_stride + first;
      for (int64_t j = 0; j < width; ++j)
        out[j] = t < layout.tokens && first + j < layout.head_size ? row[j] : 0.0f;
      out += width;
    }
    first += width;
  }
}

// Turns a row of raw scores into weights e^(scale * (s - max)) and returns their sum;
// what lies past `valid` becomes 0.
inline float softmax_row(float* s, int64_t valid, int64_t padded, float scale, float maximum) {
  const V factor = set1(scale), offset = set1(-scale * maximum);
  V sum = set1(0.0f);
  int64_t j = 0;
  for (; j + L <= valid; j += L) {
    const V e = exp(fma(load(s + j), factor, offset));
    sum = add(sum, e);
    store(s + j, e);
  }
  float total = reduce_add(sum);
  if (j < valid) {
    const int left = static_cast<int>(valid - j);
    float lanes[L];
    store(lanes, exp(fma(load(s + j), factor, offset)));
    for (int i = 0; i < left; ++i) {
      s[j + i] = lanes[i];
      total += lanes[i];
    }
  }
  for (j = valid; j < padded; ++j) s[j] = 0.0f;
  return total;
}

inline float maximum_of(const float* s, int64_t count) {
  float best = s[0];
  int64_t j = 0;
  if (count >= L) {
    V m = load(s);
    for (j = L; j + L <= count; j += L) m = max(m, load(s + j));
    best = reduce_max(m);
  }
  for (; j < count; ++j) best = s[j] > best ? s[j] : best;
  return best;
}

// What a task of attention is: some queries of one head of one item.
struct QueryBlock {
  int64_t pair, item, head;  // pair: item * heads + head
  int64_t first, count;      // queries of the item
};
inline QueryBlock query_block(const AttentionArgs& g, int64_t task) {
  QueryBlock block;
  block.pair = task / g.query_blocks;
  block.item = block.pair / g.heads;
  block.head = block.pair % g.heads;
  block.first = task % g.query_blocks * g.query_block;
  block.count = g.queries - block.first < g.query_block ? g.queries - block.first : g.query_block;
  return block;
}

// Brings what was summed about a smaller maximum to a larger one: times e^exponent.
inline void rescale_sums(float exponent, int64_t padded_head, float* sums, float& total) {
  float lanes[L];
  store(lanes, exp(set1(exponent)));
  total *= lanes[0];
  const V factor = set1(lanes[0]);
  for (int64_t j = 0; j < padded_head; j += L) store(sums + j, mul(load(sums + j), factor));
}

// One branch for a block of queries, a block of keys at a time.
struct BranchPass {
  const AttentionArgs& g;
  const KvLayout& layout;
  const float *keys, *values;
  int64_t first, count, padded_head;  // queries
  float *scores, *sum_of_values;
  float maximum[attention_query_block], total[attention_query_block];

  void key_block(const float* const* q_rows, int64_t t0) {
    constexpr int64_t panel = kTileVectors * L;
    const int64_t tokens = layout.tokens - t0 < g.key_block ? layout.tokens - t0 : g.key_block;
    for (int64_t t = 0; t < tokens; t += panel) {
      const int64_t left = layout.padded_tokens - t0 - t;
      panel_product(count, layout.head_size, q_rows, keys + (t0 + t) * layout.head_size,
                    left < panel ? left : panel, scores + t, attention_key_block, false);
    }
    const float* score_rows[attention_query_block];
    for (int64_t r = 0; r < count; ++r) {
      score_rows[r] = scores + r * attention_key_block;
      softmax(r, t0, tokens);
    }
    int64_t column = 0;
    for (int p = 0; p < layout.value_panels; ++p) {
      const int64_t width = value_panel_vectors(layout, p) * L;
      panel_product(count, tokens, score_rows, values + column * layout.padded_tokens + t0 * width, width,
                    sum_of_values + column, padded_head, t0 > 0);
      column += width;
    }
  }

  // Of query r's scores with the keys from t0 on.
  void softmax(int64_t r, int64_t t0, int64_t tokens) {
    const int64_t padded = (tokens + L - 1) / L * L;
    float* s = scores + r * attention_key_block;
    int64_t valid = tokens;
    if (g.causal && first + r - t0 + 1 < valid) valid = first + r - t0 + 1;
    if (valid <= 0) {
      for (int64_t j = 0; j < padded; ++j) s[j] = 0.0f;
      return;
    }
    const float block_maximum = maximum_of(s, valid);
    if (t0 == 0) {
      maximum[r] = block_maximum;
      total[r] = 0.0f;
    } else if (block_maximum > maximum[r]) {
      rescale_sums(g.scale * (maximum[r] - block_maximum), padded_head, sum_of_values + r * padded_head,
                   total[r]);
      maximum[r] = block_maximum;
    }
    total[r] += softmax_row(s, valid, padded, g.scale, maximum[r]);
  }
};

inline void write_rows(const AttentionArgs& g, const QueryBlock& block, const float* rows, int64_t row_stride) {
  auto write = [&](auto* base) {
    for (int64_t r = 0; r < block.count; ++r) {
      auto* out = base + (block.item * g.queries + block.first + r) * g.out_stride + block.head * g.head_size;
      const float* y = rows + r * row_stride;
      for (int64_t j = 0; j < g.head_size; j += L) store_columns(out + j, load(y + j), g.head_size - j);
    }
  };
  if (g.out_bf16)
    write(as<BFloat16>(g.out));
  else
    write(g.out);
}

// The scales of one branch for a block of queries.
struct BranchScale {
  const float* first;  // null: all 1
  int64_t stride;

  BranchScale(const AttentionBranch& branch, const QueryBlock& block)
      : first(branch.scale ? branch.scale + block.item * branch.scale_stride + block.first * branch.row_stride
                           : nullptr),
        stride(branch.row_stride) {}
  float of(int64_t query) const { return first ? first[query * stride] : 1.0f; }
  // Of all queries: the branch is left out.
  bool is_zero(int64_t queries) const {
    if (!first) return false;
    for (int64_t r = 0; r < (stride ? queries : 1); ++r)
      if (first[r * stride] != 0.0f) return false;
    return true;
  }
};

// Scratch: attention_query_block * (attention_key_block + 2 * padded head size) floats.
void attention(const AttentionArgs& g, int64_t task, float* scratch) {
  const QueryBlock block = query_block(g, task);
  const int64_t count = block.count, padded_head = (g.head_size + L - 1) / L * L;
  float* scores = scratch;
  float* sum_of_values = scores + attention_query_block * attention_key_block;
  float* result = sum_of_values + attention_query_block * padded_head;
  const float* q_rows[attention_query_block];
  for (int64_t r = 0; r < count; ++r)
    q_rows[r] = g.q + (block.item * g.queries + block.first + r) * g.q_stride + block.head * g.head_size;

  bool have_result = false;
  for (int i = 0; i < g.branch_count; ++i) {
    const AttentionBranch& branch = g.branches[i];
    const BranchScale scale(branch, block);
    if (scale.is_zero(count)) continue;
    const KvLayout& layout = branch.layout;
    const float* keys = branch.kv + block.pair * layout.head_floats();
    const float* values = keys + layout.padded_tokens * layout.head_size;
    BranchPass pass{g, layout, keys, values, block.first, count, padded_head, scores, sum_of_values, {}, {}};
    for (int64_t t0 = 0; t0 < layout.tokens; t0 += g.key_block) pass.key_block(q_rows, t0);
    for (int64_t r = 0; r < count; ++r) {
      const V factor = set1(scale.of(r) / pass.total[r]);
      const float* o = sum_of_values + r * padded_head;
      float* y = result + r * padded_head;
      for (int64_t j = 0; j < padded_head; j += L)
        store(y + j, have_result ? fma(load(o + j), factor, load(y + j)) : mul(load(o + j), factor));
    }
    have_result = true;
  }
  if (!have_result)
    for (int64_t j = 0; j < count * padded_head; j += L) store(result + j, set1(0.0f));
  write_rows(g, block, result, padded_head);
}
