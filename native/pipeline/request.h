// What a generation is asked for and what it gives, as plain values: nothing here knows JavaScript or files.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/load/load_request.h"
#include "schedulers/sigma_choice.h"

namespace ipa {

// One prompt for one text encoder: chunks of the encoder's context length, start,
// end and padding tokens included.
struct TokenChunks {
  std::vector<int32_t> ids;
  std::vector<float> weights;  // one per token; 1 leaves it alone
};

// What the text encoders make of a prompt, given in its place: chunks * context tokens, each as wide as the UNet's
// cross-attention reads them.
struct TextEmbeds {
  std::vector<float> features;  // empty: the prompt's tokens are encoded
  std::vector<float> pooled;    // SDXL: the second encoder's projected embedding

  bool empty() const { return features.empty(); }
  size_t bytes() const { return (features.size() + pooled.size()) * sizeof(float); }
};

// Prompts whose features are asked for.
struct PromptsToEncode {
  std::vector<TokenChunks> prompt, negative;  // no negative one: empty
  int clip_skip = 0;                          // of the prompt
};

// Pixels; without any where only sizes are asked for.
struct Picture {
  std::vector<uint8_t> rgb;  // 3 * width * height
  int64_t width = 0, height = 0;

  size_t bytes() const { return static_cast<size_t>(3 * width * height); }
  // Whether all pixels are there, or none.
  bool is_whole() const { return rgb.empty() || (width > 0 && height > 0 && rgb.size() == bytes()); }
};

// What an adapter takes after: a picture (pixels, or the image encoder's output), a face,
// or a face with its picture.
struct ImagePrompt {
  std::vector<uint8_t> rgb;  // 3 * width * height; empty when embeds are given
  int64_t width = 0, height = 0;
  std::vector<float> embeds;  // base: embed_size floats; plus, full, faceid_plus: hidden states * embed_size
  std::vector<float> face;    // face_size floats
  float weight = 1;           // of what the image encoder makes of the picture
  // Of the picture's size: what the encoder sees of it. Black hides a pixel, which then has the encoder's mean colour.
  std::optional<Picture> mask = {};
  int source = -1;  // what has a map with others of the same number, where maps are asked for; -1: no map

  // Also where its size alone is known.
  bool has_picture() const { return width > 0; }
};

// What is made of the pictures of a branch before the projection: all of them, or one of all.
enum class Combine : uint8_t { concat, average, add, subtract, norm_average };

// What the scale multiplies, as ComfyUI_IPAdapter_plus has it: the result; keys and values; both times the layer's
// width / 1280; or keys, and of the values their mean over the tokens, also times width / 1280.
enum class KvScaling : uint8_t { result, both, both_by_width, mean_by_width };

// What an adapter's pictures are seen against in the negative half; without picture and embeds: nothing.
struct NegativeImage {
  int adapter = 0;
  ImagePrompt image;
};

// A factor at a share of a picture's model calls, 0 at the first and 1 at the last.
struct CurvePoint {
  float share = 0, factor = 1;
};

// Pictures of one adapter under one scale; their tokens share one softmax.
struct ImageBranch {
  int adapter = 0;
  float scale = 1;
  std::vector<ImagePrompt> images;
  float structure_scale = 1;  // FaceID PlusV2: of what the Resampler adds to the face's tokens
  // Factors of the scale, one for each of the UNet's attention modules in the order of execution; empty: all 1.
  std::vector<float> layers = {};
  // Whether the negative half gets the pictures, and the positive half none: they are led away from.
  bool contrary = false;
  // Shares of a picture's model calls: call i of n has no part of the branch when i / n < start or (i + 1) / n > end.
  double start = 0, end = 1;
  // Further factors of the scale: straight lines between these, ascending in their shares; empty: 1.
  std::vector<CurvePoint> curve = {};
  // Where the pictures count: white does, black does not. `soft_mask`: greys count in part.
  std::optional<Picture> mask = {};
  bool soft_mask = false;
  Combine combine = Combine::concat;
  KvScaling kv_scaling = KvScaling::result;
  int region = -1;  // of the request, to whose place they are kept; -1: none
};

// A part of the picture with prompts of its own.
struct PromptRegion {
  Picture mask;  // white: all of the region's, black: nothing of it
  float scale = 1;
  std::vector<TokenChunks> prompt, negative;            // as those of the request
  TextEmbeds prompt_embeds = {}, negative_embeds = {};  // their pooled parts are not read
};

// What the picture to change has where it is repainted, before the steps begin: its own, grey, or what surrounds it.
enum class MaskFill : uint8_t { original, neutral, blur };

// Whether the VAE decodes in tiles. automatic: when the whole would not fit in memory.
enum class Tiling : uint8_t { automatic, on, off };

// One condition of a structure control.
struct ControlUse {
  int control = 0;  // of the loaded ones
  Picture image;
  float scale = 1;
  double start = 0, end = 1;     // shares of the model calls between which it counts
  bool guess = false;            // diffusers' guess mode: only beside the prompt, and outer connections less
  std::string mode;              // of a ControlNet-Union: what the picture shows; "" for others
  std::vector<float> keypoints;  // InstantID, in place of the picture: x and y of five points of the face
  bool inpaint = false;          // in place of the picture: the call's own, with -1 where its mask is white
};

struct GenerateRequest {
  std::vector<TokenChunks> prompt;            // one per text encoder
  std::vector<TokenChunks> negative;          // the same number of chunks; empty: no negative prompt was given
  TextEmbeds prompt_embeds, negative_embeds;  // in place of these two
  std::vector<ImageBranch> branches;
  std::vector<ControlUse> controls;
  std::vector<PromptRegion> regions;
  // The pictures of an adapter's branches take its own in turn; an adapter with none has the reference's "no picture".
  std::vector<NegativeImage> negative_images;
  // The picture to change, and where (white is repainted).
  std::optional<Picture> image, mask;
  double strength = -1;  // share of the steps that change it; -1: the task's own
  // The picture is put over the result outside the mask; none: as suits the model.
  std::optional<bool> keep_unmasked;
  int mask_crop = -1;  // pixels around the mask that are painted with it; -1: the whole picture is painted
  MaskFill mask_fill = MaskFill::original;
  double mask_feather = 0;      // deviation in pixels of the blur of the edge of what is put over
  float image_guidance = 1.5f;  // of instruct models: towards the picture, beside that towards the prompt
  int clip_skip = 0;            // layers of the text encoders left out for the prompt, not for the negative one
  // SDXL's size conditions in pixels, 0: the picture's own size; the refiner has scores in place of the target.
  int64_t original_width = 0, original_height = 0, target_width = 0, target_height = 0;
  int64_t crop_left = 0, crop_top = 0;
  float aesthetic_score = 6, negative_aesthetic_score = 2.5;
  std::string scheduler;  // "" = the model's own
  SigmaChoice sigmas;
  std::vector<int32_t> timesteps;  // of training, one per step, descending; empty: as `sigmas` says
  int steps = 30;
  float guidance = 7.5f;
  // Shares of the model calls between which guidance is on (Kynkaanniemi et al. 2024);
  // elsewhere the conditional half runs alone.
  double guidance_start = 0, guidance_end = 1;
  // Every so many model calls the whole UNet runs, in between its `cache_depth` outermost skip connections
  // and what belongs to them (DeepCache, Ma et al. 2024). 0 or 1: always the whole.
  int cache_every = 0, cache_depth = 1;
  double merge_ratio = 0;  // of tokens in the outermost self-attention (ToMe, Bolya and Hoffman 2023)
  float eta = 0;
  // Shares of the noise schedule between which the model runs: one model ends where a refiner goes on.
  double denoising_start = 0, denoising_end = 1;
  // To start from, channel-major: initial noise of deviation 1, or with denoising_start the latents
  // of another call. One for all pictures or one each; empty: noise by the seed.
  std::vector<std::vector<float>> latents;
  std::vector<uint64_t> seeds;  // one per picture
  // How far the noise is turned towards that of another seed, variation_seed and as many more as pictures came before.
  uint64_t variation_seed = 0;
  double variation_strength = 0;
  // A second pass over the pictures, so many times as wide and high; 0: none.
  double hires_scale = 0, hires_strength = 0.5;
  // Pixels to paint beyond the picture to change; there is no mask then.
  int outpaint_left = 0, outpaint_top = 0, outpaint_right = 0, outpaint_bottom = 0;
  int64_t width = 512, height = 512;
  std::string seamless;             // along which axes the edges meet: "x", "y" or "both"; "": none
  bool decode = true;               // false: latents only
  int preview_every = 0;            // steps between decoded previews, 0: none
  bool linear_preview = false;      // by a linear map, one pixel per latent, instead of the VAE
  std::vector<int> attention_maps;  // attention modules of the UNet whose maps are wanted, ascending
  Tiling vae_tiling = Tiling::automatic;
  int64_t vae_tile = 0;        // pixels of a tile's side; 0: 512, or 256 where memory asks for it
  uint64_t memory_budget = 0;  // bytes of weights and generation together; 0: none given
  // Where this one is made of another: bytes that are held for that one meanwhile, and pictures of its that are done.
  size_t bytes_beside = 0, pictures_beside = 0;
  std::optional<std::vector<LoraRequest>> loras;  // in place of the pipeline's
  int deadline = 0;  // milliseconds from its arrival, for its place in the queue; 0: none
  int priority = 0;  // each step up: before those that wait, and twice the share of those that run
};

struct Progress {
  int image = 0;                 // index into seeds
  int step = 0, total = 0;       // model calls, over all pictures
  std::vector<uint8_t> preview;  // RGB, or empty
  int64_t preview_width = 0, preview_height = 0;
  int tile = 0, tiles = 0;  // tiles of the picture decoded and in all, after its last step; 0: not in tiles
};
using ProgressFunction = std::function<void(Progress)>;

// Attention maps of one of the UNet's attention modules, of a picture's conditional half: means over its model calls, heads
// and layers. A row a query, from the top left. A vector is empty where there is no part in this module.
struct ModuleMaps {
  int module = 0;
  int64_t width = 0, height = 0;  // queries
  // Probabilities in each softmax of its own: of all tokens of the prompt, of each region's, of each branch's.
  std::vector<float> prompt;
  std::vector<std::vector<float>> regions, branches;
  // Of each source: the norm of what it adds, its scale included, over that of what all text adds. A number a query.
  std::vector<std::vector<float>> sources;
};

struct GenerateResult {
  std::vector<std::vector<uint8_t>> images;  // RGB, width * height
  int64_t width = 0, height = 0;
  std::vector<std::vector<float>> latents;         // channel-major
  std::vector<std::vector<ModuleMaps>> attention;  // of each picture, where it was asked for
};

}  // namespace ipa
