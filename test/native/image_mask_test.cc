// What is done around a mask, against Pillow and diffusers; see tools/goldens/mask_crop.py.
#include <algorithm>
#include <cmath>

#include "golden_pipeline.h"
#include "harness.h"
#include "image/overlay.h"
#include "image/region.h"
#include "safetensors_build.h"
#include "weights/formats/safetensors/safetensors.h"

namespace {

using ipa::Json;

struct Golden {
  Json document = ipa_test::read_json_file(ipa_test::golden_folder() + "/mask-crop.json");
  std::unique_ptr<ipa::TensorSource> source = open();

  static std::unique_ptr<ipa::TensorSource> open() {
    auto opened = ipa::open_safetensors(ipa_test::golden_folder() + "/mask-crop.safetensors");
    CHECK_OK(opened.status());
    return opened.ok() ? opened.take() : nullptr;
  }
  const std::vector<Json>& cases(const char* group) const { return document.find(group)->array(); }
  std::vector<uint8_t> bytes(const Json& entry, const char* part) const {
    const std::vector<float> values = ipa_test::values_of(*source, entry.find("name")->string() + part);
    return std::vector<uint8_t>(values.begin(), values.end());
  }
  ipa::Size size(const Json& entry, const char* part) const {
    const ipa::TensorInfo* info = source->find(entry.find("name")->string() + part);
    return {info->shape[1], info->shape[0]};
  }
};

ipa::Size pair_of(const Json& json) {
  return {static_cast<int64_t>(json.array()[0].number()), static_cast<int64_t>(json.array()[1].number())};
}

// The largest difference; 256 where the sizes differ.
int worst(const std::vector<uint8_t>& values, const std::vector<uint8_t>& expected) {
  if (values.size() != expected.size()) return 256;
  int largest = 0;
  for (size_t i = 0; i < values.size(); ++i)
    largest = std::max(largest, std::abs(int{values[i]} - int{expected[i]}));
  return largest;
}

}  // namespace

TEST_ONCE(image_mask_regions_are_those_of_diffusers) {
  const Golden golden;
  CHECK(golden.cases("regions").size() >= 30);
  for (const Json& entry : golden.cases("regions")) {
    const ipa::Size size = pair_of(*entry.find("size"));
    const std::vector<Json>&box = entry.find("box")->array(), &expected = entry.find("region")->array();
    std::vector<uint8_t> mask(static_cast<size_t>(size.width * size.height));
    for (auto y = static_cast<int64_t>(box[1].number()); y < static_cast<int64_t>(box[3].number()); ++y)
      for (auto x = static_cast<int64_t>(box[0].number()); x < static_cast<int64_t>(box[2].number()); ++x)
        mask[static_cast<size_t>(y * size.width + x)] = 1;
    const auto region = ipa::mask_region(mask, size, pair_of(*entry.find("target")),
                                         static_cast<int64_t>(entry.find("padding")->number()));
    CHECK(region.has_value());
    if (!region) continue;
    CHECK_EQ(region->left, static_cast<int64_t>(expected[0].number()));
    CHECK_EQ(region->top, static_cast<int64_t>(expected[1].number()));
    CHECK_EQ(region->right, static_cast<int64_t>(expected[2].number()));
    CHECK_EQ(region->bottom, static_cast<int64_t>(expected[3].number()));
  }
  CHECK(!ipa::mask_region(std::vector<uint8_t>(64 * 48), {64, 48}, {64, 64}, 4).has_value());
}

TEST_ONCE(image_mask_resizes_are_those_of_diffusers) {
  const Golden golden;
  for (const Json& entry : golden.cases("resizes")) {
    const ipa::Size size = golden.size(entry, ".in"), target = pair_of(*entry.find("target"));
    const std::vector<uint8_t> rgb = golden.bytes(entry, ".in");
    const auto filled = ipa::resize_and_fill(rgb, size, target), cut = ipa::resize_and_cut(rgb, size, target);
    CHECK_OK(filled.status());
    CHECK_OK(cut.status());
    if (!filled.ok() || !cut.ok()) continue;
    // One is what the order of Pillow's two passes makes; beyond the edge it is enlarged by an eighth, twice.
    const int fill = worst(filled.value(), golden.bytes(entry, ".fill"));
    const int trim = worst(cut.value(), golden.bytes(entry, ".cut"));
    std::printf("  %s: fill off by %d, cut off by %d\n", entry.find("name")->string().c_str(), fill, trim);
    CHECK(fill <= 2);
    CHECK(trim <= 1);
  }
}

TEST_ONCE(image_mask_gaussian_blur_is_pillows) {
  const Golden golden;
  for (const Json& entry : golden.cases("blurs")) {
    const ipa::Size size = golden.size(entry, ".in");
    std::vector<uint8_t> grey = golden.bytes(entry, ".in");
    ipa::pillow_blur(grey, size.width, size.height, entry.find("radius")->number());
    CHECK_EQ(worst(grey, golden.bytes(entry, ".out")), 0);
  }
}

TEST_ONCE(image_mask_overlay_is_that_of_diffusers) {
  const Golden golden;
  for (const Json& entry : golden.cases("overlays")) {
    std::vector<uint8_t> under = golden.bytes(entry, ".under");
    ipa::overlay(golden.bytes(entry, ".over"), golden.bytes(entry, ".mask"), under);
    CHECK_EQ(worst(under, golden.bytes(entry, ".out")), 0);
  }
}
