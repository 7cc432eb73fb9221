// Convolutions by Winograd's algorithm as launches.
#pragma once

#include "cpu/launch/launch.h"

namespace ipa {

// `product`: the convolution's arguments. The step is one that WinogradCut cuts.
void launch_winograd(LaunchBuilder& builder, GemmArgs product, const Step& step);
int64_t winograd_thread_scratch(const Step& step);

}  // namespace ipa
