#include "golden_case.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/file.h"
#include "cpu/isa/cpu_features.h"
#include "cpu/launch/thread_pool.h"
#include "harness.h"
#include "models/compute_choice.h"
#include "pipeline/load/load_params.h"
#include "test_device.h"
#include "weights/formats/safetensors/safetensors.h"

namespace ipa_test {

namespace {
constexpr int threads = 2;
}  // namespace

Tensor channels_last(const Tensor& tensor) {
  const int64_t n = tensor.size(0), c = tensor.size(1), h = tensor.size(2), w = tensor.size(3);
  Tensor result{{n, h, w, c}, std::vector<float>(tensor.values.size())};
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k < c; ++k)
      for (int64_t p = 0; p < h * w; ++p)
        result.values[static_cast<size_t>((i * h * w + p) * c + k)] =
            tensor.values[static_cast<size_t>((i * c + k) * h * w + p)];
  return result;
}

std::vector<int32_t> as_ids(const Tensor& tensor) {
  std::vector<int32_t> ids;
  for (float value : tensor.values) ids.push_back(static_cast<int32_t>(value));
  return ids;
}

ipa::Json read_json_file(const std::string& path) {
  const auto text = ipa::read_file(path, 1 << 24);
  CHECK_OK(text.status());
  if (!text.ok()) return {};
  ipa::Json::Limits limits;
  limits.python_constants = true;
  auto json = ipa::Json::parse(text.value(), limits);
  CHECK_OK(json.status());
  return json.ok() ? json.take() : ipa::Json();
}

GoldenFolder::GoldenFolder(const std::string& name)
    : folder_(golden_folder() + "/models/" + name), name_(name) {
  document_ = read_json_file(path("golden.json"));
  auto source = ipa::open_safetensors(path("golden.safetensors"));
  CHECK_OK(source.status());
  if (source.ok()) source_ = source.take();
}

std::vector<const ipa::Json*> GoldenFolder::cases(const std::string& network) const {
  std::vector<const ipa::Json*> result;
  const ipa::Json* all = document_.find("cases");
  if (all)
    for (const ipa::Json& entry : all->array())
      if (entry.find("network")->string() == network) result.push_back(&entry);
  if (result.empty()) fail(__FILE__, __LINE__, name_ + " has no case of " + network);
  return result;
}

bool GoldenFolder::has(const ipa::Json& entry, const char* group, const std::string& argument) {
  return entry.find(group)->find(argument) != nullptr;
}

Tensor GoldenFolder::tensor(const ipa::Json& entry, const char* group, const std::string& argument) const {
  const ipa::Json* name = entry.find(group)->find(argument);
  const ipa::TensorInfo* info = name && source_ ? source_->find(name->string()) : nullptr;
  if (!info) {
    fail(__FILE__, __LINE__, name_ + ": " + entry.find("name")->string() + " has no tensor " + argument);
    return {};
  }
  Tensor result{info->shape, std::vector<float>(static_cast<size_t>(info->elements()))};
  CHECK_OK(source_->read_f32(*info, result.values.data()));
  return result;
}

double relative_error(const std::vector<float>& values, const std::vector<float>& reference) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  if (values.size() != reference.size() || values.empty()) return infinite;
  double difference = 0, scale = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double d = std::fabs(static_cast<double>(values[i]) - static_cast<double>(reference[i]));
    if (!std::isfinite(d)) return infinite;
    difference = std::max(difference, d);
    scale = std::max(scale, std::fabs(static_cast<double>(reference[i])));
  }
  return difference == 0 ? 0 : difference / scale;
}

namespace {

// As rounding.json calls the type of the device under test; null where it has no 16 bits.
const char* sixteen_bits() {
  if (!test_device().is_gpu()) return nullptr;
  switch (test_device().compute) {
    case ipa::Compute::f16: return "f16";
    case ipa::Compute::bf16: return "bf16";
    default: return nullptr;
  }
}

constexpr double luck = 1.5;

const ipa::Json& rounding() {
  static const ipa::Json all = read_json_file(golden_folder() + "/rounding.json");
  return all;
}

}  // namespace

double lost_in_unet(const std::string& unet) {
  const ipa::Json* found = sixteen_bits() ? rounding().find("unets")->find(unet) : nullptr;
  return found ? luck * found->find(sixteen_bits())->number() : 0;
}

std::optional<CallRounding> lost_in_calls() {
  if (!sixteen_bits()) return {};
  CallRounding worst{0, 99};
  for (const auto& [model, types] : rounding().find("calls")->object()) {
    const ipa::Json& of = *types.find(sixteen_bits());
    worst.latents = std::max(worst.latents, luck * of.find("latents")->number());
    worst.psnr = std::min(worst.psnr, of.find("psnr")->number());
  }
  return worst;
}

ErrorReport::ErrorReport(std::string group, double limit, double lost)
    : group_(std::move(group)), limit_(std::max(lost, test_device().allowed_of_networks(limit))) {}

ErrorReport::~ErrorReport() {
  std::printf("  %s: %d compared, largest relative error %.2g (%s)\n", group_.c_str(), count_, worst_,
              worst_of_.c_str());
}

void ErrorReport::add(const std::string& what, double error) {
  ++count_;
  if (!(error <= limit_)) {
    char text[64];
    std::snprintf(text, sizeof(text), "relative error %.3g, allowed %.3g", error, limit_);
    fail(__FILE__, __LINE__, group_ + " " + what + ": " + text);
  }
  if (worst_of_.empty() || error > worst_) {
    worst_ = error;
    worst_of_ = what;
  }
}

const ipa::CpuBackend& golden_backend() {
  static const ipa::CpuBackend backend = [] {
    const auto chosen = ipa::choose_kernels();
    CHECK_OK(chosen.status());
    ipa::ThreadPool& pool = ipa::ThreadPool::shared();
    if (pool.size() < threads) pool.resize(threads);
    return ipa::CpuBackend(chosen.ok() ? *chosen.value() : *ipa::runnable_kernels().front(), threads);
  }();
  return backend;
}

const ipa::Backend& network_backend() {
  return test_device().is_gpu() ? *test_device().backend : static_cast<const ipa::Backend&>(golden_backend());
}

NetworkRun::NetworkRun(std::string what) : what_(std::move(what)), graph_(&params_) {
  params_.activations = test_device().activations();
}

ipa::Value NetworkRun::input(ipa::Shape shape, std::vector<float> values) {
  const ipa::Value value = graph_.input(shape);
  if (static_cast<size_t>(shape.elements()) != values.size())
    fail(__FILE__, __LINE__,
         what_ + ": an input of " + std::to_string(shape.elements()) + " numbers was given " +
             std::to_string(values.size()));
  values.resize(static_cast<size_t>(shape.elements()));
  floats_[value.id] = std::move(values);
  return value;
}

ipa::Value NetworkRun::ids(ipa::Shape shape, std::vector<int32_t> values) {
  const ipa::Value value = graph_.input(shape, ipa::Storage::i32);
  CHECK_EQ(static_cast<size_t>(shape.elements()), values.size());
  values.resize(static_cast<size_t>(shape.elements()));
  ids_[value.id] = std::move(values);
  return value;
}

ipa::Value NetworkRun::keys(ipa::KeyValueShape shape, const ipa::BoundView& memory) {
  const ipa::Value value = graph_.packed_kv_input(shape);
  external_.emplace_back(value, memory);
  return value;
}

bool NetworkRun::run(const ipa::Result<std::unique_ptr<ipa::TensorSource>>& weights,
                     const std::vector<ipa::Value>& outputs) {
  auto attempt = [&]() -> ipa::Status {
    if (!weights.ok()) return weights.status();
    IPA_TRY(graph_.status());
    if (test_device().is_gpu()) ipa::choose_compute(params_, {test_device().compute, true});
    IPA_TRY(ipa::load_params(params_, *weights.value(), what_, {network_backend(), threads}));
    for (ipa::Value output : outputs) graph_.output(output);
    std::vector<ipa::Value> outside;
    for (const auto& bound : external_) outside.push_back(bound.first);
    IPA_ASSIGN(program_, ipa::Program::make(std::move(graph_), network_backend(), outside));
    for (const auto& bound : external_) program_->bind(bound.first, bound.second);
    IPA_TRY(program_->prepare());
    for (const auto& [id, values] : floats_) IPA_TRY(program_->set({id}, values));
    for (const auto& [id, values] : ids_) IPA_TRY(program_->set({id}, values));
    return program_->run();
  };
  const ipa::Status status = attempt();
  CHECK_OK(status);
  return status.ok();
}

std::vector<float> NetworkRun::result(ipa::Value output) {
  std::vector<float> values(static_cast<size_t>(program_->shape(output).elements()));
  CHECK_OK(program_->get(output, values));
  return values;
}

ipa::ImageProjectionConfig projection_of(const ipa::TensorSource& adapter) {
  auto size = [&](const std::string& name, size_t dimension) {
    const ipa::TensorInfo* info = adapter.find("image_proj." + name);
    return info && dimension < info->shape.size() ? info->shape[dimension] : int64_t{0};
  };
  ipa::ImageProjectionConfig config;
  if (size("latents", 1)) {
    config.kind = ipa::ProjectionKind::plus;
    config.tokens = size("latents", 1);
    config.dim = size("latents", 2);
    config.embed_size = size("proj_in.weight", 1);
    config.cross_size = size("proj_out.weight", 0);
    config.heads = static_cast<int>(size("layers.0.0.to_q.weight", 0) / 64);
    config.ff = size("layers.0.1.1.weight", 0);
    config.depth = 0;
    while (size("layers." + std::to_string(config.depth) + ".0.to_q.weight", 0)) ++config.depth;
  } else if (size("proj.2.weight", 0)) {
    config.kind = ipa::ProjectionKind::full;
    config.embed_size = size("proj.0.weight", 1);
    config.cross_size = size("proj.2.weight", 0);
  } else {
    config.kind = ipa::ProjectionKind::base;
    config.embed_size = size("proj.weight", 1);
    config.cross_size = size("norm.weight", 0);
    config.tokens = config.cross_size ? size("proj.weight", 0) / config.cross_size : 0;
  }
  return config;
}

}  // namespace ipa_test
