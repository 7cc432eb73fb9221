// Image tokens whose keys and values carry the scale (ComfyUI_IPAdapter_plus, "embeds scaling"). Keys and values are
// linear in the tokens, so that scaled tokens give them.
#pragma once

#include <vector>

#include "models/decoupled_attention.h"
#include "pipeline/request.h"

namespace ipa {

// What a layer's keys and values are multiplied by.
float kv_weight(const ImageBranch& branch, const CrossLayer& layer);

// `tokens`: rows of `size` numbers, `items` times as many as an item has.
std::vector<float> tokens_for_keys(const std::vector<float>& tokens, float weight);
std::vector<float> tokens_for_values(const std::vector<float>& tokens, size_t size, size_t items,
                                     KvScaling scaling, float weight);

}  // namespace ipa
