// Seamless pictures: along which axes the edges of a call's pictures meet.
#pragma once

#include "graph/types.h"
#include "pipeline/request.h"

namespace ipa {

// What every convolution of the networks that make a picture is recorded with: UNet, VAE and structure controls.
inline Wrap wrap_of(const GenerateRequest& request) {
  const bool both = request.seamless == "both";
  return {both || request.seamless == "x", both || request.seamless == "y"};
}

}  // namespace ipa
