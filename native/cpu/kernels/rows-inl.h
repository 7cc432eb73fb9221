// Elementwise ops, row by row: rows may be strided views, so channels end in a partial vector.

void activate(const RowsArgs& g, int64_t task, float*) {
  const int64_t first = task * g.block_rows;
  const int64_t last = first + g.block_rows < g.rows ? first + g.block_rows : g.rows;
  for (int64_t row = first; row < last; ++row) {
    const float* a = g.a + row * g.a_stride;
    float* out = g.out + row * g.out_stride;
    int64_t c = 0;
    for (; c + L <= g.channels; c += L) store(out + c, activate_vector(g.activation, load(a + c)));
    if (c < g.channels) {
      const int left = static_cast<int>(g.channels - c);
      store_part(out + c, activate_vector(g.activation, load_part(a + c, left)), left);
    }
  }
}

void add_rows(const RowsArgs& g, int64_t task, float*) {
  const int64_t first = task * g.block_rows;
  const int64_t last = first + g.block_rows < g.rows ? first + g.block_rows : g.rows;
  for (int64_t row = first; row < last; ++row) {
    int64_t other = row;
    if (g.b_period) other = row % g.b_period;
    if (g.b_divide) other = row / g.b_divide;
    const float* a = g.a + row * g.a_stride;
    const float* b = g.b + other * g.b_stride;
    float* out = g.out + row * g.out_stride;
    int64_t c = 0;
    for (; c + L <= g.channels; c += L) store(out + c, add(load(a + c), load(b + c)));
    if (c < g.channels) {
      const int left = static_cast<int>(g.channels - c);
      store_part(out + c, add(load_part(a + c, left), load_part(b + c, left)), left);
    }
  }
}
