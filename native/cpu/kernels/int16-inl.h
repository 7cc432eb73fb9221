// Rounding to 16-bit integers: as many products per instruction as bf16 has (VNNI), and four bits more of each.

// Rounded x * factor; `out` has room for whole vectors.
template <class X>
void to_words(const X* x, int64_t count, V factor, int16_t* out) {
  int64_t i = 0;
  for (; i + L <= count; i += L) store_words(out + i, round_int(mul(load(x + i), factor)));
  if (i < count) store_words(out + i, round_int(mul(load_part(x + i, static_cast<int>(count - i)), factor)));
}

// The same without touching what lies past `count`; returns the scale.
template <class X>
float to_words_scaled(const X* x, int64_t count, float limit, int16_t* out) {
  const Rounding rounding = rounding_to(limit, largest_of(x, count));
  const V factor = set1(rounding.factor);
  const int64_t whole = count / L * L;
  to_words(x, whole, factor, out);
  if (whole < count) {
    int16_t rest[L];
    to_words(x + whole, count - whole, factor, rest);
    for (int64_t i = whole; i < count; ++i) out[i] = rest[i - whole];
  }
  return rounding.scale;
}

float quantize_weight_words(const float* from, int64_t count, void* to) {
  return to_words_scaled(from, count, int16_limit, static_cast<int16_t*>(to));
}

template <class X>
void quantize_words_of(const QuantizeArgs& g, int64_t task) {
  const int64_t first = task * g.block_rows;
  const int64_t last = first + g.block_rows < g.rows ? first + g.block_rows : g.rows;
  float* scales = g.scales + first * ((g.k + int16_chunk - 1) / int16_chunk);
  for (int64_t row = first; row < last; ++row) {
    int16_t* words = static_cast<int16_t*>(g.rounded) + row * g.row_size;
    for (int64_t k = 0; k < g.k; k += int16_chunk)
      *scales++ = to_words_scaled(as<X>(g.a) + row * g.a_stride + k,
                                  g.k - k < int16_chunk ? g.k - k : int16_chunk, int16_limit, words + k);
    for (int64_t k = g.k; k < g.row_size; ++k) words[k] = 0;
  }
}

void quantize_words(const QuantizeArgs& g, int64_t task, float*) {
  if (g.a_bf16)
    quantize_words_of<BFloat16>(g, task);
  else
    quantize_words_of<float>(g, task);
}
