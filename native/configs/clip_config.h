// The fields of CLIP's configurations that this engine honours
// (CLIPTextConfig and CLIPVisionConfig of transformers).
#pragma once

#include <cstdint>
#include <string>

#include "base/config_reader.h"
#include "base/status.h"
#include "graph/types.h"

namespace ipa {

// The pre-norm transformer that the text and the image encoder share.
struct ClipStack {
  int64_t hidden_size = 768, intermediate_size = 3072;
  int layers = 12, heads = 12;
  float epsilon = 1e-5f;
  Activation activation = Activation::quick_gelu;
};

struct ClipTextConfig {
  ClipStack stack;
  int64_t vocab_size = 49408;
  int64_t context = 77;         // tokens a sequence
  int64_t projection_size = 0;  // 0: no text_projection
  int64_t eos_token = 2;        // the config's; see eos_position

  static Result<ClipTextConfig> parse(const Json& json, const std::string& where);
  // invalid_option for sizes that no network has. `where` starts the message.
  Status check(const std::string& where) const;
  // Token whose feature is the pooled one. transformers: with the historical eos_token_id 2 the largest id's
  // first position, otherwise the first position of eos_token_id (0 when there is none).
  int64_t eos_position(const int32_t* ids) const;
};

struct ClipVisionConfig {
  ClipStack stack;
  int64_t image_size = 224, patch_size = 14, projection_size = 1024;
  int64_t grid() const { return image_size / patch_size; }
  int64_t tokens() const { return grid() * grid() + 1; }

  static Result<ClipVisionConfig> parse(const Json& json, const std::string& where);
  Status check(const std::string& where) const;
};

// "quick_gelu", "gelu", "gelu_new"/"gelu_pytorch_tanh", "silu"/"swish"; anything else is unsupported.
Activation read_activation(ConfigReader& reader, const char* key, const std::string& fallback);

}  // namespace ipa
