// Rounding to bf16.

// Without touching what lies past `count`.
inline void to_bf16(const float* x, int64_t count, BFloat16* out) {
  int64_t i = 0;
  for (; i + L <= count; i += L) store_rounded(out + i, load(x + i));
  if (i == count) return;
  BFloat16 rest[L];
  store_rounded(rest, load_part(x + i, static_cast<int>(count - i)));
  for (int64_t j = i; j < count; ++j) out[j] = rest[j - i];
}

void round_to_bf16(const float* from, int64_t count, BFloat16* to) { to_bf16(from, count, to); }

void round_rows_bf16(const QuantizeArgs& g, int64_t task) {
  const int64_t first = task * g.block_rows;
  const int64_t last = first + g.block_rows < g.rows ? first + g.block_rows : g.rows;
  for (int64_t row = first; row < last; ++row) {
    BFloat16* to = static_cast<BFloat16*>(g.rounded) + row * g.row_size;
    to_bf16(g.a + row * g.a_stride, g.k, to);
    for (int64_t k = g.k; k < g.row_size; ++k) to[k] = {};
  }
}
