#include "weights/changes/lora_file.h"

#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "weights/changes/lora_metadata.h"
#include "weights/dtype.h"
#include "weights/formats/weight_file.h"

namespace ipa {
namespace {

// The tensors of one layer.
struct Pieces {
  bool underscores = false;
  std::array<const TensorInfo*, lora_roles> tensors{};
  const TensorInfo*& at(LoraRole role) { return tensors[static_cast<size_t>(role)]; }
  const TensorInfo* at(LoraRole role) const { return tensors[static_cast<size_t>(role)]; }
};

// Makes modules of one layer's tensors.
class LayerReader {
 public:
  LayerReader(const TensorSource& source, const LoraMetadata& metadata, LoraPart part, const std::string& layer,
              const Pieces& pieces)
      : source_(source), metadata_(metadata), part_(part), layer_(layer), pieces_(pieces) {}

  Status read(std::vector<LoraModule>* modules) const {
    LoraModule module;
    module.part = part_;
    module.layer = layer_;
    module.underscores = pieces_.underscores;
    const size_t before = modules->size();
    if (any(LoraRole::down, LoraRole::mid)) {
      IPA_ASSIGN(module.delta.first, product(LoraRole::up, LoraRole::down, LoraRole::mid));
      IPA_TRY(add(module, modules));
    }
    if (any(LoraRole::hada_w1_a, LoraRole::hada_t2)) {
      module.delta.join = LoraJoin::hadamard;
      IPA_ASSIGN(module.delta.first, product(LoraRole::hada_w1_a, LoraRole::hada_w1_b, LoraRole::hada_t1));
      IPA_ASSIGN(module.delta.second, product(LoraRole::hada_w2_a, LoraRole::hada_w2_b, LoraRole::hada_t2));
      if (!module.delta.first.core != !module.delta.second.core)
        return missing(module.delta.first.core ? LoraRole::hada_t2 : LoraRole::hada_t1);
      IPA_TRY(add(module, modules));
    }
    if (any(LoraRole::lokr_w1, LoraRole::lokr_t2)) {
      module.delta.join = LoraJoin::kronecker;
      IPA_ASSIGN(module.delta.first,
                 factor_matrix(LoraRole::lokr_w1, LoraRole::lokr_w1_a, LoraRole::lokr_w1_b, {}));
      IPA_ASSIGN(module.delta.second,
                 factor_matrix(LoraRole::lokr_w2, LoraRole::lokr_w2_a, LoraRole::lokr_w2_b, LoraRole::lokr_t2));
      IPA_TRY(add(module, modules));
    }
    if (const TensorInfo* whole = pieces_.at(LoraRole::diff)) {
      module.delta = {};
      module.delta.first.whole = whole;
      IPA_TRY(add(module, modules));
    }
    if (modules->size() > before + 1)
      return Status(Code::duplicate, "layer " + in_quotes(layer_) + " is changed in several ways at once, by " +
                                         in_quotes(some_tensor()->name) + " and others");
    const bool changes_weight = modules->size() > before;
    if (!changes_weight && (magnitude() || !pieces_.at(LoraRole::diff_b))) return missing(LoraRole::up);
    if (const TensorInfo* whole = pieces_.at(LoraRole::diff_b)) {
      LoraModule bias{part_, layer_, pieces_.underscores, true, {}, 1, nullptr};
      bias.delta.first.whole = whole;
      IPA_TRY(bias.delta.check());
      modules->push_back(bias);
    }
    return {};
  }

 private:
  bool any(LoraRole from, LoraRole to) const {
    for (auto role = static_cast<size_t>(from); role <= static_cast<size_t>(to); ++role) {
      if (pieces_.tensors[role]) return true;
    }
    return false;
  }

  const TensorInfo* some_tensor() const {
    for (const TensorInfo* tensor : pieces_.tensors) {
      if (tensor) return tensor;
    }
    return nullptr;
  }

  Status missing(LoraRole role) const {
    return Status(Code::missing_tensor, "layer " + in_quotes(layer_) + " has " +
                                            in_quotes(some_tensor()->name) + " but no " + lora_role_name(role) +
                                            ", which belongs with it: get the file again");
  }

  Result<LoraMatrix> product(LoraRole left, LoraRole right, std::optional<LoraRole> core) const {
    LoraMatrix matrix;
    matrix.left = pieces_.at(left);
    matrix.right = pieces_.at(right);
    if (core) matrix.core = pieces_.at(*core);
    if (!matrix.left) return missing(left);
    if (!matrix.right) return missing(right);
    // LyCORIS writes rank first beside a core, LoCon does not.
    matrix.left_transposed = matrix.core && left != LoraRole::up;
    return matrix;
  }

  // One of LoKr's two, either whole or a product.
  Result<LoraMatrix> factor_matrix(LoraRole whole, LoraRole left, LoraRole right,
                                   std::optional<LoraRole> core) const {
    const bool parts = pieces_.at(left) || pieces_.at(right) || (core && pieces_.at(*core));
    LoraMatrix matrix;
    matrix.whole = pieces_.at(whole);
    if (matrix.whole && parts)
      return Status(Code::duplicate,
                    "tensor " + in_quotes(matrix.whole->name) + " is there whole and in parts");
    if (!matrix.whole && !parts) return missing(whole);
    if (parts) return product(left, right, core);
    return matrix;
  }

  const TensorInfo* magnitude() const {
    const TensorInfo* peft = pieces_.at(LoraRole::magnitude);
    return peft ? peft : pieces_.at(LoraRole::dora_scale);
  }

  Status add(LoraModule module, std::vector<LoraModule>* modules) const {
    IPA_TRY(module.delta.check());
    IPA_ASSIGN(module.factor, factor_of(module.delta));
    module.magnitude = magnitude();
    const bool plain = any(LoraRole::down, LoraRole::mid);
    if (plain && metadata_.is_dora(part_) && !module.magnitude) return missing(LoraRole::magnitude);
    modules->push_back(std::move(module));
    return {};
  }

  Result<float> factor_of(const LoraDelta& delta) const {
    // The last product decides, as in ComfyUI and AUTOMATIC1111; what is whole is not scaled.
    const TensorInfo* right = delta.second.right ? delta.second.right : delta.first.right;
    if (!right) return 1.0f;
    const auto rank = static_cast<double>(right->shape[0]);
    double factor = 1;
    if (const TensorInfo* tensor = pieces_.at(LoraRole::alpha)) {
      float alpha = 0;
      if (tensor->elements() != 1)
        return Status(Code::shape, "tensor " + in_quotes(tensor->name) + ": alpha is no number");
      IPA_TRY(source_.read_f32(*tensor, &alpha));
      factor = alpha / rank;
    } else if (delta.join == LoraJoin::first_only) {
      factor = metadata_.factor(part_, layer_, rank);
    }
    const auto narrow = static_cast<float>(factor);
    if (!std::isfinite(narrow))
      return Status(Code::range, "layer " + in_quotes(layer_) + ": alpha is not finite, or too large");
    return narrow;
  }

  const TensorSource& source_;
  const LoraMetadata& metadata_;
  const LoraPart part_;
  const std::string& layer_;
  const Pieces& pieces_;
};

Status unknown_change(const TensorInfo& info, const LoraTensor& judged) {
  const std::string tensor = "tensor " + in_quotes(info.name);
  if (judged.other_family)
    return Status(Code::mismatch, tensor + " is of a LoRA for " + judged.why +
                                      ", not for Stable Diffusion: use a LoRA made for this model family");
  if (judged.why)
    return Status(Code::unsupported, tensor + " is of a kind of change that cannot be read, " + judged.why +
                                         ": pass a LoRA, LoHa, LoKr or DoRA");
  return Status(Code::unsupported,
                tensor +
                    " looks like a change of a layer, but under a name that is not known: pass a LoRA file of "
                    "diffusers or kohya's tools");
}

Result<std::vector<LoraModule>> read_modules(const TensorSource& source, const LoraContents& contents) {
  std::map<std::pair<LoraPart, std::string>, Pieces> layers;
  for (const auto& [name, info] : contents.changes) {
    if (name.role != LoraRole::alpha) IPA_TRY(refuse_integers(*info, "the LoRA"));
    Pieces& pieces = layers[{name.part, name.layer}];
    const TensorInfo*& slot = pieces.at(name.role);
    if (slot)
      return Status(Code::duplicate, "layer " + in_quotes(name.layer) + " has " + lora_role_name(name.role) +
                                         " twice, as " + in_quotes(slot->name) + " and " +
                                         in_quotes(info->name));
    slot = info;
    pieces.underscores = name.underscores;
  }
  IPA_ASSIGN(const LoraMetadata metadata, LoraMetadata::read(source));
  std::vector<LoraModule> modules;
  for (const auto& [key, pieces] : layers) {
    const LayerReader reader(source, metadata, key.first, key.second, pieces);
    IPA_TRY(reader.read(&modules));
  }
  return modules;
}

// The tensors of each token that comes along.
using Bundles = std::map<std::string, std::vector<EmbeddingTensor>, std::less<>>;

Status read_embeddings(const Bundles& bundles, LoraContents* contents) {
  for (const auto& [token, tensors] : bundles) {
    IPA_ASSIGN(EmbeddingRows rows, find_embedding_rows(tensors, &contents->ignored));
    rows.token = token;
    contents->embeddings.push_back(std::move(rows));
  }
  return {};
}

Result<LoraFile> read_checked(std::unique_ptr<TensorSource> source) {
  IPA_ASSIGN(LoraContents contents, sort_lora_tensors(*source));
  IPA_ASSIGN(std::vector<LoraModule> modules, read_modules(*source, contents));
  return LoraFile{std::move(source), std::move(modules), std::move(contents.embeddings),
                  std::move(contents.ignored)};
}

}  // namespace

bool has_lora_names(const TensorSource& source) {
  for (const TensorInfo& info : source.tensors()) {
    const LoraTensor judged = judge_lora_tensor(info.name);
    if (judged.kind == LoraTensor::Kind::change && judged.name.role != LoraRole::alpha) return true;
    if (judged.kind == LoraTensor::Kind::unknown && judged.why) return true;
  }
  return false;
}

Result<LoraContents> sort_lora_tensors(const TensorSource& source) {
  LoraContents contents;
  Bundles bundles;
  // A tensor whose kind is known says more about the file than one that is not.
  const TensorInfo* unknown = nullptr;
  LoraTensor why;
  for (const TensorInfo& info : source.tensors()) {
    LoraTensor judged = judge_lora_tensor(info.name);
    switch (judged.kind) {
      case LoraTensor::Kind::change: contents.changes.emplace_back(std::move(judged.name), &info); break;
      case LoraTensor::Kind::embedding:
        bundles[std::string(judged.token)].push_back({judged.rows, &info});
        break;
      case LoraTensor::Kind::other: contents.ignored.add(info.name); break;
      case LoraTensor::Kind::unknown:
        if (unknown && (why.why || !judged.why)) break;
        unknown = &info;
        why = std::move(judged);
        break;
    }
  }
  if (unknown) return unknown_change(*unknown, why);
  if (contents.changes.empty())
    return Status(Code::mismatch,
                  contents.ignored.count == 0
                      ? "it holds no tensors that change a layer: pass a LoRA file"
                      : "tensor " + in_quotes(contents.ignored.names.front()) +
                            " is none of a LoRA's: pass a LoRA file of diffusers or kohya's tools");
  IPA_TRY(read_embeddings(bundles, &contents));
  return contents;
}

Result<LoraFile> read_lora(std::unique_ptr<TensorSource> source) {
  const std::string path = source->path();
  Result<LoraFile> file = read_checked(std::move(source));
  return file.ok() ? std::move(file) : file.status().in(in_quotes(path, 1024));
}

Result<LoraFile> open_lora(const std::string& path) {
  IPA_ASSIGN(std::unique_ptr<TensorSource> source, open_weight_file(path));
  return read_lora(std::move(source));
}

}  // namespace ipa
