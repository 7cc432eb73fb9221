#include "weights/describe/other_families.h"

#include <cstdint>
#include <string_view>

#include "base/utf8.h"
#include "weights/names/name_parts.h"
#include "weights/names/prefixed_tensors.h"

namespace ipa {
namespace {

enum class NamePlace : uint8_t { begins, holds };

// A piece of a tensor's name, with kohya's underscores or with dots, and how many columns it then has (0: any).
struct NameMark {
  const char* family;
  NamePlace place;
  const char* piece;
  int64_t columns = 0;
};

// The first that a file has names it. Names are compared without what other programs put in front of them.
constexpr NameMark kMarks[] = {
    {"PuLID", NamePlace::begins, "pulid_"},
    {"PuLID", NamePlace::holds, "image_proj.mapping_patch_"},
    {"PuLID", NamePlace::holds, "id_embedding_mapping"},
    {"PhotoMaker", NamePlace::begins, "id_encoder."},
    {"HunyuanVideo", NamePlace::holds, "img_attn_qkv"},
    {"HunyuanDiT", NamePlace::begins, "text_embedding_padding"},
    {"HunyuanDiT", NamePlace::begins, "mlp_t5."},
    {"HunyuanDiT", NamePlace::holds, "attn1.Wqkv"},
    {"HunyuanDiT", NamePlace::holds, "attn1_Wqkv"},
    {"HunyuanDiT", NamePlace::holds, "attn2.kv_proj"},
    {"HunyuanDiT", NamePlace::holds, "attn2_kv_proj"},
    {"Stable Diffusion 3", NamePlace::begins, "joint_blocks"},
    {"Stable Diffusion 3", NamePlace::begins, "pos_embed_input."},
    {"Stable Diffusion 3", NamePlace::holds, ".norm_ip.linear."},
    {"Stable Diffusion 3", NamePlace::holds, "image_proj.time_embedding."},
    {"FLUX", NamePlace::begins, "double_blocks"},
    {"FLUX", NamePlace::begins, "single_blocks"},
    {"FLUX", NamePlace::begins, "single_transformer_blocks"},
    {"FLUX", NamePlace::begins, "controlnet_x_embedder."},
    {"FLUX", NamePlace::begins, "ip_adapter_proj_model."},
    // Tokens as wide as T5's features.
    {"FLUX", NamePlace::holds, "image_proj.norm.weight", 4096},
    {"FLUX", NamePlace::holds, ".to_k_ip.weight", 4096},
    // FLUX has one, too, beside blocks that are named above.
    {"Stable Diffusion 3", NamePlace::begins, "context_embedder."},
    {"FLUX or Stable Diffusion 3", NamePlace::begins, "transformer_blocks"},
    // SDXL's UNet, which reads features of ChatGLM, and CLIP ViT-L/14 at 336 pixels.
    {"Kolors", NamePlace::begins, "encoder_hid_proj.weight", 4096},
};

// What stands before the names above, in any order.
constexpr std::string_view kPrefixes[] = {
    "model.diffusion_model.",
    "diffusion_model.",
    "base_model.model.",
    "transformer.",
    "lora_unet_",
    "lora_transformer_",
    "unet.",
    "controlnet.",
};

std::string_view without_prefixes(std::string_view name) {
  for (bool taken = true; taken;) {
    taken = false;
    for (const std::string_view prefix : kPrefixes) taken = take(name, prefix) || taken;
  }
  return name;
}

bool has_columns(const TensorInfo& info, int64_t columns) {
  return columns == 0 || (!info.shape.empty() && info.shape.back() == columns);
}

bool has_mark(const TensorSource& source, const NameMark& mark) {
  for (const TensorInfo& info : source.tensors()) {
    const std::string_view name = without_prefixes(info.name);
    const bool found = mark.place == NamePlace::begins ? begins_with(name, mark.piece)
                                                       : name.find(mark.piece) != std::string_view::npos;
    if (found && has_columns(info, mark.columns)) return true;
  }
  return false;
}

// Plus adapters of SDXL read ViT-H or ViT-bigG; this one ViT-L, as Kolors has it.
bool is_kolors_adapter(const TensorSource& source) {
  for (const char* resampler : {"image_proj.", "image_proj.perceiver_resampler."}) {
    const Prefixed tensors(source, resampler);
    if (tensors.size("proj_in.weight", 1) == 1024 && tensors.size("proj_out.weight", 0) == 2048) return true;
  }
  return false;
}

const char* family_of(const TensorSource& source) {
  for (const NameMark& mark : kMarks)
    if (has_mark(source, mark)) return mark.family;
  return is_kolors_adapter(source) ? "Kolors" : "";
}

// What of it the file is, by pieces of names; PhotoMaker's LoRA is a part of its adapter.
const char* part_of(const TensorSource& source) {
  struct Part {
    const char* what;
    const char* piece;
  };
  constexpr Part parts[] = {
      {"adapter", "id_encoder."}, {"adapter", "pulid_"}, {"adapter", "image_proj."},
      {"adapter", "ip_adapter"},  {"adapter", "_ip."},   {"ControlNet", "controlnet_"},
      {"LoRA", ".lora_"},         {"LoRA", "_lora"},
  };
  for (const Part& part : parts)
    for (const TensorInfo& info : source.tensors())
      if (info.name.find(part.piece) != std::string::npos) return part.what;
  return "checkpoint";
}

Status refusal(const std::string& where, const std::string& what) {
  return Status(Code::unsupported,
                where + ": this is a " + what +
                    "; this engine runs Stable Diffusion 1, 2 and SDXL: use one made for these");
}

}  // namespace

std::string other_family(const TensorSource& source) {
  const std::string family = family_of(source);
  return family.empty() ? "" : family + " " + part_of(source);
}

Status refuse_other_family(const TensorSource& source) {
  const std::string what = other_family(source);
  return what.empty() ? Status() : refusal(in_quotes(source.path(), 1024), what);
}

Status refuse_other_pipeline(const std::string& folder, const std::string& class_name) {
  struct Pipeline {
    const char* start;
    const char* family;
  };
  constexpr Pipeline pipelines[] = {{"Flux", "FLUX"},
                                    {"StableDiffusion3", "Stable Diffusion 3"},
                                    {"Kolors", "Kolors"},
                                    {"HunyuanDiT", "HunyuanDiT"},
                                    {"HunyuanVideo", "HunyuanVideo"},
                                    {"PixArt", "PixArt"},
                                    {"StableCascade", "Stable Cascade"},
                                    {"QwenImage", "Qwen-Image"}};
  for (const Pipeline& pipeline : pipelines)
    if (begins_with(class_name, pipeline.start))
      return refusal(in_quotes(folder, 1024), std::string(pipeline.family) + " model");
  return {};
}

}  // namespace ipa
