#include "pipeline/load/loras.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "weights/describe/adapter_file.h"
#include "weights/describe/misplaced_file.h"
#include "weights/describe/other_families.h"
#include "weights/formats/weight_file.h"

namespace ipa {
namespace {

std::string with_underscores(std::string layer) {
  std::replace(layer.begin(), layer.end(), '.', '_');
  return layer;
}

// Whether both change a layer by the same numbers: FaceID's LoRA is published as a file of its own, too.
Result<bool> same_change(const LoraFile& own, const LoraFile& inside) {
  const LoraModule& first = inside.modules.front();
  for (const LoraModule& module : own.modules) {
    if (module.part != first.part || module.bias || module.delta.join != LoraJoin::first_only) continue;
    if (with_underscores(module.layer) != with_underscores(first.layer)) continue;
    const TensorInfo* a = module.delta.first.right;
    const TensorInfo* b = first.delta.first.right;
    if (!a || !b || a->shape != b->shape) return false;
    std::vector<float> of_own(static_cast<size_t>(a->elements())), of_inside(of_own.size());
    IPA_TRY(own.weights->read_f32(*a, of_own.data()));
    IPA_TRY(inside.weights->read_f32(*b, of_inside.data()));
    return of_own == of_inside;
  }
  return false;
}

}  // namespace

std::vector<std::string> attention_names(const UNet& unet) {
  std::vector<std::string> names;
  for (const CrossLayer& layer : unet.cross_layers()) {
    if (layer.adapter_index < 0) continue;
    const auto at = static_cast<size_t>(layer.adapter_index);
    if (names.size() <= at) names.resize(at + 1);
    names[at] = layer.name;
    // Self-attention of the same block: "...attn1" for "...attn2".
    names[at - 1] = layer.name.substr(0, layer.name.size() - 1) + "1";
  }
  return names;
}

std::vector<IgnoredOfFile> ignored_of(const std::vector<LoraUse>& loras) {
  std::vector<IgnoredOfFile> ignored;
  for (const LoraUse& lora : loras)
    if (lora.file.ignored.count > 0) ignored.push_back({lora.file.weights->path(), lora.file.ignored});
  return ignored;
}

Result<std::vector<LoraUse>> open_loras(const std::vector<LoraRequest>& loras,
                                        const std::vector<AdapterRequest>& adapters, const UNet& unet,
                                        bool second_text) {
  std::vector<LoraUse> uses;
  for (const LoraRequest& request : loras) {
    IPA_ASSIGN(std::unique_ptr<TensorSource> source, open_weight_file(request.file));
    IPA_TRY(refuse_other_family(*source));
    Result<LoraFile> read = read_lora(std::move(source));
    if (!read.ok()) return or_misplaced(read.take_status(), request.file, "LoRA", "loras");
    LoraFile file = read.take();
    for (const LoraModule& module : file.modules) {
      if (module.part == LoraPart::text_encoder_2 && !second_text)
        return Status(Code::mismatch, request.file +
                                          ": this LoRA changes a second text encoder, which only SDXL "
                                          "models have: use a LoRA made for this model family");
    }
    uses.push_back({std::move(file), request.weight});
  }
  const std::vector<std::string> attention = attention_names(unet);
  for (const AdapterRequest& adapter : adapters) {
    if (adapter.lora_weight == 0) continue;
    IPA_ASSIGN(LoraFile inside, open_adapter_lora(adapter.file, attention));
    if (inside.modules.empty()) continue;
    for (size_t i = 0; i < loras.size(); ++i) {
      IPA_ASSIGN(const bool twice, same_change(uses[i].file, inside));
      if (twice)
        return Status::option("loras[" + std::to_string(i) + "]",
                              loras[i].file + " is the LoRA that " + adapter.file +
                                  " has inside and that is applied with it: leave it out of "
                                  "loras, and set its weight as the adapter's loraWeight");
    }
    uses.push_back({std::move(inside), adapter.lora_weight});
  }
  return uses;
}

}  // namespace ipa
