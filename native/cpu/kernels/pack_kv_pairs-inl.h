// Keys and values packed in 16-bit pairs for attention_pairs-inl.h:
// integers (keys have a scale per head, values one per column), or bf16.

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

// Where the parts of one (item, head) lie: scales (the keys', then the value columns'),
// keys as panels of tokens over pairs of the head, values as panels of the head over pairs of tokens.
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

// Keys of one (item, head), `k` being its first row:
// a pair of channels side by side for every token of a panel.
template <class T, class X>
void pack_key_pairs(const X* k, int64_t stride, const KvLayout& layout, V factor, T* keys) {
  constexpr int64_t panel = kTileVectors * L;
  const int64_t size = layout.head_size, pairs = head_pairs(layout), tokens = layout.tokens;
  for (int64_t t0 = 0; t0 < layout.padded_tokens; t0 += panel) {
    const int64_t width = layout.padded_tokens - t0 < panel ? layout.padded_tokens - t0 : panel;
    for (int64_t t = 0; t < width; t += L) {
      // Vectors of tokens: their rows first, then a pair of each.
      T rows[L][KeyValueShape::widest_pairs + L];
      for (int64_t i = 0; i < L; ++i) {
        for (int64_t j = t0 + t + i < tokens ? size : 0; j < 2 * pairs; ++j) rows[i][j] = T{};
        if (t0 + t + i < tokens) AttentionRounding<T>::round(k + (t0 + t + i) * stride, size, factor, rows[i]);
      }
      for (int64_t p = 0; p < pairs; ++p)
        for (int64_t i = 0; i < L; ++i) std::memcpy(keys + (p * width + t + i) * 2, rows[i] + 2 * p, 4);
    }
    keys += pairs * width * 2;
  }
}

// How the values of each channel are rounded: the scales are the packed ones,
// the factors (0 past the head) bring a value to its number.
template <class T, class X>
void value_rounding(const X* v, int64_t stride, const KvLayout& layout, float* scales, float* factors) {
  const int64_t size = layout.head_size;
  for (int64_t j = 0; j < layout.padded_head; ++j) scales[j] = 0.0f;
  if (std::is_same<T, int16_t>::value)
    for (int64_t j = 0; j < size; j += L) {
      V most = set1(0.0f);
      for (int64_t t = 0; t < layout.tokens; ++t)
        most = max(most, abs(load_columns(v + t * stride + j, size - j)));
      store(scales + j, most);
    }
  for (int64_t j = 0; j < size; ++j) {
    const Rounding column = AttentionRounding<T>::of(value_limit, scales[j]);
    factors[j] = column.factor;
    scales[j] = column.scale;
  }
}

// Values: two tokens side by side for every channel of a panel.
template <class T, class X>
void pack_value_pairs(const X* v, int64_t stride, const KvLayout& layout, const float* factors, T* values) {
  const int64_t size = layout.head_size, tokens = layout.tokens;
  for (int64_t t = 0; t < layout.padded_tokens; t += 2) {
    int64_t first = 0;
    for (int p = 0; p < layout.value_panels; ++p) {
      const int64_t width = value_panel_vectors(layout, p) * L;
      T* to = values + first * layout.padded_tokens + t * width;
      for (int64_t j = first; j < first + width; j += L, to += 2 * L) {
        const X* row = v + t * stride + j;
        const V even = t < tokens ? load_columns(row, size - j) : set1(0.0f);
        const V odd = t + 1 < tokens ? load_columns(row + stride, size - j) : set1(0.0f);
        AttentionRounding<T>::store_values(to, even, odd, load(factors + j));
      }
      first += width;
    }
  }
}

template <class T, class X>
void pack_kv_pairs(const PackKvArgs& g, int64_t task) {
  using Round = AttentionRounding<T>;
  const int64_t item = task / g.heads, head = task % g.heads;
  const KvLayout& layout = g.layout;
  const int64_t size = layout.head_size, tokens = layout.tokens;
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
  pack_key_pairs(k, g.k_stride, layout, set1(rounding.factor), parts.keys);

  float factors[KeyValueShape::widest_pairs + L] = {};
  value_rounding<T>(v, g.v_stride, layout, parts.scales + 1, factors);
  pack_value_pairs(v, g.v_stride, layout, factors, parts.values);
}

void pack_kv_int16(const PackKvArgs& g, int64_t task, float*) { pack_kv_pairs<int16_t, float>(g, task); }
void pack_kv_bf16(const PackKvArgs& g, int64_t task, float*) {
  if (g.bf16)
    pack_kv_pairs<BFloat16, BFloat16>(g, task);
  else
    pack_kv_pairs<BFloat16, float>(g, task);
}
