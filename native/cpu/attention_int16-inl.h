// Attention whose products run in 16-bit integers, summed in 32 bits: at the speed of half-precision floats
// where an instruction multiplies pairs (VNNI), with more bits of mantissa. Queries have a scale a row, keys
// one a head, values one a column; the softmax stays in f32 and its weights become whole numbers from 0 to
// 32767. Self-attention only: no branches, no causal mask.

// The largest magnitude of queries and keys: a sum over the head cannot overflow.
inline float key_limit(int head_size) {
  const float limit = std::floor(std::sqrt(2147483647.0f / static_cast<float>(head_size)));
  return limit < 32767.0f ? limit - 1.0f : 32767.0f;
}
// Weights of 32767 against values of 511 over 128 tokens stay below 2^31.
constexpr float value_limit = 511.0f;
constexpr int64_t value_tokens = 128;

// Where the parts of one (item, head) lie: scales (the keys', then the value columns'), keys as panels of
// tokens over pairs of the head, values as panels of the head over pairs of tokens.
struct KvParts {
  float* scales;
  int16_t *keys, *values;
};
inline int64_t int16_pairs(const KvLayout& layout) { return (layout.head_size + 1) / 2; }
inline KvParts kv_parts(const KvLayout& layout, const float* start) {
  KvParts parts;
  parts.scales = const_cast<float*>(start);
  parts.keys = reinterpret_cast<int16_t*>(parts.scales + layout.scale_floats());
  parts.values = parts.keys + layout.padded_tokens * int16_pairs(layout) * 2;
  return parts;
}

void pack_kv_int16(const PackKvArgs& g, int64_t task) {
  constexpr int64_t panel = kTileVectors * L;
  const int64_t item = task / g.heads, head = task % g.heads;
  const KvLayout& layout = g.layout;
  const int64_t size = layout.head_size, pairs = int16_pairs(layout), tokens = layout.tokens;
  const float* k = g.k + item * tokens * g.k_stride + head * size;
  const float* v = g.v + item * tokens * g.v_stride + head * size;
  const KvParts parts = kv_parts(layout, g.out + task * layout.head_floats_int16());
  int16_t words[KeyValueShape::widest_int16 + L] = {};

  float largest = 0;
  for (int64_t t = 0; t < tokens; ++t) {
    const float row = largest_of(k + t * g.k_stride, size);
    largest = row > largest ? row : largest;
  }
  const Rounding rounding = rounding_to(key_limit(layout.head_size), largest);
  parts.scales[0] = rounding.scale;
  const V factor = set1(rounding.factor);
  int16_t* keys = parts.keys;
  for (int64_t t0 = 0; t0 < layout.padded_tokens; t0 += panel) {
    const int64_t width = layout.padded_tokens - t0 < panel ? layout.padded_tokens - t0 : panel;
    for (int64_t t = 0; t < width; ++t) {
      if (t0 + t < tokens)
        to_words(k + (t0 + t) * g.k_stride, size, factor, words);
      else
        std::memset(words, 0, static_cast<size_t>(2 * pairs) * sizeof(int16_t));
      for (int64_t p = 0; p < pairs; ++p) std::memcpy(keys + (p * width + t) * 2, words + 2 * p, 4);
    }
    keys += pairs * width * 2;
  }

  float* value_scales = parts.scales + 1;
  float factors[KeyValueShape::widest_int16 + L] = {};
  for (int64_t j = 0; j < layout.padded_head; ++j) value_scales[j] = 0.0f;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t j = 0; j < size; ++j) {
      const float x = std::fabs(v[t * g.v_stride + j]);
      value_scales[j] = x > value_scales[j] ? x : value_scales[j];
    }
  for (int64_t j = 0; j < size; ++j) {
    const Rounding column = rounding_to(value_limit, value_scales[j]);
    factors[j] = column.factor;
    value_scales[j] = column.scale;
  }
  for (int64_t t = 0; t < layout.padded_tokens; ++t) {
    std::memset(words, 0, sizeof words);
    if (t < tokens)
      for (int64_t j = 0; j < size; j += L) {
        const float* row = v + t * g.v_stride + j;
        const V x = size - j >= L ? load(row) : load_part(row, static_cast<int>(size - j));
        store_words(words + j, round_int(mul(x, load(factors + j))));
      }
    int64_t first = 0;
    for (int p = 0; p < layout.value_panels; ++p) {
      const int64_t width = value_panel_vectors(layout, p) * L;
      int16_t* to = parts.values + first * layout.padded_tokens + (t / 2 * width) * 2 + t % 2;
      for (int64_t j = 0; j < width; ++j) to[2 * j] = words[first + j];
      first += width;
    }
  }
}

// Turns a row of scores, in place, into whole numbers 32767 * 2^(scale * (s - maximum)) of 16 bits, and returns
// their sum. The row has room up to a whole vector past `valid`; what lies there becomes 0.
inline float softmax_words(float* s, int64_t valid, float scale, float maximum) {
  auto* words = reinterpret_cast<int16_t*>(s);
  constexpr float most = 14.999956f;  // log2 of 32767
  const V factor = set1(scale), offset = set1(most - scale * maximum);
  auto weight = [&](V x) {
    const V t = max(fma(x, factor, offset), set1(-126.0f));
    const V n = round_even(t), f = sub(t, n);
    // 2^f with a relative error of 3e-6, a tenth of what rounding to a whole number costs.
    V p = fma(set1(9.5605102e-3f), f, set1(5.5917039e-2f));
    p = fma(p, f, set1(2.4024981e-1f));
    p = fma(p, f, set1(6.9312197e-1f));
    return round_int(scale2(fma(p, f, set1(0.99999919f)), n));
  };
  VI sum = zero_int();
  int64_t j = 0;
  for (; j + L <= valid; j += L) {
    const VI w = weight(load(s + j));
    sum = add_int(sum, w);
    store_words(words + j, w);
  }
  if (j < valid) {
    // Lanes past the end count for nothing.
    const int left = static_cast<int>(valid - j);
    int16_t lanes[L];
    store_words(lanes, weight(load_part(s + j, left)));
    float rest = 0;
    for (int i = 0; i < left; ++i) rest += lanes[i];
    for (int i = 0; i < L; ++i) words[j + i] = i < left ? lanes[i] : int16_t{0};
    return reduce_add(int_to_float(sum)) + rest;
  }
  return reduce_add(int_to_float(sum));
}

// Scratch as attention's: scores, sums of values, queries.
void attention_int16(const AttentionArgs& g, int64_t task, float* scratch) {
  constexpr int64_t panel = kTileVectors * L;
  const int64_t block = task % g.query_blocks, pair = task / g.query_blocks;
  const int64_t item = pair / g.heads, head = pair % g.heads;
  const int64_t first = block * g.query_block;
  const int64_t count = g.queries - first < g.query_block ? g.queries - first : g.query_block;
  const KvLayout& layout = g.branches[0].layout;
  const int64_t size = layout.head_size, pairs = int16_pairs(layout), padded_head = layout.padded_head;
  const KvParts parts = kv_parts(layout, g.branches[0].kv + pair * layout.head_floats_int16());

  float* scores = scratch;
  float* sum_of_values = scores + attention_query_block * attention_key_block;
  auto* queries = reinterpret_cast<int16_t*>(sum_of_values + attention_query_block * padded_head);
  const int16_t* q_rows[attention_query_block];
  const int16_t* weights[attention_query_block];
  // Of raw scores: 2^(factor * score) is what the softmax takes.
  float factor[attention_query_block], maximum[attention_query_block], total[attention_query_block];
  const float limit = key_limit(g.head_size);
  for (int64_t r = 0; r < count; ++r) {
    const float* q = g.q + (item * g.queries + first + r) * g.q_stride + head * size;
    int16_t* to = queries + r * padded_head;
    const Rounding rounding = rounding_to(limit, largest_of(q, size));
    to_words(q, size, set1(rounding.factor), to);
    factor[r] = rounding.scale * parts.scales[0] * g.scale * 1.44269504f;
    q_rows[r] = to;
    weights[r] = reinterpret_cast<const int16_t*>(scores + r * attention_key_block);
  }

  for (int64_t t0 = 0; t0 < layout.tokens; t0 += g.key_block) {
    const int64_t tokens = layout.tokens - t0 < g.key_block ? layout.tokens - t0 : g.key_block;
    for (int64_t t = 0; t < tokens; t += panel) {
      const int64_t left = layout.padded_tokens - t0 - t;
      words_product<false>(count, pairs, q_rows, nullptr, parts.keys + (t0 + t) * pairs * 2,
                           left < panel ? left : panel, scores + t, attention_key_block, false);
    }
    for (int64_t r = 0; r < count; ++r) {
      float* s = scores + r * attention_key_block;
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
      total[r] += softmax_words(s, tokens, factor[r], maximum[r]);
    }
    for (int64_t t = 0; t < tokens; t += value_tokens) {
      const int64_t part = tokens - t < value_tokens ? tokens - t : value_tokens;
      const int16_t* rows[attention_query_block];
      for (int64_t r = 0; r < count; ++r) rows[r] = weights[r] + t;
      int64_t column = 0;
      for (int p = 0; p < layout.value_panels; ++p) {
        const int64_t width = value_panel_vectors(layout, p) * L;
        words_product<false>(count, (part + 1) / 2, rows, nullptr,
                             parts.values + column * layout.padded_tokens + (t0 + t) * width, width,
                             sum_of_values + column, padded_head, t0 + t > 0);
        column += width;
      }
    }
  }
  for (int64_t r = 0; r < count; ++r) {
    float* out = g.out + (item * g.queries + first + r) * g.out_stride + head * size;
    const float* o = sum_of_values + r * padded_head;
    const V share = set1(1.0f / total[r]);
    for (int64_t j = 0; j < size; j += L) {
      const V y = mul(mul(load(o + j), load(parts.scales + 1 + j)), share);
      if (size - j >= L)
        store(out + j, y);
      else
        store_part(out + j, y, static_cast<int>(size - j));
    }
  }
}
