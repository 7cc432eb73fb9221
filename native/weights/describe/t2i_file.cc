#include "weights/describe/t2i_file.h"

#include <cmath>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/utf8.h"
#include "weights/describe/accounting.h"
#include "weights/names/name_parts.h"
#include "weights/names/prefixed_tensors.h"
#include "weights/names/remapped_source.h"

namespace ipa {
namespace {

constexpr std::string_view t2i_prefix = "adapter.";

bool has_t2i_names(const TensorSource& source) {
  return source.find("adapter.body.0.resnets.0.block1.weight") != nullptr;
}
bool has_published_full(const TensorSource& source) {
  return source.find("body.0.block1.weight") && source.find("conv_in.weight");
}
bool has_published_light(const TensorSource& source) {
  return source.find("body.0.body.0.block1.weight") && source.find("body.0.out_conv.weight");
}

std::string t2i_body(int64_t i) { return "body." + std::to_string(i) + "."; }

// Squares of pixels as channels, of grey pictures where their number is no three squares.
void set_picture(int64_t channels, T2iConfig& config) {
  const auto side_of = [](int64_t area) {
    return static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(area))));
  };
  const int64_t side = side_of(channels / 3);
  config.picture_channels = channels % 3 == 0 && 3 * side * side == channels ? 3 : 1;
  config.picture_scale = side_of(channels / config.picture_channels);
}

// As published, the blocks of all levels are numbered through: a new width begins the second level.
void set_full_levels(const Prefixed& net, T2iConfig& config) {
  const int blocks = net.count("body.", ".block1.weight");
  config.layers = 1;
  while (config.layers < blocks && !net.has(t2i_body(config.layers) + "in_conv.weight")) ++config.layers;
  for (int i = 0; i < blocks; i += config.layers)
    config.widths.push_back(net.size(t2i_body(i) + "block1.weight", 0));
}

void set_light_levels(const Prefixed& net, const char* within, T2iConfig& config) {
  config.layers = net.count("body.0." + std::string(within) + ".", ".block1.weight");
  for (int i = 0; net.has(t2i_body(i) + "out_conv.weight"); ++i)
    config.widths.push_back(net.size(t2i_body(i) + "out_conv.weight", 0));
}

void set_named_levels(const Prefixed& net, T2iConfig& config) {
  config.layers = net.count("body.0.resnets.", ".block1.weight");
  for (int i = 0; net.has(t2i_body(i) + "resnets.0.block1.weight"); ++i)
    config.widths.push_back(net.size(t2i_body(i) + "resnets.0.block1.weight", 0));
}

// The published name of a tensor that diffusers calls `name`.
std::string published_name(const std::string& name, const T2iConfig& config) {
  std::string_view rest = name;
  take(rest, t2i_prefix);
  std::string_view numbered = rest;
  if (!take(numbered, "body.")) return std::string(rest);
  const int level = take_number(numbered);
  std::string_view part = numbered;
  const bool block = take(part, "resnets.");
  const int layer = block ? take_number(part) : 0;
  if (config.kind == T2iKind::light)
    return t2i_body(level) + (block ? "body." + std::to_string(layer) + "." : "") + std::string(part);
  return t2i_body(int64_t{level} * config.layers + layer) + std::string(part);
}

}  // namespace

bool is_t2i_adapter(const TensorSource& source) {
  return has_t2i_names(source) || has_published_full(source) || has_published_light(source);
}

Result<T2iConfig> t2i_config(const TensorSource& source) {
  const bool named = has_t2i_names(source);
  const Prefixed net(source, named ? std::string(t2i_prefix) : "");
  T2iConfig config;
  config.widths.clear();
  const bool light = net.has("body.0.out_conv.weight");
  const std::string first = light ? "body.0.in_conv.weight" : "conv_in.weight";
  if (!net.has(first))
    return Status(Code::missing_tensor, in_quotes(source.path(), 1024) + ": no " + in_quotes(first) +
                                            " in this file: get the file again");
  set_picture(net.size(first, 1), config);
  if (light)
    set_light_levels(net, named ? "resnets" : "body", config);
  else if (named)
    set_named_levels(net, config);
  else
    set_full_levels(net, config);
  // The ones for SDXL read larger squares.
  config.kind = light ? T2iKind::light : config.picture_scale >= 16 ? T2iKind::full_xl : T2iKind::full;
  return config;
}

Result<std::unique_ptr<TensorSource>> t2i_tensors(std::unique_ptr<TensorSource> source, const T2iConfig& config,
                                                  const std::vector<std::string>& names) {
  const bool named = has_t2i_names(*source);
  const auto original = [&](const std::string& name) {
    return OriginalTensor{named ? name : published_name(name, config)};
  };
  std::unordered_set<std::string> read;
  for (const std::string& name : names) read.insert(original(name).name);
  IPA_TRY(account_for(*source, read, {NetworkKind::t2i_adapter, ""}));
  return remap_tensors(std::move(source), names, original);
}

}  // namespace ipa
