// The table of the bodies of one instruction set.
constexpr Kernels table(const char* isa) {
  Kernels t{};
  t.isa = isa;
  t.panels = {kTileVectors * L, L};
  t.tile_rows = kTileRows;
  t.fast_bytes = kFastBytes;
  t.fast_bf16 = kFastBf16;
  t.kv_layout = kv_layout_of;
  t.widen = widen;

  ComputeKernels& f32 = t.of(Compute::f32);
  f32.gemm = gemm;
  f32.winograd_input = winograd_input;
  f32.winograd_product = winograd_product;
  f32.pack_kv = pack_kv;
  f32.attention = attention;

  ComputeKernels& bf16 = t.of(Compute::bf16);
  bf16.round_weights = round_to_bf16;
  bf16.round_rows = round_rows_bf16;
  bf16.gemm = gemm_bf16;
  bf16.winograd_input = winograd_input_bf16;
  bf16.winograd_product = winograd_product_bf16;
  bf16.pack_kv = pack_kv_bf16;
  bf16.attention = attention_bf16;

  ComputeKernels& int16 = t.of(Compute::int16);
  int16.round_weights = quantize_weight_words;
  int16.round_rows = quantize_words;
  int16.gemm = gemm_int16;
  int16.winograd_input = winograd_input_int16;
  int16.winograd_product = winograd_product_int16;
  int16.pack_kv = pack_kv_int16;
  int16.attention = attention_int16;

  ComputeKernels& int8_weights = t.of(Compute::int8_weights);
  int8_weights.round_weights = quantize_weights;
  int8_weights.round_rows = quantize_words;
  int8_weights.gemm = gemm_int8_weights;
  int8_weights.winograd_input = winograd_input_int16;
  int8_weights.winograd_product = winograd_product_int8_weights;

  ComputeKernels& int8 = t.of(Compute::int8);
  int8.round_weights = quantize_weights;
  int8.round_rows = quantize;
  int8.gemm = gemm_int8;

  t.group_norm_sums = group_norm_sums;
  t.group_norm_apply = group_norm_apply;
  t.layer_norm = layer_norm;
  t.activate = activate;
  t.add = add_rows;
  return t;
}
