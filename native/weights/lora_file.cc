#include "weights/lora_file.h"

#include <cmath>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/utf8.h"
#include "weights/weight_file.h"

namespace ipa {
namespace {

struct Prefix {
  std::string_view text;
  LoraPart part;
  bool underscores;
};
constexpr Prefix prefixes[] = {
    {"unet.", LoraPart::unet, false},
    {"text_encoder.", LoraPart::text_encoder, false},
    {"text_encoder_2.", LoraPart::text_encoder_2, false},
    {"lora_unet_", LoraPart::unet, true},
    {"lora_te_", LoraPart::text_encoder, true},
    {"lora_te1_", LoraPart::text_encoder, true},
    {"lora_te2_", LoraPart::text_encoder_2, true},
};

enum class Role : uint8_t { down, up, alpha };
struct Ending {
  std::string_view text;
  Role role;
};
constexpr Ending endings[] = {
    {".lora_A.weight", Role::down},    {".lora_B.weight", Role::up},      {".lora_down.weight", Role::down},
    {".lora_up.weight", Role::up},     {".lora.down.weight", Role::down}, {".lora.up.weight", Role::up},
    {"_lora.down.weight", Role::down}, {"_lora.up.weight", Role::up},     {".alpha", Role::alpha},
};

// What tells that a tensor belongs to a kind of change this reader does not know, and its name.
constexpr std::pair<std::string_view, const char*> others[] = {
    {".hada_", "LoHa"},
    {".lokr_", "LoKr"},
    {".dora_scale", "DoRA"},
    {".lora_magnitude_vector", "DoRA"},
    {".lora_mid.", "Tucker-decomposed LoRA"},
    {".lora_B.bias", "LoRA with biases"},
    {".diff", "full-weight difference"},
};

bool take_prefix(std::string_view* text, std::string_view prefix) {
  if (text->substr(0, prefix.size()) != prefix) return false;
  text->remove_prefix(prefix.size());
  return true;
}

bool take_ending(std::string_view* text, std::string_view ending) {
  if (text->size() < ending.size() || text->substr(text->size() - ending.size()) != ending) return false;
  text->remove_suffix(ending.size());
  return true;
}

struct Piece {
  LoraPart part = LoraPart::unet;
  bool underscores = false;
  Role role = Role::down;
  std::string layer;
};

// Layer of diffusers' older spelling: `attn1.processor.to_out` is the layer attn1.to_out.0.
std::string processor_layer(std::string_view name) {
  std::string layer(name);
  const std::string processor = ".processor.";
  const size_t at = layer.rfind(processor);
  if (at != std::string::npos) layer.replace(at, processor.size(), ".");
  std::string_view rest = layer;
  return take_ending(&rest, ".to_out") ? layer + ".0" : layer;
}

std::optional<Piece> parse_name(std::string_view name) {
  for (const Prefix& prefix : prefixes) {
    std::string_view rest = name;
    if (!take_prefix(&rest, prefix.text)) continue;
    for (const Ending& ending : endings) {
      if (!take_ending(&rest, ending.text)) continue;
      Piece piece{prefix.part, prefix.underscores, ending.role, std::string(rest)};
      if (ending.text.front() == '_') piece.layer = processor_layer(rest);
      return piece;
    }
    return std::nullopt;
  }
  return std::nullopt;
}

const char* other_kind(std::string_view name) {
  for (const auto& other : others) {
    if (name.find(other.first) != std::string_view::npos) return other.second;
  }
  return nullptr;
}

const char* part_name(LoraPart part) {
  switch (part) {
    case LoraPart::unet: return "unet";
    case LoraPart::text_encoder: return "text_encoder";
    case LoraPart::text_encoder_2: return "text_encoder_2";
  }
  return "";
}

// What PEFT's configuration in the metadata says of alpha, one configuration a network.
class Metadata {
 public:
  static Result<Metadata> read(const TensorSource& source) {
    Metadata metadata;
    const std::string_view text = source.metadata("lora_adapter_metadata");
    if (text.empty()) return metadata;
    Result<Json> json = Json::parse(text);
    if (!json.ok()) return json.status().in("lora_adapter_metadata");
    metadata.json_ = json.take();
    for (const LoraPart part : {LoraPart::unet, LoraPart::text_encoder, LoraPart::text_encoder_2}) {
      const Json* alpha = metadata.find(part, "lora_alpha");
      if (alpha && !alpha->is_null() && !alpha->is_number())
        return Status(Code::type, "lora_adapter_metadata: lora_alpha is not a number");
      const Json* pattern = metadata.find(part, "alpha_pattern");
      if (pattern && !pattern->object().empty())
        return Status(Code::unsupported,
                      "it has an alpha of its own for some layers (alpha_pattern), which "
                      "cannot be read: save the LoRA with one alpha");
      const Json* dora = metadata.find(part, "use_dora");
      if (dora && dora->boolean())
        return Status(Code::unsupported, "it is a DoRA, which cannot be read: pass a plain LoRA");
    }
    return metadata;
  }

  // alpha / rank of a module with no alpha of its own, as PEFT scales it.
  double factor(LoraPart part, double rank) const {
    const Json* alpha = find(part, "lora_alpha");
    if (!alpha || !alpha->is_number()) return 1;
    const Json* stabilised = find(part, "use_rslora");
    return alpha->number() / (stabilised && stabilised->boolean() ? std::sqrt(rank) : rank);
  }

 private:
  const Json* find(LoraPart part, const char* key) const {
    return json_.find(std::string(part_name(part)) + "." + key);
  }
  Json json_;
};

struct Pieces {
  bool underscores = false;
  const TensorInfo* down = nullptr;
  const TensorInfo* up = nullptr;
  const TensorInfo* alpha = nullptr;
};

Status check_shapes(const std::string& layer, const Pieces& pieces) {
  const auto& down = pieces.down->shape;
  const auto& up = pieces.up->shape;
  bool good = down.size() == up.size() && (down.size() == 2 || down.size() == 4) && up[1] == down[0];
  for (const int64_t size : down) good = good && size > 0;
  good = good && up[0] > 0;
  for (size_t i = 2; i < up.size(); ++i) good = good && up[i] == 1;
  if (good) return {};
  return Status(Code::shape,
                "layer " + quoted(layer) +
                    ": its two matrices do not fit each other as down (rank, in) and up (out, rank)");
}

Result<float> factor_of(const TensorSource& source, const Metadata& metadata, LoraPart part,
                        const std::string& layer, const Pieces& pieces) {
  const auto rank = static_cast<double>(pieces.down->shape[0]);
  double factor = 0;
  if (pieces.alpha) {
    float alpha = 0;
    if (pieces.alpha->elements() != 1)
      return Status(Code::shape, "layer " + quoted(layer) + ": alpha is no number");
    IPA_TRY(source.read_f32(*pieces.alpha, &alpha));
    factor = alpha / rank;
  } else {
    factor = metadata.factor(part, rank);
  }
  if (!std::isfinite(factor)) return Status(Code::range, "layer " + quoted(layer) + ": alpha is not finite");
  return static_cast<float>(factor);
}

Result<std::vector<LoraModule>> read_modules(const TensorSource& source) {
  std::map<std::pair<LoraPart, std::string>, Pieces> layers;
  for (const TensorInfo& info : source.tensors()) {
    const char* other = other_kind(info.name);
    if (other)
      return Status(Code::unsupported, "tensor " + quoted(info.name) + " belongs to a " + other +
                                           ", which cannot be read: pass a plain LoRA");
    const std::optional<Piece> piece = parse_name(info.name);
    if (!piece)
      return Status(Code::mismatch, "tensor " + quoted(info.name) +
                                        " is none of a LoRA's: pass a LoRA file of diffusers or kohya's tools");
    Pieces& pieces = layers[{piece->part, piece->layer}];
    const TensorInfo*& slot = piece->role == Role::down ? pieces.down
                              : piece->role == Role::up ? pieces.up
                                                        : pieces.alpha;
    if (slot) return Status(Code::duplicate, "layer " + quoted(piece->layer) + " is there twice");
    slot = &info;
    pieces.underscores = piece->underscores;
  }
  if (layers.empty()) return Status(Code::mismatch, "it holds no tensors: pass a LoRA file");
  IPA_ASSIGN(const Metadata metadata, Metadata::read(source));
  std::vector<LoraModule> modules;
  for (const auto& [key, pieces] : layers) {
    const auto& [part, layer] = key;
    if (!pieces.down || !pieces.up)
      return Status(Code::missing_tensor, "layer " + quoted(layer) + " has only one of its two matrices");
    IPA_TRY(check_shapes(layer, pieces));
    IPA_ASSIGN(const float factor, factor_of(source, metadata, part, layer, pieces));
    modules.push_back({part, layer, pieces.underscores, pieces.down, pieces.up, factor});
  }
  return modules;
}

}  // namespace

bool has_lora_names(const TensorSource& source) {
  for (const TensorInfo& info : source.tensors()) {
    const std::optional<Piece> piece = parse_name(info.name);
    if (piece && piece->role != Role::alpha) return true;
    if (info.name.find(".hada_") != std::string::npos || info.name.find(".lokr_") != std::string::npos)
      return true;
  }
  return false;
}

Result<LoraFile> read_lora(std::unique_ptr<TensorSource> source) {
  Result<std::vector<LoraModule>> modules = read_modules(*source);
  if (!modules.ok()) return modules.status().in(quoted(source->path(), 1024));
  return LoraFile{std::move(source), modules.take()};
}

Result<LoraFile> open_lora(const std::string& path) {
  IPA_ASSIGN(std::unique_ptr<TensorSource> source, open_weight_file(path));
  return read_lora(std::move(source));
}

}  // namespace ipa
