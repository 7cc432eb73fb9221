// AutoencoderKL: pictures to latents and back (Rombach et al. 2022). Or AutoencoderTiny (TAESD) in its place.
#pragma once

#include <string>

#include "configs/vae_config.h"
#include "graph/graph.h"

namespace ipa {

class Vae {
 public:
  // `compact`: the last level's activations, most of the working memory, may be kept in bf16.
  explicit Vae(VaeConfig config, bool compact = false) : config_(std::move(config)), compact_(compact) {}
  const VaeConfig& config() const { return config_; }
  // latents (n, h, w, latent_channels), already divided by the scaling factor;
  // result (n, 8h, 8w, 3) in about [-1, 1].
  Value decode(Graph& graph, Value latents) const;
  // The same of AutoencoderKL in two parts that meet after the first `blocks` up blocks
  // (0 to last_cut()), before the enlargement of the last of them.
  // The head holds the mid block, whose attention sees the whole picture; the tail is convolutions and norms.
  Value decode_head(Graph& graph, Value latents, int blocks) const;
  Value decode_tail(Graph& graph, Value features, int blocks) const;
  int last_cut() const { return static_cast<int>(config_.channels.size()) - 1; }
  // Pixels that one of the features between them covers along a side.
  int64_t tail_scale(int blocks) const { return config_.scale() >> (blocks > 0 ? blocks - 1 : 0); }
  // Features on each side that a pixel of the tail depends on through its convolutions.
  int64_t tail_reach(int blocks) const;
  // pixels (n, h, w, 3) from black() to 1; result (n, h/8, w/8, 2 * latent_channels): mean, then log variance
  // (not clamped). AutoencoderTiny's are the latents themselves, (n, h/8, w/8, latent_channels).
  Value encode(Graph& graph, Value pixels) const;
  float black() const { return config_.tiny ? 0.0f : -1.0f; }

 private:
  Value mid_block(Graph& graph, const std::string& name, Value x) const;
  Value up_block(Graph& graph, Value x, int index) const;
  Value enlarge(Graph& graph, Value x, int index) const;
  Value resnet(Graph& graph, const std::string& name, Value x, int64_t out) const;
  VaeConfig config_;
  bool compact_;
};

}  // namespace ipa
