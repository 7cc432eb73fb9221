// What each part of a model is multiplied in, by `dtype` and the devices of the parts.
#include "fake_devices.h"
#include "golden_pipeline.h"
#include "harness.h"
#include "pipeline/load/load_fields.h"
#include "test_device.h"

namespace {

using ipa::Capabilities;
using ipa::Compute;
using ipa::Part;
using ipa::PartCapabilities;
using ipa::PartComputes;

Capabilities cpu(bool fast_bytes = false, bool fast_bf16 = false) {
  Capabilities own;
  own.device = "cpu";
  own.fast_bytes = fast_bytes;
  own.fast_bf16 = fast_bf16;
  return own;
}

Capabilities gpu(bool has_bf16 = true) {
  Capabilities own;
  own.device = "cuda:0";
  own.is_gpu = true;
  own.has_bf16 = has_bf16;
  return own;
}

PartCapabilities all(const Capabilities& device) { return {device, device, device, device}; }

void check_parts(std::optional<Compute> asked, const PartCapabilities& devices, Compute dtype,
                 const std::array<Compute, ipa::part_count>& parts) {
  const auto computes = ipa::choose_computes(asked, devices);
  CHECK_OK(computes.status());
  if (!computes.ok()) return;
  CHECK(computes.value().dtype == dtype);
  CHECK(computes.value().parts == parts);
}

constexpr Compute f32 = Compute::f32, f16 = Compute::f16, bf16 = Compute::bf16, int16 = Compute::int16,
                  int8 = Compute::int8, int8_weights = Compute::int8_weights;

}  // namespace

TEST_ONCE(pipeline_dtype_by_default_is_that_of_each_device) {
  check_parts({}, all(cpu()), f32, {f32, f32, f32, f32});
  check_parts({}, all(gpu()), f16, {f16, bf16, f16, f16});
  check_parts({}, all(gpu(false)), f16, {f16, f32, f16, f16});
  check_parts({}, {gpu(), cpu(), cpu(), gpu()}, f16, {f16, f32, f32, f16});
  check_parts({}, {cpu(), gpu(), gpu(), cpu()}, f32, {f32, bf16, f16, f32});
}

TEST_ONCE(pipeline_dtype_on_the_cpu) {
  check_parts(f32, all(cpu()), f32, {f32, f32, f32, f32});
  check_parts(bf16, all(cpu()), bf16, {bf16, bf16, bf16, bf16});
  check_parts(int16, all(cpu()), int16, {int16, int16, int16, int16});
  check_parts(int8, all(cpu(true, true)), int8, {int8, bf16, int8_weights, int8_weights});
  check_parts(int8, all(cpu(false, false)), int8, {int8_weights, int16, int8_weights, int8_weights});
}

TEST_ONCE(pipeline_dtype_on_a_gpu) {
  check_parts(f32, all(gpu()), f32, {f32, f32, f32, f32});
  check_parts(f16, all(gpu()), f16, {f16, bf16, f16, f16});
  check_parts(bf16, all(gpu()), bf16, {bf16, bf16, bf16, bf16});
  check_parts(int8, all(gpu()), int8, {int8_weights, bf16, int8_weights, int8_weights});
  check_parts(int8, all(gpu(false)), int8, {int8_weights, f32, int8_weights, int8_weights});
}

TEST_ONCE(pipeline_dtype_of_a_part_elsewhere_is_what_its_device_has) {
  check_parts(f16, {gpu(), cpu(), cpu(), cpu()}, f16, {f16, f32, f32, f32});
  check_parts(bf16, {gpu(), cpu(), cpu(), gpu()}, bf16, {bf16, bf16, bf16, bf16});
  check_parts(bf16, {gpu(), gpu(false), gpu(false), cpu()}, bf16, {bf16, f32, f16, bf16});
  check_parts(int16, {cpu(), gpu(), gpu(), cpu()}, int16, {int16, bf16, f16, int16});
  check_parts(int8, {gpu(), cpu(true, false), cpu(), gpu()}, int8,
              {int8_weights, int16, int8_weights, int8_weights});
}

TEST_ONCE(pipeline_dtype_that_the_unets_device_lacks_is_refused) {
  const auto check = [](Compute asked, const Capabilities& device, const std::vector<const char*>& named) {
    const ipa::Status status = ipa::choose_computes(asked, all(device)).status();
    CHECK(status.code() == ipa::Code::invalid_option);
    CHECK_EQ(status.option(), std::string("dtype"));
    for (const char* name : named) CHECK(status.message().find(name) != std::string::npos);
  };
  check(f16, cpu(true, true), {"\"bf16\"", "\"f32\"", "CPU"});
  check(int16, gpu(), {"\"f16\"", "\"int8\"", "device: \"cpu\""});
  check(bf16, gpu(false), {"\"f16\"", "8.0"});
}

TEST_ONCE(pipeline_dtype_keeps_large_activations_in_bf16_where_the_vae_is) {
  const auto compact = [](std::optional<Compute> asked, const PartCapabilities& devices) {
    const auto computes = ipa::choose_computes(asked, devices);
    return computes.ok() && computes.value().compact_vae;
  };
  CHECK(compact({}, all(gpu())) && compact(bf16, all(cpu())) && compact(int8, all(cpu())));
  CHECK(!compact({}, all(gpu(false))) && !compact({}, all(cpu())) && !compact(f32, all(gpu())));
  CHECK(!compact(f16, {gpu(), cpu(), gpu(), gpu()}));
}

TEST_ONCE(pipeline_dtype_of_self_attention_beside_weights_of_8_bits) {
  const auto pairs = [](const Capabilities& unet) {
    return ipa::choose_computes(int8, {unet, cpu(), cpu(), cpu()}).value().pairs;
  };
  CHECK(pairs(cpu()) == int16 && pairs(cpu(false, true)) == bf16 && pairs(gpu()) == f16);
}

TEST_ONCE(pipeline_dtype_f16_says_why_auto_took_the_cpu) {
  const ipa_test::FakeCuda cuda(ipa::Status(ipa::Code::device, "the driver is too old"));
  const auto devices = ipa::Devices::open({}, 1);
  CHECK_OK(devices.status());
  const ipa::Status status = ipa::choose_computes(f16, devices.value()).status();
  CHECK(status.message().find("the driver is too old") != std::string::npos);
}

TEST_ONCE(pipeline_dtype_of_a_loaded_model) {
  ON_CPU_ALONE("it has devices of its own");
  const ipa_test::FakeCuda cuda(1);
  ipa::LoadRequest request;
  request.model = ipa_test::GoldenFolder("sd15").path("");
  request.compute = f32;
  request.devices.parts[static_cast<size_t>(Part::vae)] = "cpu";
  const auto models = ipa_test::load_golden_models(request);
  if (!models) return;
  CHECK(models->computes().dtype == f32);
  CHECK_EQ(models->backend(Part::unet).capabilities().device, std::string("cuda:0"));
  CHECK_EQ(models->backend(Part::vae).capabilities().device, std::string("cpu"));
  CHECK_EQ(models->devices().note(), std::string());
}

TEST_ONCE(pipeline_dtype_has_the_names_of_the_option) {
  CHECK_EQ(std::string(ipa::dtype_name(f16)), std::string("f16"));
  CHECK_EQ(std::string(ipa::dtype_name(int8)), std::string("int8"));
  CHECK_EQ(std::string(ipa::dtype_name(int8_weights)), std::string("int8"));
}
