// The emulated device itself: right kernels give right numbers however threads take turns, and limits are kept.
#include <algorithm>

#include "cuda_emulator_rig.h"
#include "half_types.h"

using namespace emulator_test;
using cuda_emulator::Options;

namespace {

struct Halves {
  std::vector<uint16_t> bits;
  std::vector<double> values;
  bool bfloat;

  static double decode(uint16_t bits, bool bfloat) {
    return bfloat ? cuda_emulator::float_of_bfloat(bits) : cuda_emulator::float_of_half(bits);
  }
  Halves(size_t count, uint64_t seed, bool of_bfloat) : bfloat(of_bfloat) {
    for (const float value : random_floats(count, seed)) {
      bits.push_back(bfloat ? cuda_emulator::bfloat_of_float(value) : cuda_emulator::half_of_float(value));
      values.push_back(decode(bits.back(), bfloat));
    }
  }
};

struct Product {
  int rows, columns, depth;
  bool transposed, bfloat;
};

// |difference| / |expected|, of the device's product against one in f64 of the same halves.
double product_error(const Product& p) {
  const auto size = [](int a, int b) { return static_cast<size_t>(a) * static_cast<size_t>(b); };
  const Halves a(size(p.rows, p.depth), 1, p.bfloat), b(size(p.columns, p.depth), 2, p.bfloat);
  Gpu gpu(*cuda_emulator::emulated_api());
  auto* out = static_cast<uint16_t*>(gpu.device(size(p.rows, p.columns) * 2));
  TestArgs g;
  g.a = gpu.upload(a.bits);
  g.b = gpu.upload(b.bits);
  g.out = out;
  g.rows = p.rows, g.columns = p.columns, g.depth = p.depth, g.bfloat = p.bfloat;
  CHECK_EQ(gpu.launch(p.transposed ? Kernel::product_transposed : Kernel::product, g), gpu_ok);
  const std::vector<uint16_t> made = gpu.download(out, size(p.rows, p.columns));
  double difference = 0, norm = 0;
  for (int r = 0; r < p.rows; ++r)
    for (int c = 0; c < p.columns; ++c) {
      double sum = 0;
      for (int k = 0; k < p.depth; ++k)
        sum += a.values[size(r, p.depth) + static_cast<size_t>(k)] *
               b.values[p.transposed ? size(k, p.columns) + static_cast<size_t>(c)
                                     : size(c, p.depth) + static_cast<size_t>(k)];
      const double actual = Halves::decode(made[size(r, p.columns) + static_cast<size_t>(c)], p.bfloat);
      difference += (actual - sum) * (actual - sum);
      norm += sum * sum;
    }
  return std::sqrt(difference / norm);
}

// Through a double, which holds every half and every value halfway between two.
uint16_t nearest_half(double value) {
  const double size = std::fabs(value);
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (size >= 65520) return sign | 0x7c00;
  const int exponent = std::max(std::ilogb(std::max(size, 1e-30)), -14);
  const double steps = std::nearbyint(std::ldexp(size, 10 - exponent));  // to even
  const int biased = exponent + 14;  // the leading one of `steps` carries into it
  return static_cast<uint16_t>(sign | (biased * 1024 + static_cast<int>(steps)));
}

}  // namespace

TEST_ONCE(cuda_emulator_halves_round_to_nearest_even) {
  int wrong = 0;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = cuda_emulator::float_of_half(half);
    if (std::isnan(value)) continue;
    // The half itself, and what lies just beside the middle between it and the next, and upon it.
    wrong += cuda_emulator::half_of_float(value) != half;
    if ((bits & 0x7fff) >= 0x7bff) continue;
    const float middle = (value + cuda_emulator::float_of_half(half + 1u)) / 2;
    for (const float near : {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, middle * 2)})
      wrong += cuda_emulator::half_of_float(near) != nearest_half(near);
  }
  CHECK_EQ(wrong, 0);
  CHECK_EQ(cuda_emulator::half_of_float(1e30f), 0x7c00);
  CHECK_EQ(cuda_emulator::half_of_float(65519.0f), 0x7bff);
  CHECK_EQ(cuda_emulator::half_of_float(65520.0f), 0x7c00);
  CHECK(std::isnan(cuda_emulator::float_of_half(cuda_emulator::half_of_float(NAN))));
  CHECK(std::isinf(cuda_emulator::float_of_half(0xfc00)));
}

TEST_ONCE(cuda_emulator_bfloats_round_to_nearest_even) {
  CHECK_EQ(cuda_emulator::bfloat_of_float(1.0f), 0x3f80);
  CHECK_EQ(cuda_emulator::bfloat_of_float(1.00390625f), 0x3f80);   // halfway: to even
  CHECK_EQ(cuda_emulator::bfloat_of_float(1.01171875f), 0x3f82);   // halfway: to even
  CHECK_EQ(cuda_emulator::bfloat_of_float(1.003906368f), 0x3f81);  // just above
  CHECK_EQ(cuda_emulator::bfloat_of_float(-3.4e38f), 0xff80);
  CHECK(std::isnan(cuda_emulator::float_of_bfloat(cuda_emulator::bfloat_of_float(NAN))));
}

TEST_ONCE(cuda_emulator_products_are_right_in_every_order) {
  for (const Options& options : all_orders()) {
    reset_device(options);
    CHECK(product_error({70, 72, 104, false, false}) < 5e-4);
    CHECK(product_error({33, 40, 56, true, false}) < 5e-4);
    CHECK(product_error({70, 72, 104, false, true}) < 4e-3);
    CHECK(product_error({33, 40, 56, true, true}) < 4e-3);
    check_no_findings();
  }
}

TEST_ONCE(cuda_emulator_sums_of_rows_by_shuffles_are_right_in_every_order) {
  constexpr int rows = 7, columns = 77;
  const std::vector<float> values = random_floats(rows * columns, 3);
  for (const Options& options : all_orders()) {
    reset_device(options);
    Gpu gpu(*cuda_emulator::emulated_api());
    TestArgs g;
    auto* out = static_cast<float*>(gpu.device(rows * sizeof(float)));
    g.a = gpu.upload(values), g.out = out, g.rows = rows, g.columns = columns;
    CHECK_EQ(gpu.launch(Kernel::row_sums, g), gpu_ok);
    const std::vector<float> sums = gpu.download(out, rows);
    for (size_t r = 0; r < rows; ++r) {
      double sum = 0;
      for (size_t c = 0; c < columns; ++c) sum += static_cast<double>(values[r * columns + c]);
      CHECK_NEAR(static_cast<double>(sums[r]), sum, 1e-5);
    }
    check_no_findings();
  }
}

TEST_ONCE(cuda_emulator_votes_and_atomic_sums_are_right_in_every_order) {
  std::vector<int32_t> given(64, 0);
  for (size_t i = 0; i < 32; ++i) given[i] = i % 3 != 0;  // the second warp has no vote
  for (const Options& options : all_orders()) {
    reset_device(options);
    Gpu gpu(*cuda_emulator::emulated_api());
    TestArgs g;
    auto* out = static_cast<int32_t*>(gpu.device(64 * 4 * sizeof(int32_t)));
    g.a = gpu.upload(given), g.out = out;
    CHECK_EQ(gpu.launch(Kernel::votes, g), gpu_ok);
    const std::vector<int32_t> votes = gpu.download(out, 64 * 4);
    for (size_t i = 0; i < 64; ++i) {
      CHECK_EQ(static_cast<uint32_t>(votes[i * 4]), i < 32 ? 0xb6db6db6u : 0u);
      CHECK_EQ(votes[i * 4 + 1], 1);
      CHECK_EQ(votes[i * 4 + 2], 0);
      CHECK_EQ(votes[i * 4 + 3], i % 8 ? given[i - 1] : given[i]);
    }
    std::vector<int32_t> values(1000), counts(5, 0);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int32_t>(i * i % 5);
    g.a = gpu.upload(values), g.out = gpu.upload(counts), g.rows = 1000, g.columns = 5;
    CHECK_EQ(gpu.launch(Kernel::histogram, g), gpu_ok);
    for (const int32_t value : values) ++counts[static_cast<size_t>(value)];
    CHECK(gpu.download(static_cast<const int32_t*>(g.out), 5) == counts);
    check_no_findings();
  }
}

TEST_ONCE(cuda_emulator_refuses_launches_beyond_the_limits) {
  reset_device();
  Gpu gpu(*cuda_emulator::emulated_api());
  TestArgs g;
  g.a = gpu.upload(random_floats(4 * 32, 4)), g.out = gpu.device(64), g.rows = 4, g.columns = 32;
  CHECK_EQ(gpu.launch(Kernel::row_sums, g), gpu_ok);
  g.threads = 160;  // of a kernel for 128
  CHECK_EQ(gpu.launch(Kernel::row_sums, g), gpu_failed);
  g.threads = 0, g.shared = 48 << 10;
  CHECK_EQ(gpu.launch(Kernel::row_sums, g), gpu_ok);
  g.shared = (48 << 10) + 1;  // without having asked for it
  CHECK_EQ(gpu.launch(Kernel::row_sums, g), gpu_failed);
  char text[256];
  gpu.api.describe(text, sizeof(text));
  CHECK(std::string(text).find("shared memory") != std::string::npos);
  g.shared = 0, g.rows = 0;  // no blocks
  CHECK_EQ(gpu.launch(Kernel::row_sums, g), gpu_failed);
  CHECK_EQ(gpu.api.launch(gpu.queue, 99, &g, sizeof(g)), gpu_failed);
  CHECK_EQ(gpu.api.launch(gpu.queue, 0, &g, sizeof(g) - 8), gpu_failed);
  g = {};
  g.blocks_y = 65536;
  g.rows = g.columns = g.depth = 8;
  CHECK_EQ(gpu.launch(Kernel::product, g), gpu_failed);
  check_no_findings();
}

TEST_ONCE(cuda_emulator_shared_memory_is_that_of_the_capability) {
  struct {
    int capability, most_kib;
  } const devices[] = {{75, 64}, {80, 163}, {86, 99}, {89, 99}, {90, 227}, {100, 227}, {120, 99}};
  for (const auto& device : devices) {
    Options options;
    options.capability = device.capability;
    reset_device(options);
    Gpu gpu(*cuda_emulator::emulated_api());
    TestArgs g;
    g.rows = g.columns = g.depth = 8;
    const std::vector<uint16_t> halves(64, 0);
    g.a = gpu.upload(halves), g.b = gpu.upload(halves), g.out = gpu.device(128);
    g.shared = device.most_kib << 10;
    CHECK_EQ(gpu.launch(Kernel::product, g), gpu_ok);
    g.shared += 16;
    CHECK_EQ(gpu.launch(Kernel::product, g), gpu_failed);
    GpuDeviceInfo info{};
    CHECK_EQ(gpu.api.device_info(0, &info), gpu_ok);
    CHECK_EQ(info.shared_per_block, device.most_kib << 10);
    CHECK_EQ(info.major * 10 + info.minor, device.capability);
  }
}

TEST_ONCE(cuda_emulator_loses_the_device_where_sm_75_multiplies_bfloats) {
  Options options;
  options.capability = 75;
  reset_device(options);
  CHECK(product_error({32, 32, 32, false, false}) < 5e-4);
  check_no_findings();
  GpuQueue* queue = nullptr;
  const GpuApi& api = *cuda_emulator::emulated_api();
  CHECK_EQ(api.open(0, &queue), gpu_ok);
  TestArgs g;
  g.rows = g.columns = g.depth = 8, g.bfloat = 1;
  void *in = nullptr, *out = nullptr;
  CHECK_EQ(api.take(queue, 128, &in), gpu_ok);
  CHECK_EQ(api.take(queue, 128, &out), gpu_ok);
  CHECK_EQ(api.fill_zero(queue, in, 128), gpu_ok);
  g.a = g.b = in, g.out = out;
  CHECK_EQ(api.launch(queue, static_cast<int32_t>(Kernel::product), &g, sizeof(g)), gpu_lost);
  CHECK_EQ(api.fill_zero(queue, in, 128), gpu_lost);  // and so it stays
  api.close(queue);
}
