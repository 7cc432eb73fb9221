#include "weights/describe/control_file.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/utf8.h"
#include "weights/changes/control_lora.h"
#include "weights/describe/absurd_width.h"
#include "weights/describe/accounting.h"
#include "weights/describe/other_families.h"
#include "weights/describe/single_file_config.h"
#include "weights/describe/t2i_file.h"
#include "weights/names/control_names.h"
#include "weights/names/ldm_names.h"
#include "weights/names/prefixed_tensors.h"
#include "weights/names/remapped_source.h"

namespace ipa {
namespace {

constexpr const char* original_prefixes[] = {"control_model.", ""};

// nullptr where the names are not the original's.
const char* original_prefix(const TensorSource& source) {
  for (const char* prefix : original_prefixes)
    if (Prefixed(source, prefix).has("input_hint_block.0.weight")) return prefix;
  return nullptr;
}

bool has_diffusers_names(const TensorSource& source) {
  return source.find("controlnet_cond_embedding.conv_in.weight") != nullptr;
}

std::string numbered(const char* before, int i, const char* after) {
  return before + std::to_string(i) + after;
}

// One level on the way down; `depths` are 0 where there is no attention, and where it has no blocks.
UNetConfig::Level named_level(const Prefixed& net, int index) {
  const std::string block = numbered("down_blocks.", index, ".");
  UNetConfig::Level level;
  level.channels = net.size(block + "resnets.0.conv1.weight", 0);
  level.resnets = net.count(block + "resnets.", ".conv1.weight");
  level.down_attention = level.up_attention = net.has(block + "attentions.0.norm.weight");
  for (int i = 0; i < level.resnets; ++i)
    level.transformer_layers.push_back(
        net.count(block + numbered("attentions.", i, ".transformer_blocks."), ".norm1.weight"));
  level.up_transformer_layers.assign(static_cast<size_t>(level.resnets) + 1, level.transformer_layers.front());
  return level;
}

// Any attention tells how projections are stored, and the width of the text where it reads one.
void set_named_attention(const Prefixed& net, UNetConfig& config) {
  int64_t cross = config.levels.front().cross_size;
  const auto read = [&](const std::string& attention) {
    if (const TensorInfo* proj = net.find(attention + "proj_in.weight"))
      config.linear_projection = proj->shape.size() == 2;
    if (const int64_t size = net.size(attention + "transformer_blocks.0.attn2.to_k.weight", 1)) cross = size;
  };
  for (size_t i = 0; i < config.levels.size(); ++i)
    read(numbered("down_blocks.", static_cast<int>(i), ".attentions.0."));
  read("mid_block.attentions.0.");
  for (UNetConfig::Level& level : config.levels) {
    level.cross_size = cross;
    level.heads = usual_heads(level.channels, config.linear_projection);
  }
}

Result<UNetConfig> named_trunk(const TensorSource& source) {
  const Prefixed net(source, "");
  UNetConfig config;
  const int levels = net.count("down_blocks.", ".resnets.0.conv1.weight");
  if (levels == 0)
    return Status(Code::missing_tensor,
                  in_quotes(source.path(), 1024) +
                      ": no \"down_blocks.0.resnets.0.conv1.weight\" in this file: get the "
                      "file again");
  for (int i = 0; i < levels; ++i) config.levels.push_back(named_level(net, i));
  config.mid_attention = net.has("mid_block.attentions.0.norm.weight");
  config.mid_transformer_layers = net.count("mid_block.attentions.0.transformer_blocks.", ".norm1.weight");
  config.in_channels = config.out_channels = net.size("conv_in.weight", 1);
  config.time_embedding_size = net.size("time_embedding.linear_1.weight", 0);
  config.addition_input_size = net.size("add_embedding.linear_1.weight", 1);
  config.text_time = config.addition_input_size > 0;
  // A size that is not read must keep its rule.
  if (!config.text_time) config.addition_input_size = UNetConfig().addition_input_size;
  set_named_attention(net, config);
  return config;
}

Result<UNetConfig> original_trunk(const TensorSource& source, const std::string& prefix) {
  IPA_ASSIGN(UNetConfig config, original_unet_config(source, prefix));
  config.out_channels = config.in_channels;
  return config;
}

// Widths of the convolutions that read the picture: of those between the first and the last, `name` counted
// from 1, every second changes the width.
template <class Name>
std::vector<int64_t> picture_widths(const Prefixed& net, const std::string& first, int between, Name name) {
  std::vector<int64_t> widths = {net.size(first, 0)};
  for (int i = 2; i <= between; i += 2) widths.push_back(net.size(name(i), 0));
  return widths;
}

// Of a union's attention only the values are read, which lie behind queries and keys in one tensor.
OriginalTensor union_tensor(const std::string& name) {
  constexpr std::string_view values = ".attn.v_proj.";
  const size_t at = name.find(values);
  if (at == std::string::npos) return {name};
  return {name.substr(0, at) + ".attn.in_proj_" + name.substr(at + values.size()), 2};
}

Result<std::unique_ptr<TensorSource>> named_tensors(std::unique_ptr<TensorSource> source,
                                                    const std::vector<std::string>& names) {
  std::unordered_set<std::string> read;
  for (const std::string& name : names) read.insert(union_tensor(name).name);
  IPA_TRY(account_for(*source, read, {NetworkKind::controlnet, ""}));
  return remap_tensors(std::move(source), names, union_tensor);
}

ControlUnionConfig union_config(const Prefixed& net) {
  ControlUnionConfig config;
  config.modes = net.size("task_embedding", 0);
  config.width = net.size("task_embedding", 1);
  config.layers = net.count("transformer_layes.", ".ln_1.weight");
  return config;
}

void set_original_picture(const Prefixed& net, ControlNetConfig& config) {
  const auto place = [](int i) { return numbered("input_hint_block.", 2 * i, ".weight"); };
  int last = 0;
  while (last < 32 && net.has(place(last + 1))) ++last;
  config.picture_channels = net.size(place(0), 1);
  config.picture_widths = picture_widths(net, place(0), last - 1, place);
}

}  // namespace

const char* control_kind_name(ControlKind kind) {
  switch (kind) {
    case ControlKind::controlnet: return "controlnet";
    case ControlKind::controlnet_union: return "controlnet-union";
    case ControlKind::control_lora: return "control-lora";
    case ControlKind::t2i_adapter: return "t2i-adapter";
  }
  return "";
}

bool is_control(const TensorSource& source) {
  return original_prefix(source) || has_diffusers_names(source) || is_t2i_adapter(source);
}

std::string control_prefix(const TensorSource& source) {
  const char* prefix = original_prefix(source);
  return prefix ? prefix : "";
}

Result<ControlKind> control_kind(const TensorSource& source) {
  IPA_TRY(refuse_other_family(source));
  if (is_control_lora(source)) return ControlKind::control_lora;
  if (is_t2i_adapter(source)) return ControlKind::t2i_adapter;
  if (source.find("task_embedding")) return ControlKind::controlnet_union;
  if (is_control(source)) return ControlKind::controlnet;
  return Status(
      Code::unsupported,
      in_quotes(source.path(), 1024) +
          ": this file holds no ControlNet: pass the folder of one in the diffusers layout, or a file "
          "with diffusers' or the original names");
}

Result<ControlNetConfig> controlnet_config(const TensorSource& source) {
  ControlNetConfig config;
  if (const char* prefix = original_prefix(source)) {
    IPA_ASSIGN(config.trunk, original_trunk(source, prefix));
    set_original_picture(Prefixed(source, prefix), config);
    return config;
  }
  IPA_ASSIGN(config.trunk, named_trunk(source));
  if (source.find("task_embedding")) config.several = union_config(Prefixed(source, ""));
  const Prefixed net(source, "controlnet_cond_embedding.");
  config.picture_channels = net.size("conv_in.weight", 1);
  config.picture_widths = picture_widths(net, "conv_in.weight", net.count("blocks.", ".weight"),
                                         [](int i) { return numbered("blocks.", i - 1, ".weight"); });
  return config;
}

ControlNetConfig control_lora_config(const TensorSource& source, const UNetConfig& unet) {
  ControlNetConfig config;
  config.trunk = unet;
  config.trunk.in_channels = unet.out_channels;
  config.trunk.time_cond_size = 0;
  config.trunk.center_input_sample = false;
  set_original_picture(Prefixed(source, ""), config);
  return config;
}

Result<std::unique_ptr<TensorSource>> controlnet_tensors(std::unique_ptr<TensorSource> source,
                                                         const ControlNetConfig& config,
                                                         const std::vector<std::string>& names) {
  const char* prefix = original_prefix(*source);
  if (!prefix) return named_tensors(std::move(source), names);
  const LdmUNetNames ldm(std::unordered_set<std::string>(names.begin(), names.end()));
  const int blocks = 2 * (static_cast<int>(config.picture_widths.size()) - 1);
  const auto original = [&](const std::string& name) {
    const size_t dot = name.rfind('.');  // of "weight" or "bias"
    if (dot == std::string::npos) return OriginalTensor();
    const std::string found = ldm_control_layer(ldm, name.substr(0, dot), blocks);
    return OriginalTensor{found.empty() ? "" : prefix + found + name.substr(dot)};
  };
  std::unordered_set<std::string> read;
  for (const std::string& name : names) read.insert(original(name).name);
  IPA_TRY(account_for(*source, read, {NetworkKind::controlnet, prefix}));
  return remap_tensors(std::move(source), names, original);
}

}  // namespace ipa
