#include "weights/describe/image_encoder_file.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <utility>

#include "base/utf8.h"
#include "weights/describe/absurd_width.h"
#include "weights/describe/accounting.h"
#include "weights/describe/component_kind.h"
#include "weights/describe/misplaced_file.h"
#include "weights/names/dialects.h"
#include "weights/names/remapped_source.h"

namespace ipa {
namespace {

constexpr const char* open_clip_prefix = "visual.";

// Sizes of an encoder's tensors by the names that transformers has for them.
class Sizes {
 public:
  explicit Sizes(const TensorSource& source) : source_(source), open_clip_(is_open_clip_vision(source)) {
    if (!open_clip_ && source.find("vision_model.pre_layrnorm.weight")) prefix_ = "vision_model.";
  }
  // 0 where there is no such tensor or dimension; the dimension is the original's.
  int64_t of(const std::string& name, size_t dimension) const {
    std::string stored = prefix_ + name;
    if (open_clip_) stored = open_clip_prefix + open_clip_vision_tensor("vision_model." + name).name;
    if (name == "visual_projection.weight" && !open_clip_) stored = name;
    const TensorInfo* info = source_.find(stored);
    return info && dimension < info->shape.size() ? info->shape[dimension] : 0;
  }
  int64_t projection() const { return open_clip_ ? at("visual.proj", 1) : at("visual_projection.weight", 0); }

 private:
  int64_t at(const char* name, size_t dimension) const {
    const TensorInfo* info = source_.find(name);
    return info && dimension < info->shape.size() ? info->shape[dimension] : 0;
  }

  const TensorSource& source_;
  bool open_clip_;
  std::string prefix_;
};

// ViT-L, H and bigG all have 16; smaller ones have heads of 64.
int heads_of(int64_t width) {
  if (width == 1024 || width == 1280 || width == 1408 || width == 1664) return 16;
  return width % 64 == 0 ? static_cast<int>(std::min(width, absurd_width) / 64) : 1;
}

// OpenAI's encoders (ViT-B, ViT-L) have quick_gelu, LAION's gelu.
Activation activation_of(int64_t width) {
  return width == 768 || width == 1024 ? Activation::quick_gelu : Activation::gelu;
}

Status no_encoder(const TensorSource& source, Code code, const std::string& why) {
  return Status(code,
                in_quotes(source.path(), 1024) + ": " + why +
                    ": pass the folder of a CLIP vision encoder (config.json and weights), or a file of one "
                    "with the names of transformers or OpenCLIP");
}

}  // namespace

bool is_open_clip_vision(const TensorSource& source) {
  return source.find("visual.conv1.weight") && source.find("visual.class_embedding");
}

Result<ClipVisionConfig> image_encoder_config(const TensorSource& source) {
  const ComponentKind kind = component_kind(source);
  if (kind != ComponentKind::image_encoder)
    return or_misplaced(no_encoder(source, Code::mismatch,
                                   std::string("this file holds no image encoder (its kind is ") +
                                       component_kind_name(kind) + ")"),
                        source, "image encoder", "imageEncoder");
  const Sizes sizes(source);
  const int64_t width = sizes.of("embeddings.patch_embedding.weight", 0);
  const int64_t patch = sizes.of("embeddings.patch_embedding.weight", 2);
  const int64_t positions = sizes.of("embeddings.position_embedding.weight", 0);
  const auto side =
      static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(positions > 0 ? positions - 1 : 0))));
  if (side < 1 || side * side + 1 != positions)
    return no_encoder(source, Code::shape,
                      "its " + std::to_string(positions) + " positions are no square of patches and one");
  int layers = 0;
  while (layers < 1000 && sizes.of("encoder.layers." + std::to_string(layers) + ".layer_norm1.weight", 0))
    ++layers;
  const int64_t projection = sizes.projection();
  if (projection == 0)
    return no_encoder(source, Code::missing_tensor,
                      "the image encoder in this file has no visual_projection.weight");
  ClipVisionConfig config;
  config.stack.hidden_size = width;
  config.stack.intermediate_size = sizes.of("encoder.layers.0.mlp.fc1.weight", 0);
  config.stack.layers = layers;
  config.stack.heads = heads_of(width);
  config.stack.activation = activation_of(width);
  config.patch_size = patch;
  config.image_size = side * patch;
  config.projection_size = projection;
  return config;
}

Result<std::unique_ptr<TensorSource>> image_encoder_tensors(std::unique_ptr<TensorSource> source,
                                                            const std::vector<std::string>& names) {
  if (!is_open_clip_vision(*source)) {
    IPA_ASSIGN(source, with_clip_vision_names(std::move(source)));
    IPA_TRY(account_for(*source, {names.begin(), names.end()}, {NetworkKind::image_encoder, ""}));
    return source;
  }
  const auto original_of = [](const std::string& name) {
    OriginalTensor original = open_clip_vision_tensor(name);
    if (!original.name.empty()) original.name = open_clip_prefix + original.name;
    return original;
  };
  std::unordered_set<std::string> read;
  for (const std::string& name : names) read.insert(original_of(name).name);
  IPA_TRY(account_for(*source, read, {NetworkKind::image_encoder, open_clip_prefix}));
  return remap_tensors(std::move(source), names, original_of);
}

}  // namespace ipa
