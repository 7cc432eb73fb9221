// The networks of a model, described by their configurations:
// parameters declared, and chosen what they are multiplied in. Their weights are still to be loaded.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "models/clip_text.h"
#include "models/unet.h"
#include "models/vae.h"
#include "pipeline/load/components.h"
#include "pipeline/load/learned_tokens.h"
#include "pipeline/load/loaded_network.h"
#include "pipeline/load/part_computes.h"

namespace ipa {

struct TextTower : LoadedNetwork<ClipText> {
  using LoadedNetwork::LoadedNetwork;
  // Folder name in the model folder; of a file: "clip" or "open_clip", which pads otherwise.
  std::string tokenizer;
};

// `index`: of the model's text encoders. `learned` must outlive the result. Errors of the configuration.
Result<std::unique_ptr<TextTower>> describe_text(const TextComponent& component, size_t index,
                                                 const LearnedTokens& learned, NetworkCompute compute);
// Also Code::unsupported for a class-conditional one.
Result<std::unique_ptr<LoadedNetwork<UNet>>> describe_unet(const UNetComponent& component,
                                                           const PartComputes& computes);
// One half of the VAE: pictures of latents, or latents of pictures.
enum class VaeHalf : uint8_t { decoder, encoder };
// Also Code::mismatch when its latents are not the UNet's.
Result<std::unique_ptr<LoadedNetwork<Vae>>> describe_vae(const VaeComponent& component, const UNetConfig& unet,
                                                         VaeHalf half, const PartComputes& computes);

}  // namespace ipa
