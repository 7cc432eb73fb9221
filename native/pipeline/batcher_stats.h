// How the turns went.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ipa {

struct BatcherStats {
  int seats = 0, waiting = 0;      // calls now
  std::array<int64_t, 65> runs{};  // of networks so far, by the number of calls that ran as one
  double step_seconds = 0;         // of a call's own share of a step of the UNet, lately; 0: none yet
  size_t reserved = 0;             // bytes of working memory now
};

}  // namespace ipa
