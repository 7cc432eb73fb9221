#include "pipeline/run_profile.h"

#include <algorithm>

namespace ipa {
namespace {

// The first run is slower: memory is touched for the first time.
constexpr int runs_to_know = 2;

// Threads for each when as many groups of `copies` as there are run side by side.
int share_of_threads(const RunChoice& choice, int copies) {
  const int groups = choice.busy + (choice.alike + copies - 1) / copies + choice.waiting - choice.alike;
  return std::max(1, choice.threads / std::max(1, std::min(choice.threads, groups)));
}

}  // namespace

double RunProfile::seconds(const RunMode& mode) const {
  const auto found = samples_.find(mode);
  return found == samples_.end() ? 0 : found->second.seconds;
}

bool RunProfile::is_known(const RunMode& mode) const {
  const auto found = samples_.find(mode);
  return found != samples_.end() && found->second.runs >= runs_to_know;
}

RunMode RunProfile::choose(const RunChoice& choice) const {
  const RunMode alone{1, choice.threads};
  if (!is_known(alone) || seconds(alone) > choice.long_run) return alone;
  const int most = merges_ ? std::min(choice.alike, choice.most_copies) : 1;
  RunMode best = alone;
  double best_rate = 1.05 / seconds(alone);
  for (int copies = 1; copies <= most; copies *= 2)
    for (const int threads : {choice.threads, share_of_threads(choice, copies)}) {
      const RunMode mode{copies, threads};
      if (!is_known(mode)) return mode;
      const double rate = copies * (static_cast<double>(choice.threads) / threads) / seconds(mode);
      if (rate <= best_rate) continue;
      best = mode;
      best_rate = rate;
    }
  return best;
}

void RunProfile::record(const RunMode& mode, double seconds) noexcept {
  constexpr double weight_of_new = 0.2;
  try {
    Sample& sample = samples_[mode];
    sample.seconds =
        sample.runs < runs_to_know ? seconds : (1 - weight_of_new) * sample.seconds + weight_of_new * seconds;
    ++sample.runs;
  } catch (...) {
    // What there is no memory to remember is measured again.
  }
}

}  // namespace ipa
