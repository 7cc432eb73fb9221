// Attention whose products are of 16-bit pairs: integers (queries have a scale a row, keys one a head, values
// one a column, and the weights of the softmax are whole numbers from 0 to 32767), or bf16. The softmax stays
// in f32. Self-attention only: no branches, no causal mask.

// The largest magnitude of queries and keys: a sum over the head cannot overflow.
inline float key_limit(int head_size) {
  const float limit = std::floor(std::sqrt(2147483647.0f / static_cast<float>(head_size)));
  return limit < 32767.0f ? limit - 1.0f : 32767.0f;
}
// Weights of 32767 against values of 511 over 128 tokens stay below 2^31.
constexpr float value_limit = 511.0f;

// How floats of one row, head or column become the factors of products.
template <class T>
struct AttentionRounding;
template <>
struct AttentionRounding<int16_t> {
  static constexpr int64_t value_tokens = 128;  // summed at a time
  static Rounding of(float limit, float largest) { return rounding_to(limit, largest); }
  static float largest(const float* x, int64_t count) { return largest_of(x, count); }
  static void round(const float* x, int64_t count, V factor, int16_t* to) { to_words(x, count, factor, to); }
  static void store_values(int16_t* to, V even, V odd, V factor) {
    store_pairs(to, round_int(mul(even, factor)), round_int(mul(odd, factor)));
  }
};
template <>
struct AttentionRounding<BFloat16> {
  static constexpr int64_t value_tokens = attention_key_block;
  static Rounding of(float, float) { return {1.0f, 1.0f}; }
  template <class X>
  static float largest(const X*, int64_t) {
    return 1.0f;
  }
  template <class X>
  static void round(const X* x, int64_t count, V, BFloat16* to) {
    to_bf16(x, count, to);
  }
  static void store_values(BFloat16* to, V even, V odd, V) { store_pairs(to, even, odd); }
};

// Where the parts of one (item, head) lie: scales (the keys', then the value columns'), keys as panels of
// tokens over pairs of the head, values as panels of the head over pairs of tokens.
template <class T>
struct KvParts {
  float* scales;
  T *keys, *values;
};
inline int64_t head_pairs(const KvLayout& layout) { return (layout.head_size + 1) / 2; }
template <class T>
KvParts<T> kv_parts(const KvLayout& layout, const float* start) {
  KvParts<T> parts;
  parts.scales = const_cast<float*>(start);
  parts.keys = reinterpret_cast<T*>(parts.scales + layout.scale_floats());
  parts.values = parts.keys + layout.padded_tokens * head_pairs(layout) * 2;
  return parts;
}

template <class T, class X>
void pack_kv_pairs(const PackKvArgs& g, int64_t task) {
  using Round = AttentionRounding<T>;
  constexpr int64_t panel = kTileVectors * L;
  const int64_t item = task / g.heads, head = task % g.heads;
  const KvLayout& layout = g.layout;
  const int64_t size = layout.head_size, pairs = head_pairs(layout), tokens = layout.tokens;
  const X* k = as<X>(g.k) + item * tokens * g.k_stride + head * size;
  const X* v = as<X>(g.v) + item * tokens * g.v_stride + head * size;
  const KvParts<T> parts = kv_parts<T>(layout, g.out + task * layout.head_floats_pairs());

  float largest = 0;
  for (int64_t t = 0; t < tokens; ++t) {
    const float row = Round::largest(k + t * g.k_stride, size);
    largest = row > largest ? row : largest;
  }
  const Rounding rounding = Round::of(key_limit(layout.head_size), largest);
  parts.scales[0] = rounding.scale;
  const V factor = set1(rounding.factor);
  T* keys = parts.keys;
  for (int64_t t0 = 0; t0 < layout.padded_tokens; t0 += panel) {
    const int64_t width = layout.padded_tokens - t0 < panel ? layout.padded_tokens - t0 : panel;
    for (int64_t t = 0; t < width; t += L) {
      // Vectors of tokens: their rows first, then a pair of each.
      T rows[L][KeyValueShape::widest_pairs + L];
      for (int64_t i = 0; i < L; ++i) {
        for (int64_t j = t0 + t + i < tokens ? size : 0; j < 2 * pairs; ++j) rows[i][j] = T{};
        if (t0 + t + i < tokens) Round::round(k + (t0 + t + i) * g.k_stride, size, factor, rows[i]);
      }
      for (int64_t p = 0; p < pairs; ++p)
        for (int64_t i = 0; i < L; ++i) std::memcpy(keys + (p * width + t + i) * 2, rows[i] + 2 * p, 4);
    }
    keys += pairs * width * 2;
  }

  float* value_scales = parts.scales + 1;
  float factors[KeyValueShape::widest_pairs + L] = {};
  for (int64_t j = 0; j < layout.padded_head; ++j) value_scales[j] = 0.0f;
  if (std::is_same<T, int16_t>::value)
    for (int64_t j = 0; j < size; j += L) {
      V most = set1(0.0f);
      for (int64_t t = 0; t < tokens; ++t)
        most = max(most, abs(load_columns(v + t * g.v_stride + j, size - j)));
      store(value_scales + j, most);
    }
  for (int64_t j = 0; j < size; ++j) {
    const Rounding column = Round::of(value_limit, value_scales[j]);
    factors[j] = column.factor;
    value_scales[j] = column.scale;
  }
  // Two tokens side by side.
  for (int64_t t = 0; t < layout.padded_tokens; t += 2) {
    int64_t first = 0;
    for (int p = 0; p < layout.value_panels; ++p) {
      const int64_t width = value_panel_vectors(layout, p) * L;
      T* to = parts.values + first * layout.padded_tokens + t * width;
      for (int64_t j = first; j < first + width; j += L, to += 2 * L) {
        const X* row = v + t * g.v_stride + j;
        const V even = t < tokens ? load_columns(row, size - j) : set1(0.0f);
        const V odd = t + 1 < tokens ? load_columns(row + g.v_stride, size - j) : set1(0.0f);
        Round::store_values(to, even, odd, load(factors + j));
      }
      first += width;
    }
  }
}

void pack_kv_int16(const PackKvArgs& g, int64_t task, float*) { pack_kv_pairs<int16_t, float>(g, task); }
void pack_kv_bf16(const PackKvArgs& g, int64_t task, float*) {
  if (g.bf16)
    pack_kv_pairs<BFloat16, BFloat16>(g, task);
  else
    pack_kv_pairs<BFloat16, float>(g, task);
}

// 2^t with a relative error of 8e-5, below the rounding of what follows.
inline V exp2_short(V t) {
  const V f = above_floor(t);
  V p = fma(set1(7.802446e-2f), f, set1(2.2606725e-1f));
  p = fma(p, f, set1(6.9583351e-1f));
  return times_exp2_floor(fma(p, f, set1(9.9992522e-1f)), t);
}

// Turns a row of scores, in place, into weights in proportion to 2^(factor * (s - maximum)), and returns their
// sum. The row has room up to a whole vector past `valid`; what lies there becomes 0.
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

// Scratch as attention's: scores, sums of values, queries.
template <class T, class X>
void attention_pairs(const AttentionArgs& g, int64_t task, float* scratch) {
  using Round = AttentionRounding<T>;
  constexpr int64_t panel = kTileVectors * L, kGroup = kAttentionGroup;
  const int64_t block = task % g.query_blocks, pair = task / g.query_blocks;
  const int64_t item = pair / g.heads, head = pair % g.heads;
  const int64_t first = block * g.query_block;
  const int64_t count = g.queries - first < g.query_block ? g.queries - first : g.query_block;
  const KvLayout& layout = g.branches[0].layout;
  const int64_t size = layout.head_size, pairs = head_pairs(layout), padded_head = layout.padded_head;
  const KvParts<T> parts = kv_parts<T>(layout, g.branches[0].kv + pair * layout.head_floats_pairs());

  float* scores = scratch;
  float* sum_of_values = scores + attention_query_block * attention_key_block;
  auto* queries = reinterpret_cast<T*>(sum_of_values + attention_query_block * padded_head);
  const T* q_rows[attention_query_block];
  // Of raw scores: 2^(factor * score) is what the softmax takes.
  float factor[attention_query_block], maximum[attention_query_block], total[attention_query_block];
  const float limit = key_limit(g.head_size);
  for (int64_t r = 0; r < count; ++r) {
    const X* q = as<X>(g.q) + (item * g.queries + first + r) * g.q_stride + head * size;
    T* to = queries + r * padded_head;
    if (pairs * 2 > size) to[size] = T{};
    const Rounding rounding = Round::of(limit, Round::largest(q, size));
    Round::round(q, size, set1(rounding.factor), to);
    factor[r] = rounding.scale * parts.scales[0] * g.scale * 1.44269504f;
    q_rows[r] = to;
  }

  for (int64_t t0 = 0; t0 < layout.tokens; t0 += g.key_block) {
    const int64_t tokens = layout.tokens - t0 < g.key_block ? layout.tokens - t0 : g.key_block;
    // So few queries at a time that their scores stay in the first-level cache.
    for (int64_t r0 = 0; r0 < count; r0 += kGroup) {
      const int64_t group = count - r0 < kGroup ? count - r0 : kGroup;
      for (int64_t t = 0; t < tokens; t += panel) {
        const int64_t left = layout.padded_tokens - t0 - t;
        pairs_product<false>(group, pairs, q_rows + r0, nullptr, parts.keys + (t0 + t) * pairs * 2,
                             left < panel ? left : panel, scores + t, attention_key_block, false);
      }
      const T* weights[kGroup];
      for (int64_t i = 0; i < group; ++i) {
        const int64_t r = r0 + i;
        float* s = scores + i * attention_key_block;
        weights[i] = reinterpret_cast<const T*>(s);
        const float block_maximum = maximum_of(s, tokens);
        if (t0 == 0) {
          maximum[r] = block_maximum;
          total[r] = 0;
        } else if (block_maximum > maximum[r]) {
          float lanes[L];
          store(lanes, exp(set1(factor[r] * 0.69314718f * (maximum[r] - block_maximum))));
          total[r] *= lanes[0];
          const V smaller = set1(lanes[0]);
          float* o = sum_of_values + r * padded_head;
          for (int64_t j = 0; j < padded_head; j += L) store(o + j, mul(load(o + j), smaller));
          maximum[r] = block_maximum;
        }
        total[r] += softmax_pairs(s, tokens, factor[r], maximum[r], reinterpret_cast<T*>(s));
      }
      for (int64_t t = 0; t < tokens; t += Round::value_tokens) {
        const int64_t part = tokens - t < Round::value_tokens ? tokens - t : Round::value_tokens;
        const T* rows[kGroup];
        for (int64_t i = 0; i < group; ++i) rows[i] = weights[i] + t;
        int64_t column = 0;
        for (int p = 0; p < layout.value_panels; ++p) {
          const int64_t width = value_panel_vectors(layout, p) * L;
          const T* values = parts.values + column * layout.padded_tokens + (t0 + t) * width;
          float* sums = sum_of_values + r0 * padded_head + column;
          if (!half_vector_product(group, (part + 1) / 2, rows, values, width, size - column, sums, padded_head,
                                   t0 + t > 0))
            pairs_product<false>(group, (part + 1) / 2, rows, nullptr, values, width, sums, padded_head,
                                 t0 + t > 0);
          column += width;
        }
      }
    }
  }
  auto write = [&](auto* base) {
    for (int64_t r = 0; r < count; ++r) {
      auto* out = base + (item * g.queries + first + r) * g.out_stride + head * size;
      const float* o = sum_of_values + r * padded_head;
      const V share = set1(1.0f / total[r]);
      for (int64_t j = 0; j < size; j += L)
        store_columns(out + j, mul(mul(load(o + j), load(parts.scales + 1 + j)), share), size - j);
    }
  };
  if (g.out_bf16)
    write(as<BFloat16>(g.out));
  else
    write(g.out);
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
