#include "weights/describe/adapter_description.h"

#include <algorithm>
#include <climits>
#include <set>

#include "base/utf8.h"
#include "weights/describe/adapter_layers.h"
#include "weights/describe/component_kind.h"
#include "weights/describe/misplaced_file.h"
#include "weights/names/name_parts.h"
#include "weights/shape_text.h"

namespace ipa {
namespace {

constexpr int any = -1;
constexpr int head_size = 64;
const std::string projection_prefix = "image_proj.";
const std::string perceiver = "perceiver_resampler.";

class Describer {
 public:
  explicit Describer(const TensorSource& source) : source_(source) {}

  Result<AdapterDescription> describe() {
    if (component_kind(source_) != ComponentKind::ip_adapter) {
      const ComponentKind kind = component_kind(source_);
      return error(Code::mismatch,
                   std::string("is no IP-Adapter (no image_proj and ip_adapter tensors), its kind is ") +
                       component_kind_name(kind) + place_of(kind));
    }
    IPA_ASSIGN(const AdapterLayers layers, read_adapter_layers(source_));
    d_.cross_size = layers.cross_size;
    d_.cross_layers = static_cast<int>(layers.indices.size());
    d_.indices = layers.indices;
    d_.hidden_sizes = layers.hidden_sizes;
    d_.lora = layers.lora;
    IPA_TRY(read_projection());
    IPA_TRY(check_nothing_else());
    if (d_.lora && !reads_faces(d_.variant))
      return error(Code::unsupported, "an adapter of this variant with LoRA tensors is not known");
    const std::string family = family_of_cross_size(d_.cross_size);
    d_.family = family.empty() ? "custom" : family;
    d_.encoder = encoder_text();
    return d_;
  }

 private:
  Status error(Code code, const std::string& what) const {
    return Status(code, in_quotes(source_.path(), 1024) + ": " + what);
  }

  // --- image_proj ---

  bool has(const std::string& name) const { return source_.find(projection_prefix + name) != nullptr; }

  // The named tensor's shape must be `wanted`, `any` standing for every size; returns the real sizes.
  Result<std::vector<int>> expect(const std::string& name, const std::vector<int>& wanted) {
    const TensorInfo* info = source_.find(projection_prefix + name);
    if (!info)
      return error(Code::missing_tensor, "tensor " + in_quotes(projection_prefix + name) + " is missing");
    known_.insert(info->name);
    std::vector<int> sizes;
    bool fits = info->shape.size() == wanted.size();
    for (size_t i = 0; fits && i < wanted.size(); ++i) {
      fits =
          info->shape[i] > 0 && info->shape[i] <= INT_MAX && (wanted[i] == any || wanted[i] == info->shape[i]);
      if (fits) sizes.push_back(static_cast<int>(info->shape[i]));
    }
    if (fits) return sizes;
    std::string shape = "[";
    for (size_t i = 0; i < wanted.size(); ++i) {
      shape += (i ? ", " : "") + (wanted[i] == any ? std::string("n") : std::to_string(wanted[i]));
    }
    return error(Code::shape, "tensor " + in_quotes(info->name) + " has shape " + shape_text(info->shape) +
                                  ", expected " + shape + "]");
  }
  Status check(const std::string& name, const std::vector<int>& wanted) {
    return expect(name, wanted).status();
  }
  // weight [size] and bias [size], as of a LayerNorm.
  Status check_norm(const std::string& name, int size) {
    IPA_TRY(check(name + ".weight", {size}));
    return check(name + ".bias", {size});
  }

  Status read_projection() {
    // The order matters: later variants share names with earlier ones.
    if (has("proj.weight")) return read_base();
    if (has("proj.3.weight")) return read_full();
    if (has(perceiver + "proj_in.weight")) return read_face_plus();
    if (has("proj.0.weight") && has("norm.weight") && !has("latents")) {
      d_.variant = d_.lora ? AdapterVariant::faceid : AdapterVariant::faceid_portrait;
      return read_face();
    }
    if (has("latents")) return read_plus();
    return error(Code::unsupported, "its image_proj tensors are of no known IP-Adapter variant");
  }

  Status read_base() {
    d_.variant = AdapterVariant::base;
    IPA_TRY(check_norm("norm", d_.cross_size));
    IPA_ASSIGN(const std::vector<int> proj, expect("proj.weight", {any, any}));
    IPA_TRY(check("proj.bias", {proj[0]}));
    if (proj[0] % d_.cross_size != 0) {
      return error(Code::shape, "tensor \"image_proj.proj.weight\" has " + std::to_string(proj[0]) +
                                    " rows, no multiple of the token width " + std::to_string(d_.cross_size));
    }
    d_.tokens = proj[0] / d_.cross_size;
    d_.embed_size = proj[1];
    return {};
  }

  Status read_full() {
    d_.variant = AdapterVariant::full;
    IPA_ASSIGN(const std::vector<int> first, expect("proj.0.weight", {any, any}));
    IPA_TRY(check("proj.0.bias", {first[0]}));
    IPA_TRY(check("proj.2.weight", {d_.cross_size, first[0]}));
    IPA_TRY(check("proj.2.bias", {d_.cross_size}));
    IPA_TRY(check_norm("proj.3", d_.cross_size));
    d_.embed_size = first[1];
    // Every released encoder of these widths cuts 224 pixels into 16 x 16 patches and adds a class token.
    const bool released = first[1] == 1024 || first[1] == 1280 || first[1] == 1664;
    d_.tokens = released ? 257 : 0;
    return {};
  }

  Status read_plus() {
    IPA_ASSIGN(const std::vector<int> latents, expect("latents", {1, any, any}));
    IPA_ASSIGN(const int input, read_resampler("", latents[2]));
    d_.tokens = latents[1];
    // Face embeddings have 512 numbers, hidden states of no released image encoder do.
    d_.variant = input == 512 ? AdapterVariant::faceid_portrait_unnorm : AdapterVariant::plus;
    (input == 512 ? d_.face_size : d_.embed_size) = input;
    return {};
  }

  Status read_face() {
    IPA_ASSIGN(const std::vector<int> first, expect("proj.0.weight", {any, any}));
    IPA_TRY(check("proj.0.bias", {first[0]}));
    IPA_ASSIGN(const std::vector<int> last, expect("proj.2.weight", {any, first[0]}));
    IPA_TRY(check("proj.2.bias", {last[0]}));
    IPA_TRY(check_norm("norm", d_.cross_size));
    if (last[0] % d_.cross_size != 0)
      return error(Code::shape, "tensor \"image_proj.proj.2.weight\" has " + std::to_string(last[0]) +
                                    " rows, no multiple of the token width " + std::to_string(d_.cross_size));
    d_.face_size = first[1];
    d_.face_hidden = first[0];
    d_.tokens = last[0] / d_.cross_size;
    return {};
  }

  Status read_face_plus() {
    d_.variant = AdapterVariant::faceid_plus;
    IPA_TRY(read_face());
    // The face's tokens enter it as its latents, and are added to what comes out (v2).
    IPA_ASSIGN(d_.embed_size, read_resampler(perceiver, d_.cross_size));
    return {};
  }

  // Gives the width of its input. `under`: prefix of its tensors.
  Result<int> read_resampler(const std::string& under, int dim) {
    IPA_ASSIGN(const std::vector<int> input, expect(under + "proj_in.weight", {dim, any}));
    IPA_TRY(check(under + "proj_in.bias", {dim}));
    IPA_TRY(check(under + "proj_out.weight", {d_.cross_size, dim}));
    IPA_TRY(check(under + "proj_out.bias", {d_.cross_size}));
    IPA_TRY(check_norm(under + "norm_out", d_.cross_size));
    int depth = 0;
    do {
      IPA_TRY(read_resampler_layer(under + "layers." + std::to_string(depth) + ".", dim, depth == 0));
      ++depth;
    } while (has(under + "layers." + std::to_string(depth) + ".0.to_q.weight"));
    d_.resampler.dim = dim;
    d_.resampler.depth = depth;
    return input[1];
  }

  Status read_resampler_layer(const std::string& layer, int dim, bool first) {
    const int inner_wanted = first ? any : d_.resampler.heads * head_size;
    IPA_TRY(check_norm(layer + "0.norm1", dim));
    IPA_TRY(check_norm(layer + "0.norm2", dim));
    IPA_ASSIGN(const std::vector<int> query, expect(layer + "0.to_q.weight", {inner_wanted, dim}));
    const int inner = query[0];
    if (inner % head_size != 0 || inner > INT_MAX / 2) {
      return error(Code::shape, "tensor " + in_quotes(projection_prefix + layer + "0.to_q.weight") + " has " +
                                    std::to_string(inner) + " rows, no multiple of the head width 64");
    }
    IPA_TRY(check(layer + "0.to_kv.weight", {2 * inner, dim}));
    IPA_TRY(check(layer + "0.to_out.weight", {dim, inner}));
    IPA_TRY(check_norm(layer + "1.0", dim));
    IPA_ASSIGN(const std::vector<int> up, expect(layer + "1.1.weight", {first ? any : d_.resampler.ff, dim}));
    IPA_TRY(check(layer + "1.3.weight", {dim, up[0]}));
    d_.resampler.heads = inner / head_size;
    d_.resampler.ff = up[0];
    return {};
  }

  // A tensor that the variant does not have would silently change nothing; better to say so.
  Status check_nothing_else() const {
    for (const TensorInfo& info : source_.tensors()) {
      if (!begins_with(info.name, projection_prefix) || known_.count(info.name)) continue;
      if (info.name.find(".layers.") != std::string::npos) {
        return error(Code::missing_tensor, "tensor " + in_quotes(info.name) +
                                               " belongs to a layer that is not complete, " +
                                               std::to_string(d_.resampler.depth) + " layers are");
      }
      return error(Code::unsupported, "tensor " + in_quotes(info.name) +
                                          " is not known in an adapter of variant " +
                                          adapter_variant_name(d_.variant));
    }
    return {};
  }

  // --- the encoder it needs ---

  std::string face_text() const { return "InsightFace (" + std::to_string(d_.face_size) + ")"; }

  std::string encoder_text() const {
    const std::string size = std::to_string(d_.embed_size);
    switch (d_.variant) {
      case AdapterVariant::base:
        // By the size of the projected image embedding.
        if (d_.embed_size == 768) return "ViT-L/14 (768)";
        if (d_.embed_size == 1024) return "ViT-H/14 (1024)";
        if (d_.embed_size == 1280) return "ViT-bigG/14 (1280)";
        return "image embeddings of size " + size;
      case AdapterVariant::plus:
      case AdapterVariant::full:
        // By the width of the hidden states.
        if (d_.embed_size == 1024) return "ViT-L/14 (hidden states of 1024)";
        if (d_.embed_size == 1280) return "ViT-H/14 (hidden states of 1280)";
        if (d_.embed_size == 1664) return "ViT-bigG/14 (hidden states of 1664)";
        return "hidden states of size " + size;
      case AdapterVariant::faceid_plus: {
        const std::string encoder = d_.embed_size == 1280   ? "ViT-H/14"
                                    : d_.embed_size == 1024 ? "ViT-L/14"
                                                            : "an image encoder";
        return face_text() + " and " + encoder + " (hidden states of " + size + ")";
      }
      default: return face_text();
    }
  }

  const TensorSource& source_;
  AdapterDescription d_;
  std::set<std::string> known_;
};

}  // namespace

const char* adapter_variant_name(AdapterVariant variant) {
  switch (variant) {
    case AdapterVariant::base: return "base";
    case AdapterVariant::plus: return "plus";
    case AdapterVariant::full: return "full";
    case AdapterVariant::faceid: return "faceid";
    case AdapterVariant::faceid_plus: return "faceid_plus";
    case AdapterVariant::faceid_portrait: return "faceid_portrait";
    case AdapterVariant::faceid_portrait_unnorm: return "faceid_portrait_unnorm";
  }
  return "";
}

bool reads_pictures(AdapterVariant variant) {
  return !reads_faces(variant) || variant == AdapterVariant::faceid_plus;
}

bool reads_faces(AdapterVariant variant) { return variant >= AdapterVariant::faceid; }

bool reads_hidden_states(AdapterVariant variant) {
  return reads_pictures(variant) && variant != AdapterVariant::base;
}

const char* face_embedding_name(AdapterVariant variant) {
  if (!reads_faces(variant)) return "";
  return variant == AdapterVariant::faceid_portrait_unnorm ? "embedding" : "normed_embedding";
}

Result<AdapterDescription> describe_adapter(const TensorSource& source) { return Describer(source).describe(); }

}  // namespace ipa
