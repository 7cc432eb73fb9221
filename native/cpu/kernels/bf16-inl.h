// Rounding to bf16.

// Without touching what lies past `count`.
template <class X>
void to_bf16(const X* x, int64_t count, BFloat16* out) {
  for (int64_t i = 0; i < count; i += L) store_columns(out + i, load_columns(x + i, count - i), count - i);
}

float round_to_bf16(const float* from, int64_t count, void* to) {
  to_bf16(from, count, static_cast<BFloat16*>(to));
  return 1.0f;
}

template <class X>
void round_rows_bf16_of(const QuantizeArgs& g, int64_t task) {
  const int64_t first = task * g.block_rows;
  const int64_t last = first + g.block_rows < g.rows ? first + g.block_rows : g.rows;
  for (int64_t row = first; row < last; ++row) {
    BFloat16* to = static_cast<BFloat16*>(g.rounded) + row * g.row_size;
    to_bf16(as<X>(g.a) + row * g.a_stride, g.k, to);
    for (int64_t k = g.k; k < g.row_size; ++k) to[k] = {};
  }
}

void round_rows_bf16(const QuantizeArgs& g, int64_t task, float*) {
  if (g.a_bf16)
    round_rows_bf16_of<BFloat16>(g, task);
  else
    round_rows_bf16_of<float>(g, task);
}
