// Which calls are guided and which are full.
#include <string>

#include "harness.h"
#include "pipeline/sample/step_plan.h"

namespace {

using ipa::GenerateRequest;

// One letter a call: G and P are guided and plain calls in full, g and p those with kept features.
std::string letters(int calls, double start, double end, int every, bool guided = true) {
  GenerateRequest request;
  request.guidance_start = start;
  request.guidance_end = end;
  request.cache_every = every;
  std::string text;
  for (const ipa::StepKind& kind : plan_steps(calls, guided, request))
    text += kind.guided ? (kind.full ? 'G' : 'g') : (kind.full ? 'P' : 'p');
  return text;
}

}  // namespace

TEST(pipeline_steps_are_all_guided_and_full_by_default) {
  CHECK_EQ(letters(5, 0, 1, 0), "GGGGG");
  CHECK_EQ(letters(5, 0, 1, 1), "GGGGG");
  CHECK_EQ(letters(3, 0, 1, 0, false), "PPP");
}

TEST(pipeline_steps_of_a_guidance_interval) {
  CHECK_EQ(letters(10, 0.2, 0.7, 0), "PPGGGGGPPP");
  CHECK_EQ(letters(10, 0, 0.5, 0), "GGGGGPPPPP");
  CHECK_EQ(letters(10, 0.35, 1, 0), "PPPGGGGGGG");
  CHECK_EQ(letters(4, 0.5, 0.5, 0), "PPPP");
  CHECK_EQ(letters(4, 0.2, 0.7, 0, false), "PPPP");
  CHECK_EQ(letters(1, 0, 0.9, 0), "P");
}

TEST(pipeline_steps_of_a_feature_cache) {
  CHECK_EQ(letters(8, 0, 1, 3), "GggGggGg");
  CHECK_EQ(letters(5, 0, 1, 10), "Ggggg");
  // Another batch has no features to start from.
  CHECK_EQ(letters(10, 0.2, 0.7, 3), "PpGggGgPpp");
  CHECK_EQ(letters(1, 0, 1, 2), "G");
}
