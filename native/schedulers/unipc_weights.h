// Weights of one UniPC update, predictor or corrector (Zhao et al. 2023, algorithms 5 to 8).
#pragma once

#include <array>
#include <vector>

#include "schedulers/log_snr.h"

namespace ipa {

constexpr int kUniPcMaxOrder = 8;

// next = sample * x - output * m_0 - slope * (sum_k rho_k (m_k - m_0) / r_k)
struct UniPcWeights {
  float sample = 0, output = 0, slope = 0;
  std::array<float, kUniPcMaxOrder> r{};  // (lambda_k - lambda_0) / h of the outputs behind, newest first
  std::array<float, kUniPcMaxOrder>
      rho{};  // order - 1 of them; the corrector's last one, for the new output, follows
};

// Of the transition from levels[step] to levels[step + 1]. `clean`: in terms of clean latents, else of noise.
// `bh2`: B(h) is exp(h) - 1, else h.
UniPcWeights unipc_weights(const std::vector<NoiseLevel>& levels, int step, int order, bool corrector,
                           bool clean, bool bh2);

}  // namespace ipa
