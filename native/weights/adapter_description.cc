#include "weights/adapter_description.h"

#include <algorithm>
#include <climits>
#include <map>
#include <set>

#include "base/utf8.h"
#include "weights/component_kind.h"

namespace ipa {
namespace {

constexpr int any = -1;
constexpr int head_size = 64;
const std::string projection_prefix = "image_proj.";
const std::string layers_prefix = "ip_adapter.";

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

class Describer {
 public:
  explicit Describer(const TensorSource& source) : source_(source) {}

  Result<AdapterDescription> describe() {
    if (component_kind(source_) != ComponentKind::ip_adapter) {
      return error(Code::mismatch,
                   std::string("is no IP-Adapter (no image_proj and ip_adapter tensors), its kind is ") +
                       component_kind_name(component_kind(source_)));
    }
    IPA_TRY(read_layers());
    IPA_TRY(read_projection());
    const std::string family = family_of_cross_size(d_.cross_size);
    d_.family = family.empty() ? "custom" : family;
    d_.encoder = encoder_text();
    return d_;
  }

 private:
  Status error(Code code, const std::string& what) const {
    return Status(code, quoted(source_.path(), 1024) + ": " + what);
  }

  // --- image_proj ---

  bool has(const std::string& name) const { return source_.find(projection_prefix + name) != nullptr; }

  // The named tensor's shape must be `wanted`, `any` standing for every size; returns the real sizes.
  Result<std::vector<int>> expect(const std::string& name, const std::vector<int>& wanted) {
    const TensorInfo* info = source_.find(projection_prefix + name);
    if (!info) return error(Code::missing_tensor, "tensor " + quoted(projection_prefix + name) + " is missing");
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
    return error(Code::shape, "tensor " + quoted(info->name) + " has shape " + shape_text(info->shape) +
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
    if (has("proj.weight")) {
      IPA_TRY(read_base());
    } else if (has("proj.3.weight")) {
      IPA_TRY(read_full());
    } else if (has("perceiver_resampler.proj_in.weight")) {
      return read_face(AdapterVariant::faceid_plus);
    } else if (has("proj.0.weight") && has("norm.weight") && !has("latents")) {
      return read_face(has_lora_ ? AdapterVariant::faceid : AdapterVariant::faceid_portrait);
    } else if (has("latents")) {
      IPA_TRY(read_resampler());
      if (d_.variant != AdapterVariant::plus) return {};
    } else {
      return error(Code::unsupported, "its image_proj tensors are of no known IP-Adapter variant");
    }
    if (has_lora_) return error(Code::unsupported, "an adapter of this variant with LoRA tensors is not known");
    return check_nothing_else();
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

  Status read_resampler() {
    IPA_ASSIGN(const std::vector<int> latents, expect("latents", {1, any, any}));
    const int dim = latents[2];
    IPA_ASSIGN(const std::vector<int> input, expect("proj_in.weight", {dim, any}));
    d_.variant = input[1] == 512 ? AdapterVariant::faceid_portrait_unnorm : AdapterVariant::plus;
    d_.tokens = latents[1];
    d_.embed_size = input[1];
    IPA_TRY(check("proj_in.bias", {dim}));
    IPA_TRY(check("proj_out.weight", {d_.cross_size, dim}));
    IPA_TRY(check("proj_out.bias", {d_.cross_size}));
    IPA_TRY(check_norm("norm_out", d_.cross_size));
    int depth = 0;
    do {
      IPA_TRY(read_resampler_layer("layers." + std::to_string(depth) + ".", dim, depth == 0));
      ++depth;
    } while (has("layers." + std::to_string(depth) + ".0.to_q.weight"));
    d_.resampler.dim = dim;
    d_.resampler.depth = depth;
    return {};
  }

  Status read_resampler_layer(const std::string& layer, int dim, bool first) {
    const int inner_wanted = first ? any : d_.resampler.heads * head_size;
    IPA_TRY(check_norm(layer + "0.norm1", dim));
    IPA_TRY(check_norm(layer + "0.norm2", dim));
    IPA_ASSIGN(const std::vector<int> query, expect(layer + "0.to_q.weight", {inner_wanted, dim}));
    const int inner = query[0];
    if (inner % head_size != 0 || inner > INT_MAX / 2) {
      return error(Code::shape, "tensor " + quoted(projection_prefix + layer + "0.to_q.weight") + " has " +
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

  Status read_face(AdapterVariant variant) {
    d_.variant = variant;
    IPA_ASSIGN(const std::vector<int> first, expect("proj.0.weight", {any, any}));
    IPA_ASSIGN(const std::vector<int> last, expect("proj.2.weight", {any, any}));
    d_.embed_size = first[1];
    d_.tokens = last[0] / d_.cross_size;
    return {};
  }

  // A tensor that the variant does not have would silently change nothing; better to say so.
  Status check_nothing_else() const {
    for (const TensorInfo& info : source_.tensors()) {
      if (!starts_with(info.name, projection_prefix) || known_.count(info.name)) continue;
      if (starts_with(info.name, projection_prefix + "layers.")) {
        return error(Code::missing_tensor, "tensor " + quoted(info.name) +
                                               " belongs to a layer that is not complete, " +
                                               std::to_string(d_.resampler.depth) + " layers are");
      }
      return error(Code::unsupported, "tensor " + quoted(info.name) +
                                          " is not known in an adapter of variant " +
                                          adapter_variant_name(d_.variant));
    }
    return {};
  }

  // --- ip_adapter ---

  struct Pair {
    const TensorInfo* k = nullptr;
    const TensorInfo* v = nullptr;
  };

  Status read_layers() {
    std::map<int, Pair> pairs;
    for (const TensorInfo& info : source_.tensors()) {
      if (starts_with(info.name, layers_prefix)) IPA_TRY(read_layer_tensor(info, &pairs));
    }
    if (pairs.empty()) return error(Code::missing_tensor, "has no ip_adapter.N.to_k_ip and to_v_ip tensors");
    int expected = 1;
    for (const auto& entry : pairs) {
      const int number = entry.first;
      if (number % 2 == 0) {
        return error(Code::mismatch,
                     "has K/V tensors at the even number " + std::to_string(number) +
                         "; adapters of Stable Diffusion's UNets have odd numbers only (is it for a "
                         "transformer model such as SD3 or Flux?)");
      }
      if (number != expected) {
        return error(Code::missing_tensor,
                     "tensor " + quoted(layers_prefix + std::to_string(expected) + ".to_k_ip.weight") +
                         " is missing, though there are higher numbers");
      }
      expected += 2;
      IPA_TRY(read_pair(number, entry.second));
    }
    d_.cross_layers = static_cast<int>(d_.indices.size());
    return {};
  }

  Status read_layer_tensor(const TensorInfo& info, std::map<int, Pair>* pairs) {
    const size_t dot = info.name.find('.', layers_prefix.size());
    const std::string number = info.name.substr(layers_prefix.size(), dot - layers_prefix.size());
    const bool digits = !number.empty() && number.size() <= 5 && (number[0] != '0' || number.size() == 1) &&
                        number.find_first_not_of("0123456789") == std::string::npos;
    if (dot == std::string::npos || !digits) return unknown_layer_tensor(info);
    const std::string part = info.name.substr(dot + 1);
    if (part == "to_k_ip.weight") {
      (*pairs)[std::stoi(number)].k = &info;
    } else if (part == "to_v_ip.weight") {
      (*pairs)[std::stoi(number)].v = &info;
    } else if (is_lora(part)) {
      has_lora_ = true;
    } else {
      return unknown_layer_tensor(info);
    }
    return {};
  }

  Status unknown_layer_tensor(const TensorInfo& info) const {
    return error(Code::unsupported,
                 "tensor " + quoted(info.name) + " is not known in an IP-Adapter for Stable Diffusion");
  }

  static bool is_lora(const std::string& part) {
    for (const char* projection : {"to_q", "to_k", "to_v", "to_out"}) {
      for (const char* side : {"down", "up"}) {
        if (part == std::string(projection) + "_lora." + side + ".weight") return true;
      }
    }
    return false;
  }

  Status read_pair(int number, const Pair& pair) {
    const std::string name =
        layers_prefix + std::to_string(number) + (pair.k ? ".to_v_ip.weight" : ".to_k_ip.weight");
    if (!pair.k || !pair.v) return error(Code::missing_tensor, "tensor " + quoted(name) + " is missing");
    const std::vector<int64_t>& shape = pair.k->shape;
    if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > INT_MAX || shape[1] > INT_MAX) {
      return error(Code::shape, "tensor " + quoted(pair.k->name) + " has shape " + shape_text(shape) +
                                    ", expected [layer width, token width]");
    }
    const int cross = static_cast<int>(shape[1]);
    if (d_.indices.empty()) d_.cross_size = cross;
    if (pair.v->shape != shape || cross != d_.cross_size) {
      const TensorInfo* odd_one = pair.v->shape != shape ? pair.v : pair.k;
      return error(Code::shape, "tensor " + quoted(odd_one->name) + " has shape " + shape_text(odd_one->shape) +
                                    ", expected " + shape_text({shape[0], d_.cross_size}));
    }
    d_.indices.push_back(number);
    d_.hidden_sizes.push_back(static_cast<int>(shape[0]));
    return {};
  }

  // --- the encoder it needs ---

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
      case AdapterVariant::faceid_plus: return "InsightFace (" + size + ") and ViT-H/14";
      default: return "InsightFace (" + size + ")";
    }
  }

  const TensorSource& source_;
  AdapterDescription d_;
  std::set<std::string> known_;
  bool has_lora_ = false;
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

Result<AdapterDescription> describe_adapter(const TensorSource& source) { return Describer(source).describe(); }

}  // namespace ipa
