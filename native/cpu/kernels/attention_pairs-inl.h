// Attention whose products are of 16-bit pairs: integers (queries have a scale per row, keys one per head,
// values one per column, and the weights of the softmax are whole numbers from 0 to 32767), or bf16.
// The softmax stays in f32. Self-attention only: no branches, no causal mask.

// 2^t with a relative error of 8e-5, below the rounding of what follows.
inline V exp2_short(V t) {
  const V f = above_floor(t);
  V p = fma(set1(7.802446e-2f), f, set1(2.2606725e-1f));
  p = fma(p, f, set1(6.9583351e-1f));
  return times_exp2_floor(fma(p, f, set1(9.9992522e-1f)), t);
}

// Turns a row of scores, in place, into weights in proportion to 2^(factor * (s - maximum)),
// and returns their sum. The row has room up to a whole vector past `valid`; what lies there becomes 0.
inline float softmax_pairs(float* s, int64_t valid, float factor, float maximum, int16_t* words) {
  constexpr float most = 14.99982f;  // stays below 2^15 with the error of exp2_short
  const V times = set1(factor), offset = set1(most - factor * maximum);
  auto weight = [&](V x) { return round_int(exp2_short(fma(x, times, offset))); };
  VI sum = zero_int();
  int64_t j = 0;
  for (; j + L <= valid; j += L) {
    const VI w = weight(load(s + j));
    sum = add_int(sum, w);
    store_words(words + j, w);
  }
  float rest = 0;
  if (j < valid) {
    // Lanes past the end count for nothing.
    const int left = static_cast<int>(valid - j);
    int16_t lanes[L];
    store_words(lanes, weight(load_part(s + j, left)));
    for (int i = 0; i < left; ++i) rest += lanes[i];
    for (int i = 0; i < L; ++i) words[j + i] = i < left ? lanes[i] : int16_t{0};
  }
  return reduce_add(int_to_float(sum)) + rest;
}

inline float softmax_pairs(float* s, int64_t valid, float factor, float maximum, BFloat16* words) {
  static constexpr BFloat16 one[2] = {{0x3f80}, {0x3f80}};
  const auto ones = broadcast_pair(one);
  const V times = set1(factor), offset = set1(-factor * maximum);
  auto weight = [&](V x) { return exp2_short(fma(x, times, offset)); };
  // Of the rounded weights: what rounds them all alike must not show.
  V sum = set1(0.0f);
  int64_t j = 0;
  for (; j + 2 * L <= valid; j += 2 * L) {
    store(words + j, weight(load(s + j)), weight(load(s + j + L)));
    sum = dot2(sum, load_pairs(words + j), ones);
  }
  float rest = 0;
  for (; j < valid; j += L) {
    const int left = static_cast<int>(valid - j < L ? valid - j : L);
    store(words + j, weight(load_part(s + j, left)));
    for (int i = 0; i < left; ++i) rest += to_float(words[j + i]);
    for (int i = left; i < L; ++i) words[j + i] = {};
  }
  return reduce_add(sum) + rest;
}

// A block of queries, rounded, and what has been summed of the keys and values that went by.
template <class T>
struct PairsPass {
  const AttentionArgs& g;
  const KvLayout& layout;
  const KvParts<T>& parts;
  int64_t padded_head;
  float *scores, *sum_of_values;
  const T* q_rows[attention_query_block];
  // Of raw scores: 2^(factor * score) is what the softmax takes.
  float factor[attention_query_block], maximum[attention_query_block], total[attention_query_block];

  // The queries [r0, r0 + group) with the keys [t0, t0 + tokens).
  void key_block(int64_t r0, int64_t group, int64_t t0, int64_t tokens) {
    constexpr int64_t panel = kTileVectors * L;
    const int64_t pairs = head_pairs(layout);
    for (int64_t t = 0; t < tokens; t += panel) {
      const int64_t left = layout.padded_tokens - t0 - t;
      pairs_product<false>(group, pairs, q_rows + r0, nullptr, parts.keys + (t0 + t) * pairs * 2,
                           left < panel ? left : panel, scores + t, attention_key_block, false);
    }
    for (int64_t i = 0; i < group; ++i) softmax(r0 + i, t0, tokens, scores + i * attention_key_block);
    add_values(r0, group, t0, tokens);
  }

  void softmax(int64_t r, int64_t t0, int64_t tokens, float* s) {
    const float block_maximum = maximum_of(s, tokens);
    if (t0 == 0) {
      maximum[r] = block_maximum;
      total[r] = 0;
    } else if (block_maximum > maximum[r]) {
      rescale_sums(factor[r] * 0.69314718f * (maximum[r] - block_maximum), padded_head,
                   sum_of_values + r * padded_head, total[r]);
      maximum[r] = block_maximum;
    }
    total[r] += softmax_pairs(s, tokens, factor[r], maximum[r], reinterpret_cast<T*>(s));
  }

  void add_values(int64_t r0, int64_t group, int64_t t0, int64_t tokens) {
    constexpr int64_t most = AttentionRounding<T>::value_tokens;
    for (int64_t t = 0; t < tokens; t += most) {
      const int64_t part = tokens - t < most ? tokens - t : most;
      const T* rows[kAttentionGroup];
      for (int64_t i = 0; i < group; ++i)
        rows[i] = reinterpret_cast<const T*>(scores + i * attention_key_block) + t;
      int64_t column = 0;
      for (int p = 0; p < layout.value_panels; ++p) {
        const int64_t width = value_panel_vectors(layout, p) * L;
        const T* values = parts.values + column * layout.padded_tokens + (t0 + t) * width;
        float* sums = sum_of_values + r0 * padded_head + column;
        if (!half_vector_product(group, (part + 1) / 2, rows, values, width, layout.head_size - column, sums,
                                 padded_head, t0 + t > 0))
          pairs_product<false>(group, (part + 1) / 2, rows, nullptr, values, width, sums, padded_head,
                               t0 + t > 0);
        column += width;
      }
    }
  }
};

// Scratch as attention's: scores, sums of values, queries.
template <class T, class X>
void attention_pairs(const AttentionArgs& g, int64_t task, float* scratch) {
  using Round = AttentionRounding<T>;
  const QueryBlock block = query_block(g, task);
  const KvLayout& layout = g.branches[0].layout;
  const int64_t count = block.count, size = layout.head_size, padded_head = layout.padded_head;
  const KvParts<T> parts = kv_parts<T>(layout, g.branches[0].kv + block.pair * layout.head_floats_pairs());
  float* sum_of_values = scratch + attention_query_block * attention_key_block;
  auto* queries = reinterpret_cast<T*>(sum_of_values + attention_query_block * padded_head);
  PairsPass<T> pass{g, layout, parts, padded_head, scratch, sum_of_values, {}, {}, {}, {}};
  const float limit = key_limit(g.head_size);
  for (int64_t r = 0; r < count; ++r) {
    const X* q = as<X>(g.q) + (block.item * g.queries + block.first + r) * g.q_stride + block.head * size;
    T* to = queries + r * padded_head;
    if (head_pairs(layout) * 2 > size) to[size] = T{};
    const Rounding rounding = Round::of(limit, Round::largest(q, size));
    Round::round(q, size, set1(rounding.factor), to);
    pass.factor[r] = rounding.scale * parts.scales[0] * g.scale * 1.44269504f;
    pass.q_rows[r] = to;
  }

  for (int64_t t0 = 0; t0 < layout.tokens; t0 += g.key_block) {
    const int64_t tokens = layout.tokens - t0 < g.key_block ? layout.tokens - t0 : g.key_block;
    // So few queries at a time that their scores stay in the first-level cache.
    for (int64_t r0 = 0; r0 < count; r0 += kAttentionGroup)
      pass.key_block(r0, count - r0 < kAttentionGroup ? count - r0 : kAttentionGroup, t0, tokens);
  }
  for (int64_t r = 0; r < count; ++r) {
    float* o = sum_of_values + r * padded_head;
    const V share = set1(1.0f / pass.total[r]);
    for (int64_t j = 0; j < padded_head; j += L)
      store(o + j, mul(mul(load(o + j), load(parts.scales + 1 + j)), share));
  }
  write_rows(g, block, sum_of_values, padded_head);
}

void attention_int16(const AttentionArgs& g, int64_t task, float* scratch) {
  attention_pairs<int16_t, float>(g, task, scratch);
}
void attention_bf16(const AttentionArgs& g, int64_t task, float* scratch) {
  const AmxSession session;
  if (g.q_bf16)
    attention_pairs<BFloat16, BFloat16>(g, task, scratch);
  else
    attention_pairs<BFloat16, float>(g, task, scratch);
}
