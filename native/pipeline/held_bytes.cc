#include "pipeline/held_bytes.h"

namespace ipa {
namespace {

size_t bytes_of(const std::optional<Picture>& picture) { return picture ? picture->bytes() : 0; }

size_t bytes_of(const std::vector<float>& floats) { return floats.size() * sizeof(float); }

size_t bytes_of(const ImagePrompt& image) {
  const Picture picture{{}, image.width, image.height};
  return picture.bytes() + bytes_of(image.mask) + bytes_of(image.embeds) + bytes_of(image.face);
}

template <class Prompts>
size_t bytes_of_embeds(const Prompts& prompts) {
  return prompts.prompt_embeds.bytes() + prompts.negative_embeds.bytes();
}

}  // namespace

size_t held_bytes(const GenerateRequest& request) {
  size_t bytes = bytes_of_embeds(request) + bytes_of(request.image) + bytes_of(request.mask);
  for (const PromptRegion& region : request.regions) bytes += region.mask.bytes() + bytes_of_embeds(region);
  for (const ImageBranch& branch : request.branches) {
    bytes += bytes_of(branch.mask);
    for (const ImagePrompt& image : branch.images) bytes += bytes_of(image);
  }
  for (const NegativeImage& negative : request.negative_images) bytes += bytes_of(negative.image);
  for (const ControlUse& use : request.controls) bytes += use.image.bytes();
  for (const std::vector<float>& latents : request.latents) bytes += bytes_of(latents);
  return bytes;
}

}  // namespace ipa
