// Quantised weights of a file, loaded for a device that multiplies them as they are: what is kept so, what that takes, and that
// a call then gives the bits of the same weights widened.
#include <cmath>
#include <filesystem>
#include <map>
#include <random>

#include "block_weights.h"
#include "golden_pipeline.h"
#include "graph/graph.h"
#include "harness.h"
#include "pipeline/load/load_params.h"
#include "test_device.h"
#include "weights/dtype.h"
#include "weights/indexed_source.h"
#include "weights/write/convert.h"

namespace {

using ipa::DType;
using ipa::TensorInfo;
namespace fs = std::filesystem;

bool multiplies_blocks() {
  const ipa_test::TestDevice& device = ipa_test::test_device();
  return device.is_gpu() && device.compute != ipa::Compute::f32;
}

// Random tensors of any type in blocks, or in f32.
class RandomTensors : public ipa::IndexedSource {
 public:
  struct Wanted {
    std::string name;
    DType type;
    std::vector<int64_t> shape;
  };
  explicit RandomTensors(const std::vector<Wanted>& all) {
    ipa_test::Random random(11);
    std::vector<TensorInfo> infos;
    for (const Wanted& wanted : all) {
      TensorInfo info{wanted.name, wanted.type, wanted.shape};
      if (wanted.type == DType::f32) {
        values_.emplace_back(static_cast<size_t>(info.elements()), 0.5f);
        bytes_.emplace_back();
        info.bytes = static_cast<uint64_t>(info.elements()) * sizeof(float);
      } else {
        ipa_test::BlockWeights drawn(wanted.type, info.elements(), 0.1f, random);
        info.bytes = drawn.bytes.size();
        values_.push_back(std::move(drawn.values));
        bytes_.push_back(std::move(drawn.bytes));
      }
      infos.push_back(std::move(info));
    }
    list(std::move(infos));
  }
  const std::string& path() const override { return path_; }

 private:
  ipa::Status read_place(size_t place, DType as, void* out) const override {
    if (as == DType::f32)
      std::copy(values_[place].begin(), values_[place].end(), static_cast<float*>(out));
    else
      std::copy(bytes_[place].begin(), bytes_[place].end(), static_cast<uint8_t*>(out));
    return {};
  }

  std::string path_ = "random tensors";
  std::vector<std::vector<float>> values_;
  std::vector<std::vector<uint8_t>> bytes_;
};

// A folder that goes with it.
class Scratch {
 public:
  Scratch() : path_(fs::temp_directory_path() / ("ipa-blocks-" + std::to_string(std::random_device()()))) {
    fs::create_directories(path_);
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  // The UNet of the small model in another type, as a folder.
  std::string unet(const std::string& from, const std::string& file, DType type) const {
    const fs::path folder = path_ / (std::string(ipa::dtype_name(type)) + fs::path(file).extension().string());
    fs::create_directories(folder);
    fs::copy_file(mini() + "/unet/config.json", folder / "config.json", fs::copy_options::overwrite_existing);
    CHECK_OK(ipa::convert({from, (folder / file).string(), type, true}).status());
    return folder.string();
  }
  static std::string mini() { return ipa_test::golden_folder() + "/../../models/mini"; }

 private:
  fs::path path_;
};

ipa::LoadRequest mini_with(const std::string& unet) {
  ipa::LoadRequest request;
  request.model = Scratch::mini();
  request.unet = unet;
  return request;
}

ipa::GenerateRequest mini_request() {
  ipa::GenerateRequest request;
  ipa::TokenChunks prompt;
  prompt.ids.assign(20, 2831);
  prompt.weights.assign(20, 1.0f);
  prompt.ids[0] = 2830;
  for (int i = 1; i < 8; ++i) prompt.ids[static_cast<size_t>(i)] = 100 * i;
  request.prompt = {prompt};
  prompt.ids.assign(20, 2831);
  request.negative = {prompt};
  request.width = request.height = 64;
  request.steps = 2;
  request.seeds = {3};
  request.decode = false;
  return request;
}

std::vector<float> latents_of(const ipa::ModelSet& models) {
  auto result = ipa_test::generate(models, mini_request(), nullptr, nullptr);
  CHECK_OK(result.status());
  if (!result.ok() || result.value().latents.empty()) return {};
  return result.value().latents.front();
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) return 1e9;
  double most = 0, largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    largest = std::max(largest, std::fabs(static_cast<double>(b[i])));
  }
  return most / largest;
}

std::map<std::string, bool> kept(const ipa::ParamSet& params) {
  std::map<std::string, bool> all;
  for (const auto& param : params.all()) all[param->names.front()] = static_cast<bool>(param->blocks);
  return all;
}

}  // namespace

TEST_ONCE(pipeline_blocks_that_are_kept) {
  const RandomTensors source({{"a.weight", DType::q4_k, {36, 64}},
                              {"q.weight", DType::q4_0, {40, 64}},
                              {"k.weight", DType::q6_k, {40, 64}},
                              {"v.weight", DType::q8_0, {40, 64}},
                              {"in.weight", DType::f32, {40, 64}},
                              {"half.weight", DType::q8_0, {40, 64}},
                              {"conv.weight", DType::q5_1, {16, 64, 3, 3}},
                              {"odd.weight", DType::q8_0, {64, 20}},
                              {"norm.weight", DType::q8_0, {64}},
                              {"norm.bias", DType::f32, {64}}});
  ipa::ParamSet params;
  CHECK_OK(ipa::declare_params(params, [](ipa::Graph& graph) {
    const ipa::Value x = graph.layer_norm(graph.input({1, 4, 4, 64}), "norm", 1e-5f);
    graph.output(graph.linear(x, "a", 36, false));
    graph.output(graph.linears(x, {"q", "k", "v"}, 40, false));
    graph.output(graph.linears(x, {"half", "in"}, 40, false));
    graph.output(graph.conv2d(x, "conv", 16, {}, false));
    graph.output(graph.linear(graph.input({1, 1, 4, 20}), "odd", 64, false));
  }));
  const ipa_test::TestDevice& device = ipa_test::test_device();
  const ipa::Backend& backend = device.is_gpu() ? *device.backend : ipa_test::golden_backend();
  for (const ipa::Compute compute : {ipa::Compute::f16, ipa::Compute::f32, ipa::Compute::int8_weights}) {
    if (compute == ipa::Compute::f16 && !device.is_gpu()) continue;
    for (const auto& param : params.all())
      if (param->is_matrix()) param->compute = compute;
    const bool blocks = compute == ipa::Compute::f16 && device.is_gpu();
    const std::map<std::string, bool> expected = {
        {"a.weight", blocks},  {"q.weight", blocks},   {"half.weight", false}, {"conv.weight", blocks},
        {"odd.weight", false}, {"norm.weight", false}, {"norm.bias", false}};
    const auto foreseen = ipa::foresee_params(params, source, "the network", backend);
    CHECK_OK(foreseen.status());
    CHECK(kept(params) == expected);
    CHECK_OK(ipa::load_params(params, source, "the network", {backend, 2}));
    CHECK(kept(params) == expected);
    CHECK_EQ(params.bytes(), foreseen.value());
  }
}

// The converter's types; those of K are multiplied in ops_blocks_test.cc.
TEST_ONCE(pipeline_blocks_give_the_bits_of_widened_weights) {
  if (!multiplies_blocks()) return;
  const Scratch scratch;
  const auto plain = ipa_test::load_golden_models(mini_with(""));
  if (!plain) return;
  for (const DType type : {DType::q8_0, DType::q5_1, DType::q4_0}) {
    const std::string blocks = scratch.unet(Scratch::mini() + "/unet", "diffusion_pytorch_model.gguf", type);
    const std::string wide = scratch.unet(blocks, "diffusion_pytorch_model.safetensors", DType::f32);
    const auto narrow = ipa_test::load_golden_models(mini_with(blocks));
    const auto widened = ipa_test::load_golden_models(mini_with(wide));
    ipa::LoadRequest on_cpu = mini_with(blocks);
    on_cpu.devices.device = "cpu";
    on_cpu.threads = 2;
    const auto cpu = ipa::ModelSet::load(on_cpu, nullptr);
    CHECK_OK(cpu.status());
    if (!narrow || !widened || !cpu.ok()) return;
    const std::vector<float> result = latents_of(*narrow);
    CHECK(!result.empty() && result == latents_of(*widened));
    CHECK(difference(result, latents_of(*cpu.value())) < ipa_test::test_device().allowed_of_networks(0));
    // A matrix in f16 has 16 bits a weight, and the few others stay.
    CHECK(narrow->unet->params.bytes() < plain->unet->params.bytes() * (type == DType::q8_0 ? 62 : 50) / 100);
    CHECK(narrow->memory_bytes() < plain->memory_bytes());
    CHECK_EQ(widened->memory_bytes(), plain->memory_bytes());
    ipa_test::check_begin_bytes(*narrow, mini_request());
  }
}

// Weights that a LoRA changes are widened, the others stay as they are.
TEST_ONCE(pipeline_blocks_with_a_lora) {
  if (!multiplies_blocks()) return;
  const Scratch scratch;
  const std::string blocks =
      scratch.unet(Scratch::mini() + "/unet", "diffusion_pytorch_model.gguf", DType::q4_0);
  const std::string wide = scratch.unet(blocks, "diffusion_pytorch_model.safetensors", DType::f32);
  const std::string lora =
      ipa_test::golden_folder() + "/../../models/mini-custom/pytorch_lora_weights.safetensors";
  const auto narrow = ipa_test::load_golden_models(mini_with(blocks));
  ipa::LoadRequest request = mini_with(wide);
  request.loras = {{lora, 0.8f}};
  const auto widened = ipa_test::load_golden_models(request);
  request.unet = blocks;
  const auto from_the_start = ipa_test::load_golden_models(request);
  if (!narrow || !widened || !from_the_start) return;
  const size_t before = narrow->memory_bytes();
  const std::vector<float> plain = latents_of(*narrow), expected = latents_of(*widened);
  CHECK_OK(narrow->set_loras({{lora, 0.8f}}, nullptr));
  CHECK(before < narrow->memory_bytes() && narrow->memory_bytes() < widened->memory_bytes());
  CHECK_EQ(narrow->memory_bytes(), from_the_start->memory_bytes());
  CHECK(latents_of(*narrow) == expected && latents_of(*from_the_start) == expected);
  CHECK(plain != expected);
  CHECK_OK(narrow->set_loras({}, nullptr));
  CHECK_EQ(narrow->memory_bytes(), before);
  CHECK(latents_of(*narrow) == plain);
}
