#include "weights/formats/weight_scales.h"

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/json.h"
#include "base/utf8.h"
#include "weights/dtype.h"
#include "weights/names/name_parts.h"
#include "weights/shape_text.h"

namespace ipa {
namespace {

constexpr const char* metadata_key = "_quantization_metadata";
constexpr uint64_t max_marker_bytes = 4096;

enum class Role { weight, scale, activation_scale, marker, file_marker };

// A name that is nothing but the ending belongs to no layer.
bool strip(std::string_view& name, std::string_view ending) {
  return name.size() > ending.size() && take_end(name, ending);
}

// The role of a tensor by its name; `owner` gets the weight's name, of a marker the layer's.
Role role_of(std::string_view name, std::string* owner) {
  if (name == "scaled_fp8") return Role::file_marker;
  std::string_view layer = name;
  if (strip(layer, ".scaled_fp8")) return Role::file_marker;
  if (strip(layer, ".comfy_quant")) {
    *owner = std::string(layer);
    return Role::marker;
  }
  if (strip(layer, ".scale_weight")) {
    *owner = std::string(layer) + ".weight";
    return Role::scale;
  }
  if (strip(layer, ".scale_input") || strip(layer, ".input_scale")) {
    *owner = std::string(layer) + ".weight";
    return Role::activation_scale;
  }
  // Of NAME.weight, and of open_clip's in_proj_weight.
  if (strip(layer, "_scale") && layer.size() > 6 && ends_with(layer, "weight")) {
    *owner = std::string(layer);
    return Role::scale;
  }
  return Role::weight;
}

class Finder {
 public:
  explicit Finder(const TensorSource& source) : source_(source) {}

  Result<std::vector<ScaledTensor>> find() {
    IPA_TRY(read_metadata());
    const std::vector<TensorInfo>& infos = source_.tensors();
    std::vector<char> kept(infos.size(), 0);
    std::unordered_map<std::string, size_t> scales;
    for (size_t i = 0; i < infos.size(); ++i) {
      std::string owner;
      const Role role = role_of(infos[i].name, &owner);
      // A scale of nothing is some other tensor.
      const bool belongs = role == Role::marker || role == Role::file_marker || source_.find(owner);
      if (role == Role::weight || !belongs) {
        kept[i] = 1;
      } else if (role == Role::scale) {
        if (!scales.emplace(owner, i).second)
          return Status(Code::duplicate, where() + "weight " + in_quotes(owner) + " has two scales");
      } else if (role == Role::marker) {
        IPA_TRY(read_marker(infos[i], owner));
      }
    }
    std::vector<ScaledTensor> found;
    for (size_t i = 0; i < infos.size(); ++i) {
      if (!kept[i]) continue;
      const auto scale = scales.find(infos[i].name);
      found.push_back({i, scale == scales.end() ? ScaledTensor::none : scale->second});
      IPA_TRY(check(infos[i], scale == scales.end() ? nullptr : &infos[scale->second]));
    }
    return found;
  }

 private:
  std::string where() const { return in_quotes(source_.path(), 1024) + ": "; }

  static Json::Limits limits() {
    Json::Limits limits;
    limits.depth = 8;
    limits.values = 1'000'000;
    limits.string_bytes = 4096;
    return limits;
  }

  Status read_metadata() {
    const std::string_view text = source_.metadata(metadata_key);
    if (text.empty()) return {};
    Result<Json> json = Json::parse(text, limits());
    if (!json.ok()) return json.status().in(where() + metadata_key);
    const Json* layers = json.value().find("layers");
    if (!layers || !layers->is_object()) return {};
    for (const auto& [layer, stored] : layers->object()) IPA_TRY(note(layer, stored));
    return {};
  }

  Status read_marker(const TensorInfo& marker, const std::string& layer) {
    if (marker.type != DType::u8 || marker.bytes > max_marker_bytes)
      return Status(Code::type, where() + "tensor " + in_quotes(marker.name) +
                                    " does not say how its layer is stored: it should hold JSON in bytes");
    std::string text(static_cast<size_t>(marker.bytes), '\0');
    IPA_TRY(source_.read(marker, DType::u8, text.data()));
    const Result<Json> json = Json::parse(text, limits());
    if (!json.ok()) return json.status().in(where() + in_quotes(marker.name));
    return note(layer, json.value());
  }

  // Remembers how a layer is stored; refuses what is more than one number per row.
  Status note(const std::string& layer, const Json& stored) {
    const Json* named = stored.is_string() ? &stored : stored.find("format");
    const std::string format = named && named->is_string() ? named->string() : "";
    const bool rotated = is_rotated(stored) || is_rotated(stored.find("params"));
    if (format == "int8_tensorwise" && !rotated) {
      int8_[layer] = true;
    } else if (format != "float8_e4m3fn" && format != "float8_e5m2") {
      return Status(Code::unsupported,
                    where() + "layer " + in_quotes(layer) + " is stored as " +
                        (format.empty() ? "something that is not named" : in_quotes(format)) +
                        (rotated ? " with a rotation" : "") +
                        ", which cannot be read: use the model in float8_e4m3fn, float8_e5m2, f16 or GGUF");
    }
    return {};
  }
  static bool is_rotated(const Json& stored) {
    const Json* flag = stored.find("convrot");
    return flag && !(flag->is_boolean() && !flag->boolean()) && !flag->is_null();
  }
  static bool is_rotated(const Json* stored) { return stored && is_rotated(*stored); }

  // Layers are listed with and without the whole model's prefix.
  bool is_int8(std::string_view weight) const {
    strip(weight, ".weight");
    constexpr std::string_view prefix = "model.diffusion_model.";
    return int8_.count(std::string(weight)) > 0 ||
           (begins_with(weight, prefix) && int8_.count(std::string(weight.substr(prefix.size()))));
  }

  Status check(const TensorInfo& weight, const TensorInfo* scale) const {
    if (!scale && weight.type == DType::i8 && is_int8(weight.name))
      return Status(Code::missing_tensor, where() + "weight " + in_quotes(weight.name) +
                                              " is marked int8_tensorwise, and its scale " +
                                              in_quotes(weight.name + "_scale") +
                                              " is not in the file: get the file again");
    if (!scale) return {};
    const std::string what = where() + "weight " + in_quotes(weight.name) + " ";
    if (source_.find(weight.name + "_scale_2"))
      return Status(
          Code::unsupported,
          what + "is stored as nvfp4, with two scales, which cannot be read: use the model in fp8 or f16");
    const bool scale_is_float = scale->type == DType::f32 || scale->type == DType::f16 ||
                                scale->type == DType::bf16 || scale->type == DType::f64;
    if (!scale_is_float)
      return Status(Code::unsupported,
                    what + "has scales in " + dtype_name(scale->type) +
                        " (mxfp8 or nvfp4), which cannot be read: use the model in fp8 with one "
                        "scale per layer, or in f16");
    if (weight.type == DType::i8 ? !is_int8(weight.name) : is_integer(weight.type))
      return Status(Code::unsupported, what + "has a scale and is stored as " + dtype_name(weight.type) +
                                           ", and nothing says how it was made: use the model in fp8 or f16");
    const int64_t rows = weight.shape.empty() ? 1 : weight.shape[0];
    const bool first = scale->shape.empty() || scale->shape[0] == scale->elements();
    if (scale->elements() == 1 || (first && scale->elements() == rows)) return {};
    return Status(Code::unsupported,
                  what + "of shape " + shape_text(weight.shape) + " has scales of shape " +
                      shape_text(scale->shape) +
                      ": one for the weight or one for every row can be read, blocks cannot");
  }

  const TensorSource& source_;
  std::unordered_map<std::string, bool> int8_;
};

}  // namespace

bool may_hold_scales(const TensorSource& source) {
  std::string owner;
  for (const TensorInfo& info : source.tensors())
    if (role_of(info.name, &owner) != Role::weight) return true;
  return !source.metadata(metadata_key).empty();
}

Result<std::vector<ScaledTensor>> find_scales(const TensorSource& source) { return Finder(source).find(); }

}  // namespace ipa
