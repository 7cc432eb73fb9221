// Which files of a model's folder are read, by name: the layout of diffusers.
// lib/hub/layout.ts has the same for what is fetched of a repository, and a test compares the two.
#pragma once

#include "weights/formats/sharded.h"

namespace ipa::layout {

constexpr const char* index = "model_index.json";
constexpr const char* scheduler = "scheduler/scheduler_config.json";
constexpr const char* preprocessor = "feature_extractor/preprocessor_config.json";
// In a network's folder, or beside a file of one.
constexpr const char* config = "config.json";
constexpr const char* own_preprocessor = "preprocessor_config.json";  // of an image encoder

constexpr const char* text_encoder = "text_encoder";
constexpr const char* text_encoder_2 = "text_encoder_2";
constexpr const char* unet = "unet";
constexpr const char* vae = "vae";
constexpr const char* image_encoder = "image_encoder";

// A folder of one network.
struct Network {
  const char* folder;
  const char* stem;       // of the files that may hold its weights, see model_weight_files()
  const char* tokenizer;  // of a text encoder: the folder of its tokenizer
  bool required;
  const char* unless;  // not required beside this folder
};
constexpr Network networks[] = {
    // SDXL's refiner has the second one only.
    {text_encoder, transformers_stem, "tokenizer", true, text_encoder_2},
    {text_encoder_2, transformers_stem, "tokenizer_2", false, nullptr},
    {unet, diffusers_stem, nullptr, true, nullptr},
    {vae, diffusers_stem, nullptr, true, nullptr},
    {image_encoder, transformers_stem, nullptr, false, nullptr},
};

}  // namespace ipa::layout
