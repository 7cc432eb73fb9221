#include "weights/changes/inpaint_patch.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/finite.h"
#include "base/utf8.h"
#include "weights/changes/summed_source.h"
#include "weights/dtype.h"
#include "weights/formats/weight_file.h"
#include "weights/names/ldm_names.h"
#include "weights/names/name_parts.h"
#include "weights/shape_text.h"

namespace ipa {
namespace {

constexpr std::string_view prefix = "diffusion_model.";
constexpr std::string_view endings[] = {".weight", ".bias"};

// Of a name "diffusion_model.input_blocks.0.0.weight.0" what lies between the prefix and ".0"; "" of others.
std::string_view tensor_of(std::string_view name) {
  if (!take(name, prefix) || !take_end(name, ".0")) return {};
  for (const std::string_view ending : endings)
    if (ends_with(name, ending)) return name;
  return {};
}

// A tensor's difference.
struct PatchChange {
  const TensorInfo* bytes = nullptr;
  const TensorInfo* least = nullptr;
  const TensorInfo* largest = nullptr;
};

using PatchChanges = SummedSource<PatchChange>::Changes;

std::vector<int64_t> without_trailing_ones(std::vector<int64_t> shape) {
  while (shape.size() > 1 && shape.back() == 1) shape.pop_back();
  return shape;
}

Result<PatchChange> read_change(const TensorSource& file, const TensorInfo& bytes) {
  const std::string stem = bytes.name.substr(0, bytes.name.size() - 1);
  PatchChange change{&bytes, file.find(stem + "1"), file.find(stem + "2")};
  if (bytes.type != DType::u8)
    return Status(Code::type, "tensor " + in_quotes(bytes.name) + " is of type " + dtype_name(bytes.type) +
                                  ", not of bytes (U8): get the file again");
  for (const char* end : {"1", "2"}) {
    const TensorInfo* bound = file.find(stem + end);
    if (!bound)
      return Status(Code::missing_tensor, "tensor " + in_quotes(bytes.name) + " goes with " +
                                              in_quotes(stem + end) +
                                              ", which is not there: get the file again");
    if (is_integer(bound->type))
      return Status(Code::type, "tensor " + in_quotes(bound->name) + " is of type " + dtype_name(bound->type) +
                                    ", not of floats: get the file again");
    if (bound->elements() != 1)
      return Status(Code::shape, "tensor " + in_quotes(bound->name) + " is " + shape_text(bound->shape) +
                                     " where one number is expected: get the file again");
  }
  return change;
}

class PatchedSource : public SummedSource<PatchChange> {
 public:
  PatchedSource(std::unique_ptr<TensorSource> base, std::unique_ptr<TensorSource> file, PatchChanges changes,
                float weight)
      : SummedSource(std::move(base), std::move(changes)), file_(std::move(file)), weight_(weight) {}

 private:
  Status add(const PatchChange& change, const TensorInfo& tensor, float* out) const override {
    float least = 0, largest = 0;
    IPA_TRY(file_->read_f32(*change.least, &least));
    IPA_TRY(file_->read_f32(*change.largest, &largest));
    const auto count = static_cast<size_t>(tensor.elements());
    std::vector<float> bytes(count);
    IPA_TRY(file_->read_f32(*change.bytes, bytes.data()));
    for (size_t i = 0; i < count; ++i) {
      const float difference = bytes[i] / 255.0f * (largest - least) + least;
      out[i] += weight_ * difference;
    }
    if (all_finite(out, count)) return {};
    return Status(Code::range, in_quotes(file_->path(), 1024) + ": the change by tensor " +
                                   in_quotes(change.bytes->name) + " makes values of weight " +
                                   in_quotes(tensor.name) +
                                   " that are no finite numbers: the file is damaged, or the patch's weight "
                                   "is too large");
  }

  std::unique_ptr<TensorSource> file_;
  float weight_;
};

// Places in a UNet's tensors by their names in the original.
std::unordered_map<std::string, size_t> original_places(const TensorSource& unet) {
  const LdmUNetNames names = LdmUNetNames::of_tensors(unet);
  std::unordered_map<std::string, size_t> places;
  for (size_t i = 0; i < unet.tensors().size(); ++i) {
    const std::string_view name = unet.tensors()[i].name;
    for (const std::string_view ending : endings) {
      if (!ends_with(name, ending)) continue;
      const std::string layer = names.of(name.substr(0, name.size() - ending.size()));
      if (!layer.empty()) places.emplace(layer + std::string(ending), i);
    }
  }
  return places;
}

Result<PatchChanges> find_changes(const TensorSource& file, const TensorSource& unet) {
  const std::unordered_map<std::string, size_t> places = original_places(unet);
  PatchChanges changes;
  for (const TensorInfo& info : file.tensors()) {
    const std::string_view name = tensor_of(info.name);
    if (name.empty()) continue;
    const auto place = places.find(std::string(name));
    if (place == places.end())
      return Status(Code::mismatch, "the model's UNet has no tensor " + in_quotes(name) +
                                        ": use a patch made for this model family");
    const TensorInfo& weight = unet.tensors()[place->second];
    if (without_trailing_ones(info.shape) != without_trailing_ones(weight.shape))
      return Status(Code::shape, "tensor " + in_quotes(info.name) + " is " + shape_text(info.shape) +
                                     " but the model's is " + shape_text(weight.shape) +
                                     ": use a patch made for this model family");
    // The sum would hide what it was made of.
    IPA_TRY(refuse_integers(weight, "the model").in(in_quotes(unet.path(), 1024)));
    IPA_ASSIGN(const PatchChange change, read_change(file, info));
    changes.emplace(place->second, change);
  }
  return changes;
}

}  // namespace

bool is_inpaint_patch(const TensorSource& source) {
  const std::vector<TensorInfo>& tensors = source.tensors();
  return std::any_of(tensors.begin(), tensors.end(), [&](const TensorInfo& info) {
    if (tensor_of(info.name).empty()) return false;
    const std::string stem = info.name.substr(0, info.name.size() - 1);
    return source.find(stem + "1") && source.find(stem + "2");
  });
}

Result<std::unique_ptr<TensorSource>> with_inpaint_patch(std::unique_ptr<TensorSource> base,
                                                         const InpaintPatch& patch,
                                                         std::set<std::string>* changed) {
  const std::string where = in_quotes(patch.file, 1024);
  IPA_ASSIGN(std::unique_ptr<TensorSource> file, open_weight_file(patch.file));
  if (!is_inpaint_patch(*file))
    return Status(Code::mismatch,
                  where +
                      ": this is no inpaint patch of Fooocus (no tensors diffusion_model.NAME with a least "
                      "and a largest value): pass inpaint_v26.fooocus.patch");
  Result<PatchChanges> changes = find_changes(*file, *base);
  if (!changes.ok()) return changes.status().in(where);
  // Nothing is added, not even zeros: weight 0 leaves every bit as it is.
  if (patch.weight == 0) return base;
  for (const auto& change : changes.value()) changed->insert(base->tensors()[change.first].name);
  return std::unique_ptr<TensorSource>(
      std::make_unique<PatchedSource>(std::move(base), std::move(file), changes.take(), patch.weight));
}

}  // namespace ipa
