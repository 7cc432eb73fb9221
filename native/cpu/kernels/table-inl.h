// The tables of the bodies of one instruction set: by what they multiply, and of all together.
constexpr ComputeKernels f32_kernels() {
  ComputeKernels f32{};
  f32.gemm = gemm;
  f32.winograd_input = winograd_input;
  f32.winograd_product = winograd_product;
  f32.pack_kv = pack_kv;
  f32.attention = attention;
  f32.attention_map = attention_map;
  return f32;
}

constexpr ComputeKernels bf16_kernels() {
  ComputeKernels bf16{};
  bf16.round_weights = round_to_bf16;
  bf16.round_rows = round_rows_bf16;
  bf16.gemm = gemm_bf16;
  bf16.winograd_input = winograd_input_bf16;
  bf16.winograd_product = winograd_product_bf16;
  bf16.pack_kv = pack_kv_bf16;
  bf16.attention = attention_bf16;
  return bf16;
}

constexpr ComputeKernels int16_kernels() {
  ComputeKernels int16{};
  int16.round_weights = quantize_weight_words;
  int16.round_rows = quantize_words;
  int16.gemm = gemm_int16;
  int16.winograd_input = winograd_input_int16;
  int16.winograd_product = winograd_product_int16;
  int16.pack_kv = pack_kv_int16;
  int16.attention = attention_int16;
  return int16;
}

constexpr ComputeKernels int8_weights_kernels() {
  ComputeKernels int8_weights{};
  int8_weights.round_weights = quantize_weights;
  int8_weights.round_rows = quantize_words;
  int8_weights.gemm = gemm_int8_weights;
  int8_weights.winograd_input = winograd_input_int16;
  int8_weights.winograd_product = winograd_product_int8_weights;
  return int8_weights;
}

constexpr ComputeKernels int8_kernels() {
  ComputeKernels int8{};
  int8.round_weights = quantize_weights;
  int8.round_rows = quantize;
  int8.gemm = gemm_int8;
  return int8;
}

constexpr IntegerKernels integer_kernels() { return {int16_kernels(), int8_weights_kernels(), int8_kernels()}; }

constexpr Kernels table(const char* isa, const ComputeKernels& f32, const ComputeKernels& bf16,
                        const IntegerKernels& integers) {
  Kernels t{};
  t.isa = isa;
  t.panels = {kTileVectors * L, L};
  t.tile_rows = kTileRows;
  t.fast_bytes = kFastBytes;
  t.fast_bf16 = kFastBf16;
  t.kv_layout = kv_layout_of;
  t.widen = widen;
  t.by_compute[static_cast<size_t>(Compute::f32)] = &f32;
  t.by_compute[static_cast<size_t>(Compute::bf16)] = &bf16;
  t.by_compute[static_cast<size_t>(Compute::int16)] = &integers.int16;
  t.by_compute[static_cast<size_t>(Compute::int8_weights)] = &integers.int8_weights;
  t.by_compute[static_cast<size_t>(Compute::int8)] = &integers.int8;
  t.group_norm_sums = group_norm_sums;
  t.group_norm_apply = group_norm_apply;
  t.layer_norm = layer_norm;
  t.activate = activate;
  t.add = add_rows;
  return t;
}
