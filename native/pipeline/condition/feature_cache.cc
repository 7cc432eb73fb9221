#include "pipeline/condition/feature_cache.h"

#include <iterator>
#include <utility>

namespace ipa {

const std::vector<float>* FeatureCache::find(int kind, const std::vector<uint8_t>& pixels) {
  for (auto entry = recent_.begin(); entry != recent_.end(); ++entry) {
    if (entry->kind != kind || entry->pixels != pixels) continue;
    recent_.splice(recent_.begin(), recent_, entry);
    return &recent_.front().features;
  }
  return nullptr;
}

void FeatureCache::insert(int kind, std::vector<uint8_t> pixels, std::vector<float> features) {
  recent_.push_front({kind, std::move(pixels), std::move(features)});
  while (recent_.size() > entries_) recent_.pop_back();
}

void FeatureCaches::forget_gone() {
  for (auto entry = caches_.begin(); entry != caches_.end();)
    entry = entry->first.expired() ? caches_.erase(entry) : std::next(entry);
}

}  // namespace ipa
