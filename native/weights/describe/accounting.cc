#include "weights/describe/accounting.h"

#include <algorithm>

#include "base/utf8.h"
#include "weights/names/name_parts.h"

namespace ipa {
namespace {

// The prefixes that networks have in files of several.
constexpr std::string_view network_prefixes[] = {
    "model.diffusion_model.",
    "first_stage_model.",
    "cond_stage_model.",
    "conditioner.embedders.",
    "text_encoders.",
    "vae.",
    "unet.",
    "text_encoder.",
    "text_encoder_2.",
    "clip_l.",
    "clip_g.",
};

// Left by training and by the wrappers around the networks, wherever they stand.
constexpr std::string_view training_beginnings[] = {
    "model_ema.", "ema.",         "ema_model.", "loss.",          "optimizer.",        "optimizer_states.",
    "callbacks.", "lr_scheduler", "state.",     "discriminator.", "embedding_manager."};
constexpr std::string_view training_endings[] = {"position_ids", "num_batches_tracked"};
// Of the diffusion schedule, which a scheduler computes, and marks that say what a model predicts.
constexpr std::string_view schedule_names[] = {
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "lvlb_weights",
    "logvar",
    "scale_factor",
    "denoiser.sigmas",
    "model_sampling.sigmas",
    "global_step",
    "v_pred",
    "ztsnr",
};
// Halves and buffers of a CLIP model that prompts or pictures do not need.
constexpr std::string_view text_beginnings[] = {
    "vision_model.", "visual.",   "visual_projection", "logit_scale",
    "logit_bias",    "attn_mask", "text_projection",   "text_model.text_projection"};
constexpr std::string_view vision_beginnings[] = {"text_model.", "text_projection", "logit_scale",
                                                  "logit_bias"};
// The halves of a VAE: a call may need one only, and then none of the other is read.
struct VaeHalf {
  std::string_view beginning, convolution;
};
constexpr VaeHalf vae_halves[] = {{"encoder.", "quant_conv."}, {"decoder.", "post_quant_conv."}};

template <class List>
bool any_begins(std::string_view name, const List& beginnings) {
  return std::any_of(std::begin(beginnings), std::end(beginnings),
                     [&](std::string_view beginning) { return begins_with(name, beginning); });
}

bool is_left_by_training(std::string_view name) {
  for (const std::string_view ending : training_endings)
    if (ends_with(name, ending)) return true;
  return any_begins(name, training_beginnings) ||
         std::find(std::begin(schedule_names), std::end(schedule_names), name) != std::end(schedule_names);
}

// A wrapper's own parts stand before the network's name or behind it: "transformer.logit_scale".
bool is_unused_clip_part(std::string_view name, NetworkKind kind) {
  for (const std::string_view wrapper : {"transformer.", "model.", "text_model.", "transformer.text_model."}) {
    if (kind != NetworkKind::text_encoder || !begins_with(name, wrapper)) continue;
    if (any_begins(name.substr(wrapper.size()), text_beginnings)) return true;
  }
  return kind == NetworkKind::text_encoder ? any_begins(name, text_beginnings)
                                           : any_begins(name, vision_beginnings);
}

// IP-Adapters that diffusers saves inside a UNet: the UNet works without.
bool is_adapter_inside(std::string_view name) {
  return begins_with(name, "encoder_hid_proj.image_projection_layers.") ||
         name.find(".processor.to_k_ip.") != std::string_view::npos ||
         name.find(".processor.to_v_ip.") != std::string_view::npos;
}

// Beginnings of the VAE's half of which nothing is read.
std::vector<std::string_view> unread_halves(const std::unordered_set<std::string>& read,
                                            const std::string& prefix) {
  std::vector<std::string_view> beginnings;
  for (const VaeHalf& half : vae_halves) {
    const bool needed = std::any_of(read.begin(), read.end(), [&](const std::string& name) {
      return begins_with(name, prefix) &&
             begins_with(std::string_view(name).substr(prefix.size()), half.beginning);
    });
    if (!needed) beginnings.insert(beginnings.end(), {half.beginning, half.convolution});
  }
  return beginnings;
}

}  // namespace

const char* network_name(NetworkKind kind) {
  switch (kind) {
    case NetworkKind::unet: return "the UNet";
    case NetworkKind::vae: return "the VAE";
    case NetworkKind::text_encoder: return "the text encoder";
    case NetworkKind::image_encoder: return "the image encoder";
    case NetworkKind::controlnet: return "the ControlNet";
    case NetworkKind::t2i_adapter: return "the T2I-Adapter";
  }
  return "";
}

bool NetworkScope::owns(std::string_view name) const {
  if (!begins_with(name, prefix) || any_begins(name, others)) return false;
  return !prefix.empty() || !any_begins(name, network_prefixes);
}

Status account_for(const TensorSource& file, const std::unordered_set<std::string>& read,
                   const NetworkScope& scope) {
  std::vector<std::string_view> unread;
  if (scope.kind == NetworkKind::vae) unread = unread_halves(read, scope.prefix);
  IgnoredTensors unknown;
  for (const TensorInfo& info : file.tensors()) {
    if (!scope.owns(info.name) || read.count(info.name)) continue;
    const std::string_view name = std::string_view(info.name).substr(scope.prefix.size());
    if (is_left_by_training(name) || any_begins(name, scope.unused)) continue;
    if (scope.kind == NetworkKind::unet && is_adapter_inside(name)) continue;
    if (any_begins(name, unread)) continue;
    const bool clip = scope.kind == NetworkKind::text_encoder || scope.kind == NetworkKind::image_encoder;
    if (clip && is_unused_clip_part(name, scope.kind)) continue;
    unknown.add(info.name);
  }
  if (unknown.count == 0) return {};
  const std::string more =
      unknown.count > 1 ? " (and " + std::to_string(unknown.count - 1) + " more)" : std::string();
  return Status(
      Code::unsupported,
      in_quotes(file.path(), 1024) + ": tensor " + in_quotes(unknown.names.front()) + more +
          " is not known in " + network_name(scope.kind) +
          ": this version would leave it out and paint another picture; use a file of Stable Diffusion "
          "1, 2 or XL whose weights have the usual names");
}

IgnoredTensors ignored_tensors(const TensorSource& file, const std::vector<NetworkScope>& scopes) {
  IgnoredTensors ignored;
  for (const TensorInfo& info : file.tensors()) {
    const auto owner = std::find_if(scopes.begin(), scopes.end(),
                                    [&](const NetworkScope& scope) { return scope.owns(info.name); });
    if (owner != scopes.end()) {
      const std::string_view name = std::string_view(info.name).substr(owner->prefix.size());
      if (owner->kind == NetworkKind::unet && is_adapter_inside(name)) ignored.add(info.name);
      continue;
    }
    // Another network of the file may be used by another option.
    if (any_begins(info.name, network_prefixes) || is_left_by_training(info.name)) continue;
    ignored.add(info.name);
  }
  return ignored;
}

}  // namespace ipa
