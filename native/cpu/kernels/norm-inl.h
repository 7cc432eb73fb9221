// Group norm in two passes over memory (sums, then scale and shift with the activation), layer norm row by row.

// Sums and sums of squares of a block of rows, a channel each, about the block's first row: the shift keeps the
// later subtraction from cancelling when a mean is large, and an unusual first row harms no block but its own.
template <class X>
void group_norm_sums_of(const GroupNormArgs& g, int64_t task) {
  const int64_t item = task / g.blocks, block = task % g.blocks;
  const int64_t first = block * g.block_rows;
  const int64_t count = g.rows - first < g.block_rows ? g.rows - first : g.block_rows;
  const X* origin = as<X>(g.x) + (item * g.rows + first) * g.x_stride;
  float* sums = g.partial + task * 2 * g.channels;
  float* squares = sums + g.channels;
  for (int64_t c = 0; c < g.channels; c += L) {
    const int64_t left = g.channels - c;
    const V shift = load_columns(origin + c, left);
    V s = set1(0.0f), q = set1(0.0f);
    const X* x = origin + c;
    if (left >= L) {
      for (int64_t r = 0; r < count; ++r, x += g.x_stride) {
        const V d = sub(load(x), shift);
        s = add(s, d);
        q = fma(d, d, q);
      }
      store(sums + c, s);
      store(squares + c, q);
    } else {
      for (int64_t r = 0; r < count; ++r, x += g.x_stride) {
        const V d = sub(load_part(x, static_cast<int>(left)), shift);
        s = add(s, d);
        q = fma(d, d, q);
      }
      store_part(sums + c, s, static_cast<int>(left));
      store_part(squares + c, q, static_cast<int>(left));
    }
  }
}

void group_norm_sums(const GroupNormArgs& g, int64_t task, float*) {
  if (g.x_bf16)
    group_norm_sums_of<BFloat16>(g, task);
  else
    group_norm_sums_of<float>(g, task);
}

template <class X, class Y>
void group_norm_apply_of(const GroupNormArgs& g, int64_t task) {
  const int64_t item = task / g.blocks, block = task % g.blocks;
  const int64_t first = block * g.block_rows;
  const int64_t count = g.rows - first < g.block_rows ? g.rows - first : g.block_rows;
  // (x - mean) * factor + offset: taking the mean off first leaves no large product to cancel.
  const float* mean = g.affine + item * 3 * g.channels;
  const float* factor = mean + g.channels;
  const float* offset = factor + g.channels;
  for (int64_t r = 0; r < count; ++r) {
    const int64_t row = item * g.rows + first + r;
    const X* x = as<X>(g.x) + row * g.x_stride;
    Y* out = as<Y>(g.out) + row * g.out_stride;
    int64_t c = 0;
    for (; c + L <= g.channels; c += L) {
      const V d = sub(load(x + c), load(mean + c));
      store(out + c, activate_vector(g.activation, fma(d, load(factor + c), load(offset + c))));
    }
    if (c < g.channels) {
      const int left = static_cast<int>(g.channels - c);
      const V d = sub(load_part(x + c, left), load_part(mean + c, left));
      const V y = fma(d, load_part(factor + c, left), load_part(offset + c, left));
      store_part(out + c, activate_vector(g.activation, y), left);
    }
  }
}

void group_norm_apply(const GroupNormArgs& g, int64_t task, float*) {
  if (g.x_bf16)
    g.out_bf16 ? group_norm_apply_of<BFloat16, BFloat16>(g, task)
               : group_norm_apply_of<BFloat16, float>(g, task);
  else
    g.out_bf16 ? group_norm_apply_of<float, BFloat16>(g, task) : group_norm_apply_of<float, float>(g, task);
}

template <class Y>
void layer_norm_of(const LayerNormArgs& g, int64_t task) {
  const int64_t first = task * g.block_rows;
  const int64_t last = first + g.block_rows < g.rows ? first + g.block_rows : g.rows;
  const int64_t whole = g.channels / L * L;
  const int left = static_cast<int>(g.channels - whole);
  for (int64_t row = first; row < last; ++row) {
    const float* x = g.x + row * g.x_stride;
    Y* out = as<Y>(g.out) + row * g.channels;
    V sum = set1(0.0f);
    for (int64_t c = 0; c < whole; c += L) sum = add(sum, load(x + c));
    if (left) sum = add(sum, load_part(x + whole, left));
    const float mean = reduce_add(sum) / static_cast<float>(g.channels);
    const V m = set1(mean);
    // What rounding left of the mean shows in the deviations and is taken off them.
    V squares = set1(0.0f), remainder = set1(0.0f);
    for (int64_t c = 0; c < whole; c += L) {
      const V d = sub(load(x + c), m);
      remainder = add(remainder, d);
      squares = fma(d, d, squares);
    }
    float total = reduce_add(squares), rest = reduce_add(remainder);
    for (int64_t c = whole; c < g.channels; ++c) {
      const float d = x[c] - mean;
      rest += d;
      total += d * d;
    }
    rest /= static_cast<float>(g.channels);
    const float variance = total / static_cast<float>(g.channels) - rest * rest;
    const V r = set1(rest), factor = set1(1.0f / std::sqrt((variance > 0.0f ? variance : 0.0f) + g.epsilon));
    for (int64_t c = 0; c < whole; c += L) {
      const V y = mul(sub(sub(load(x + c), m), r), factor);
      store(out + c, fma(y, load(g.gamma + c), load(g.beta + c)));
    }
    if (left) {
      const V y = mul(sub(sub(load_part(x + whole, left), m), r), factor);
      store_part(out + whole, fma(y, load_part(g.gamma + whole, left), load_part(g.beta + whole, left)), left);
    }
  }
}

void layer_norm(const LayerNormArgs& g, int64_t task, float*) {
  if (g.out_bf16)
    layer_norm_of<BFloat16>(g, task);
  else
    layer_norm_of<float>(g, task);
}
