// The image encoder's results for the pictures seen last. From any thread.
// The encoder costs as much as a sampling step, and servers get the same reference picture again and again.
// Keys are the encoder's exact input, so a hit cannot be wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace ipa {

class FeatureCache {
 public:
  explicit FeatureCache(size_t entries = 16) : entries_(entries) {}

  // Nothing when it is not there. `kind` tells the encoder's outputs apart.
  std::optional<std::vector<float>> find(int kind, const std::vector<uint8_t>& pixels);
  // Forgets the entry that was not asked for the longest time when there are too many.
  void insert(int kind, std::vector<uint8_t> pixels, std::vector<float> features);

 private:
  struct Entry {
    int kind;
    std::vector<uint8_t> pixels;
    std::vector<float> features;
  };
  std::mutex mutex_;
  size_t entries_;
  std::list<Entry> recent_;  // the last one asked for in front
};

// One cache an image encoder, for as long as the encoder is in memory.
class FeatureCaches {
 public:
  FeatureCache& of(const std::shared_ptr<const void>& encoder) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return caches_[encoder];
  }
  // Frees those of encoders that are gone, while no call runs.
  void forget_gone();

 private:
  std::mutex mutex_;
  std::map<std::weak_ptr<const void>, FeatureCache, std::owner_less<>> caches_;
};

}  // namespace ipa
