#include "configs/clip_config.h"

#include "configs/config_check.h"

namespace ipa {
namespace {

constexpr Range inner_widths = {1, 65536}, counts = {1, 256};
constexpr Range contexts = {3, 4096}, vocabularies = {1, 1 << 24};
constexpr Range image_sizes = {1, 4096}, patch_sizes = {1, 512};

ClipStack read_stack(ConfigReader& reader, const ClipStack& defaults) {
  const auto read = [&](const char* key, int64_t fallback, Range range) {
    return reader.integer(key, fallback, range.low, range.high);
  };
  ClipStack stack;
  stack.hidden_size = read("hidden_size", defaults.hidden_size, widths);
  stack.intermediate_size = read("intermediate_size", defaults.intermediate_size, inner_widths);
  stack.layers = static_cast<int>(read("num_hidden_layers", defaults.layers, counts));
  stack.heads = static_cast<int>(read("num_attention_heads", defaults.heads, counts));
  stack.epsilon = static_cast<float>(reader.number("layer_norm_eps", 1e-5, 0, 1));
  stack.activation = read_activation(reader, "hidden_act", "quick_gelu");
  return stack;
}

void check_stack(ConfigCheck& check, const ClipStack& stack) {
  check.whole("hidden_size", stack.hidden_size, widths);
  check.whole("intermediate_size", stack.intermediate_size, inner_widths);
  check.whole("num_hidden_layers", stack.layers, counts);
  check.whole("num_attention_heads", stack.heads, counts);
  check.require(stack.heads > 0 && stack.hidden_size % stack.heads == 0,
                "hidden_size does not divide by num_attention_heads");
}

}  // namespace

Activation read_activation(ConfigReader& reader, const char* key, const std::string& fallback) {
  const std::string name = reader.text(key, fallback);
  if (name == "quick_gelu") return Activation::quick_gelu;
  if (name == "gelu") return Activation::gelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::gelu_tanh;
  if (name == "silu" || name == "swish") return Activation::silu;
  reader.fail(Code::unsupported,
              std::string(key) + " \"" + name.substr(0, 60) + "\" is not supported by this version");
  return Activation::quick_gelu;
}

Result<ClipTextConfig> ClipTextConfig::parse(const Json& json, const std::string& where) {
  ConfigReader reader(json, where);
  ClipTextConfig config;
  config.stack = read_stack(reader, {512, 2048, 12, 8, 1e-5f, Activation::quick_gelu});
  config.vocab_size = reader.integer("vocab_size", 49408, vocabularies.low, vocabularies.high);
  config.context = reader.integer("max_position_embeddings", 77, contexts.low, contexts.high);
  config.eos_token = reader.integer("eos_token_id", 49407, 0, 1 << 24);
  for (const std::string& name : reader.texts("architectures"))
    if (name == "CLIPTextModelWithProjection")
      config.projection_size = reader.integer("projection_dim", 512, widths.low, widths.high);
  IPA_TRY(reader.status());
  IPA_TRY(config.check(where));
  return config;
}

Status ClipTextConfig::check(const std::string& where) const {
  ConfigCheck check(where);
  check_stack(check, stack);
  check.whole("vocab_size", vocab_size, vocabularies);
  check.whole("max_position_embeddings", context, contexts);
  if (projection_size) check.whole("projection_dim", projection_size, widths);
  return check.status();
}

int64_t ClipTextConfig::eos_position(const int32_t* ids) const {
  int64_t largest = 0;
  for (int64_t i = 0; i < context; ++i) {
    if (eos_token != 2 && ids[i] == eos_token) return i;
    if (ids[i] > ids[largest]) largest = i;
  }
  return eos_token == 2 ? largest : 0;
}

Result<ClipVisionConfig> ClipVisionConfig::parse(const Json& json, const std::string& where) {
  ConfigReader reader(json, where);
  ClipVisionConfig config;
  config.stack = read_stack(reader, {768, 3072, 12, 12, 1e-5f, Activation::quick_gelu});
  config.image_size = reader.integer("image_size", 224, image_sizes.low, image_sizes.high);
  config.patch_size = reader.integer("patch_size", 32, patch_sizes.low, patch_sizes.high);
  config.projection_size = reader.integer("projection_dim", 512, widths.low, widths.high);
  reader.require_number("num_channels", 3);
  IPA_TRY(reader.status());
  IPA_TRY(config.check(where));
  return config;
}

Status ClipVisionConfig::check(const std::string& where) const {
  ConfigCheck check(where);
  check_stack(check, stack);
  check.whole("image_size", image_size, image_sizes);
  check.whole("patch_size", patch_size, patch_sizes);
  check.whole("projection_dim", projection_size, widths);
  check.require(patch_size <= image_size, "patch_size is larger than image_size");
  return check.status();
}

}  // namespace ipa
