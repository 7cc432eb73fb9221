// libFuzzer entry: any bytes, as safetensors or as PyTorch's, must give a typed error, or a LoRA that can be
// added to a tiny model. See README.md.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "any_source.h"
#include "weights/changes/merged_source.h"
#include "weights/describe/component_kind.h"
#include "weights/formats/safetensors/safetensors.h"

namespace {

struct Layer {
  const char* name;
  std::vector<int64_t> shape;
};

std::unique_ptr<ipa::TensorSource> tiny_model() {
  static const Layer layers[] = {
      {"conv_in.weight", {4, 4, 3, 3}},
      {"down_blocks.0.resnets.0.conv1.weight", {4, 4, 3, 3}},
      {"down_blocks.0.resnets.0.conv1.bias", {4}},
      {"down_blocks.0.attentions.0.proj_in.weight", {4, 4, 1, 1}},
      {"down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight", {6, 4}},
      {"down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0.weight", {4, 6}},
      {"down_blocks.0.attentions.0.transformer_blocks.0.norm1.weight", {4}},
      {"text_model.encoder.layers.0.self_attn.q_proj.weight", {8, 8}},
  };
  std::string header;
  size_t end = 0;
  for (const Layer& layer : layers) {
    size_t elements = 1;
    std::string shape;
    for (const int64_t side : layer.shape) {
      shape += (shape.empty() ? "" : ",") + std::to_string(side);
      elements *= static_cast<size_t>(side);
    }
    const std::string begin = std::to_string(end);
    end += 4 * elements;
    header += (header.empty() ? "{\"" : ",\"") + std::string(layer.name) + R"(":{"dtype":"F32","shape":[)" +
              shape + R"(],"data_offsets":[)" + begin + "," + std::to_string(end) + "]}";
  }
  header += "}";
  std::vector<uint8_t> bytes(8 + header.size() + end, 0);
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(uint64_t{header.size()} >> (8 * i));
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return ipa::open_safetensors_bytes(std::move(bytes), "model").take();
}

void add(const std::vector<ipa::LoraUse>& uses, ipa::LoraPart part) {
  auto merged = ipa::with_loras(tiny_model(), uses, part);
  if (!ipa_fuzz::good(merged)) return;
  for (const ipa::TensorInfo& info : merged.value()->tensors()) {
    std::vector<float> out(static_cast<size_t>(info.elements()));
    const ipa::Status status = merged.value()->read_f32(info, out.data());
    if (status.code() == ipa::Code::internal) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto source = ipa_fuzz::open_bytes(data, size);
  if (!source.ok()) return 0;
  // Telling what a file is and reading it must agree.
  const ipa::ComponentKind kind = ipa::component_kind(*source.value());
  const bool sorted = ipa::sort_lora_tensors(*source.value()).ok();
  auto file = ipa::read_lora(source.take());
  if (file.ok() && (!sorted || (kind != ipa::ComponentKind::lora && kind != ipa::ComponentKind::ip_adapter &&
                                kind != ipa::ComponentKind::model)))
    std::abort();
  if (!ipa_fuzz::good(file)) return 0;
  std::vector<ipa::LoraUse> uses(1);
  uses[0] = {file.take(), 0.5f};
  for (const auto part : {ipa::LoraPart::unet, ipa::LoraPart::text_encoder, ipa::LoraPart::text_encoder_2})
    add(uses, part);
  return 0;
}
