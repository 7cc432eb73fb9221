// How programs that wait are run: measured, never guessed, and never so that a long run makes others wait.
#include "harness.h"
#include "pipeline/run_profile.h"

namespace {

using ipa::RunChoice;
using ipa::RunMode;
using ipa::RunProfile;

RunChoice eight_alike() {
  RunChoice choice;
  choice.threads = 2;
  choice.waiting = choice.alike = 8;
  return choice;
}

// Measures whatever is asked for as `seconds` says until one way is settled on.
template <class Seconds>
RunMode settle(RunProfile& profile, const RunChoice& choice, const Seconds& seconds) {
  RunMode mode;
  for (int i = 0; i < 100; ++i) {
    mode = profile.choose(choice);
    profile.record(mode, seconds(mode));
  }
  return mode;
}

TEST_ONCE(pipeline_run_profile_takes_what_is_fastest) {
  RunProfile merging, beside, neither;
  // A run of four takes two and a half times as long; on one thread everything takes twice as long.
  const RunMode merged = settle(merging, eight_alike(), [](const RunMode& mode) {
    return 0.01 * (mode.copies == 4 ? 2.5 : mode.copies) * 2 / mode.threads;
  });
  CHECK_EQ(merged.copies, 4);
  // Threads wait for each other: on one thread a run takes little longer.
  const RunMode narrow = settle(beside, eight_alike(), [](const RunMode& mode) {
    return 0.01 * mode.copies * (mode.threads == 1 ? 1.3 : 1);
  });
  CHECK_EQ(narrow.threads, 1);
  CHECK_EQ(narrow.copies, 1);
  // No gain: one after the other.
  const RunMode alone = settle(
      neither, eight_alike(), [](const RunMode& mode) { return 0.01 * mode.copies * 2 / mode.threads * 0.99; });
  CHECK_EQ(alone.threads, 2);
  CHECK_EQ(alone.copies, 1);
}

TEST_ONCE(pipeline_run_profile_leaves_long_runs_alone) {
  RunProfile profile;
  bool always = true;
  settle(profile, eight_alike(), [&](const RunMode& mode) {
    always &= mode.copies == 1 && mode.threads == 2;
    return 0.5;
  });
  CHECK(always);
}

TEST_ONCE(pipeline_run_profile_keeps_to_its_limits) {
  RunProfile profile;
  RunChoice choice = eight_alike();
  choice.alike = 3;
  choice.most_copies = 4;
  int most = 0;
  settle(profile, choice, [&](const RunMode& mode) {
    most = std::max(most, mode.copies);
    return 0.01;  // more copies cost nothing
  });
  CHECK_EQ(most, 2);  // powers of two
  profile.never_merge();
  CHECK_EQ(profile.choose(choice).copies, 1);
  // A call alone gets all threads.
  CHECK_EQ(profile.choose({2, 0, 1, 1, 8}).threads, 2);
}

}  // namespace
