// Every published IP-Adapter at its full size, without its weights:
// the number of parameters that its files have.
#include "base/json.h"
#include "doctor/known_networks.h"
#include "harness.h"
#include "pipeline/load/adapter.h"
#include "pipeline/load/loras.h"

namespace {

using ipa::sd15_unet_config;
using ipa::sdxl_unet_config;

std::unique_ptr<ipa::UNet> unet_of(const char* config) {
  const auto json = ipa::Json::parse(config);
  CHECK_OK(json.status());
  auto parsed = ipa::UNetConfig::parse(json.value(), "config.json");
  CHECK_OK(parsed.status());
  return parsed.ok() ? std::make_unique<ipa::UNet>(parsed.take()) : nullptr;
}

ipa::AdapterDescription base(int embed) {
  ipa::AdapterDescription d;
  d.embed_size = embed;
  d.tokens = 4;
  return d;
}

ipa::AdapterDescription resampler(ipa::AdapterVariant variant, int dim, int tokens) {
  ipa::AdapterDescription d;
  d.variant = variant;
  d.embed_size = 1280;
  d.tokens = tokens;
  d.resampler.dim = dim;
  d.resampler.heads = dim / 64;
  d.resampler.depth = 4;
  d.resampler.ff = 4 * dim;
  return d;
}

ipa::AdapterDescription with_face(ipa::AdapterDescription d, int hidden = 1024) {
  d.face_size = 512;
  d.face_hidden = hidden;
  return d;
}

ipa::AdapterDescription face(ipa::AdapterVariant variant, int tokens) {
  ipa::AdapterDescription d = with_face({});
  d.variant = variant;
  d.tokens = tokens;
  return d;
}

ipa::AdapterDescription full() {
  ipa::AdapterDescription d;
  d.variant = ipa::AdapterVariant::full;
  d.embed_size = 1280;
  d.tokens = 257;
  return d;
}

void check(const char* name, const ipa::UNet& unet, ipa::AdapterDescription d, int64_t expected) {
  d.cross_size = static_cast<int>(unet.config().cross_size());
  ipa::ParamSet params;
  CHECK_OK(ipa::declare_adapter(params, ipa::projection_of(d), unet.cross_layers()));
  if (params.elements() != expected)
    ipa_test::fail(__FILE__, __LINE__,
                   std::string(name) + " has " + std::to_string(params.elements()) + " parameters, expected " +
                       std::to_string(expected));
}

// Of rank 128 on the queries, keys, values and outputs of every attention layer.
int64_t lora_elements(const ipa::UNet& unet) {
  int64_t sum = 0;
  for (const ipa::CrossLayer& layer : unet.cross_layers()) {
    const int64_t h = layer.hidden, cross = unet.config().cross_size();
    const int64_t self_attention = 8 * h, cross_attention = 4 * h + 2 * (h + cross);
    sum += 128 * (self_attention + cross_attention);
  }
  return sum;
}

}  // namespace

using V = ipa::AdapterVariant;

// Ye et al. 2023 say 22M of the base adapter;
// the exact sums follow from the published tensors' shapes and agree with the published files' sizes.
TEST_ONCE(models_adapters_have_their_published_size) {
  const auto sd15 = unet_of(sd15_unet_config), sdxl = unet_of(sdxl_unet_config);
  if (!sd15 || !sdxl) return;
  check("ip-adapter_sd15", *sd15, base(1024), 22319616);
  check("ip-adapter_sd15_vit-G", *sd15, base(1280), 23106048);
  check("ip-adapter-plus_sd15", *sd15, resampler(V::plus, 768, 16), 49087488);
  check("ip-adapter-full-face_sd15", *sd15, full(), 21794304);
  check("ip-adapter_sdxl", *sdxl, base(1280), 351285248);
  check("ip-adapter_sdxl_vit-h", *sdxl, base(1024), 349188096);
  check("ip-adapter-plus_sdxl_vit-h", *sdxl, resampler(V::plus, 1280, 16), 423748864);
  check("ip-adapter-faceid_sd15", *sd15, face(V::faceid, 4), 22844928);
  check("ip-adapter-faceid-plus_sd15", *sd15, with_face(resampler(V::faceid_plus, 768, 4)), 52750848);
  check("ip-adapter-faceid-portrait_sd15", *sd15, face(V::faceid_portrait, 16), 32291328);
  check("ip-adapter-faceid_sdxl", *sdxl, face(V::faceid, 4), 349713408);
  check("ip-adapter-faceid-plusv2_sdxl", *sdxl, with_face(resampler(V::faceid_plus, 2048, 4)), 557913088);
  check("ip-adapter-faceid-portrait_sdxl", *sdxl, face(V::faceid_portrait, 16), 374903808);
  CHECK_EQ(lora_elements(*sd15), 25509888);
  CHECK_EQ(lora_elements(*sdxl), 185794560);
  CHECK_EQ(ipa::attention_names(*sd15).size(), size_t{32});
  CHECK_EQ(ipa::attention_names(*sdxl).size(), size_t{140});
  CHECK_EQ(ipa::attention_names(*sd15)[31], "mid_block.attentions.0.transformer_blocks.0.attn2");
  CHECK_EQ(ipa::attention_names(*sd15)[12], "up_blocks.1.attentions.0.transformer_blocks.0.attn1");
}
