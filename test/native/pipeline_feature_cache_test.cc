// The cache of image features: exact keys, least recently used out first.
#include "harness.h"
#include "pipeline/condition/feature_cache.h"

using ipa::FeatureCache;

TEST(pipeline_feature_cache_keys_are_exact) {
  FeatureCache cache(4);
  CHECK(!cache.find(0, {1, 2, 3}));
  cache.insert(0, {1, 2, 3}, {0.5f});
  cache.insert(1, {1, 2, 3}, {0.25f, 4.0f});
  CHECK(!cache.find(0, {1, 2, 4}));
  CHECK(!cache.find(0, {1, 2}));
  CHECK(!cache.find(0, {}));
  std::optional<std::vector<float>> found = cache.find(0, {1, 2, 3});
  CHECK(found && *found == std::vector<float>{0.5f});
  found = cache.find(1, {1, 2, 3});
  CHECK(found && found->size() == 2);
}

TEST(pipeline_feature_cache_forgets_the_longest_unasked) {
  FeatureCache cache(2);
  cache.insert(0, {1}, {1});
  cache.insert(0, {2}, {2});
  CHECK(cache.find(0, {1}));
  cache.insert(0, {3}, {3});
  CHECK(cache.find(0, {1}));
  CHECK(!cache.find(0, {2}));
  CHECK(cache.find(0, {3}));
}
