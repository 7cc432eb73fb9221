#include "pipeline/condition/feature_cache.h"

#include <iterator>
#include <utility>

namespace ipa {

std::optional<std::vector<float>> FeatureCache::find(int kind, const std::vector<uint8_t>& pixels) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto entry = recent_.begin(); entry != recent_.end(); ++entry) {
    if (entry->kind != kind || entry->pixels != pixels) continue;
    recent_.splice(recent_.begin(), recent_, entry);
    return recent_.front().features;
  }
  return std::nullopt;
}

void FeatureCache::insert(int kind, std::vector<uint8_t> pixels, std::vector<float> features) {
  const std::lock_guard<std::mutex> lock(mutex_);
  recent_.push_front({kind, std::move(pixels), std::move(features)});
  while (recent_.size() > entries_) recent_.pop_back();
}

void FeatureCaches::forget_gone() {
  for (auto entry = caches_.begin(); entry != caches_.end();)
    entry = entry->first.expired() ? caches_.erase(entry) : std::next(entry);
}

}  // namespace ipa
