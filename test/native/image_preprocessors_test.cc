// Preprocessors against OpenCV and Pillow, all to the byte (tools/goldens/preprocessors.py).
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "golden_pipeline.h"
#include "harness.h"
#include "image/face_keypoints.h"
#include "image/inpaint_condition.h"
#include "image/preprocess.h"
#include "safetensors_build.h"
#include "weights/formats/safetensors/safetensors.h"

namespace {

using Bytes = std::vector<uint8_t>;

class Goldens {
 public:
  Goldens() : document_(ipa_test::read_json_file(ipa_test::golden_folder() + "/preprocessors.json")) {
    auto opened = ipa::open_safetensors(ipa_test::golden_folder() + "/preprocessors.safetensors");
    CHECK_OK(opened.status());
    if (opened.ok()) tensors_ = opened.take();
  }

  std::vector<float> floats(const std::string& name) const {
    return tensors_ ? ipa_test::values_of(*tensors_, name) : std::vector<float>();
  }
  Bytes bytes(const std::string& name) const {
    const std::vector<float> values = floats(name);
    return Bytes(values.begin(), values.end());
  }
  Bytes source(const ipa::Json& entry) const {
    const std::string name = entry.find("source")->string();
    return name.empty() ? ipa_test::golden_picture("images/square-64.png").rgb : bytes("source." + name);
  }
  // RGB: what is packed holds eight pixels in a byte, the first one highest.
  Bytes expected(const ipa::Json& entry) const {
    const Bytes stored = bytes(text(entry, "name"));
    if (!entry.find("packed")->boolean()) return stored;
    Bytes rgb;
    for (int64_t i = 0; i < side(entry, "width") * side(entry, "height"); ++i)
      rgb.insert(rgb.end(), 3, stored[static_cast<size_t>(i / 8)] >> (7 - i % 8) & 1 ? 255 : 0);
    return rgb;
  }
  std::vector<const ipa::Json*> cases(const std::string& what) const {
    std::vector<const ipa::Json*> found;
    if (const ipa::Json* all = document_.find("cases"))
      for (const ipa::Json& entry : all->array())
        if (text(entry, "what") == what) found.push_back(&entry);
    CHECK(!found.empty());
    return found;
  }

  static std::string text(const ipa::Json& entry, const char* key) { return entry.find(key)->string(); }
  static int64_t side(const ipa::Json& entry, const char* key) {
    return static_cast<int64_t>(entry.find(key)->number());
  }

 private:
  ipa::Json document_;
  std::unique_ptr<ipa::TensorSource> tensors_;
};

ipa::Preprocess request_of(const ipa::Json& entry) {
  ipa::Preprocess how;
  how.what = *ipa::preprocessor_of(Goldens::text(entry, "what"));
  const auto read = [&](const char* key, double& value) {
    if (const ipa::Json* number = entry.find(key)) value = number->number();
  };
  read("low", how.low);
  read("high", how.high);
  read("sigma", how.sigma);
  read("factor", how.factor);
  read("threshold", how.threshold);
  return how;
}

struct Difference {
  size_t count = 0;
  int worst = 0;
};

Difference compare(const std::string& name, const Bytes& made, const Bytes& expected) {
  Difference found;
  CHECK_EQ(made.size(), expected.size());
  if (made.size() != expected.size()) return {expected.size(), 255};
  for (size_t i = 0; i < made.size(); ++i) {
    const int difference = std::abs(int{made[i]} - int{expected[i]});
    found.worst = std::max(found.worst, difference);
    found.count += difference > 0;
  }
  if (found.count > 0)
    std::printf("  %s: %zu of %zu differ, by at most %d\n", name.c_str(), found.count, made.size(),
                found.worst);
  return found;
}

// Of a preprocessor that is as exact as `most_wrong` says: the largest difference of a value.
void check_cases(const std::string& what, int most_wrong) {
  const Goldens goldens;
  for (const ipa::Json* entry : goldens.cases(what)) {
    const Bytes source = goldens.source(*entry);
    const ipa::RgbView view{source.data(), Goldens::side(*entry, "width"), Goldens::side(*entry, "height")};
    const auto made = ipa::preprocess(view, request_of(*entry));
    CHECK_OK(made.status());
    if (!made.ok()) continue;
    const std::string name = Goldens::text(*entry, "name");
    if (compare(name, made.value(), goldens.expected(*entry)).worst > most_wrong)
      ipa_test::fail(__FILE__, __LINE__, name + " is not the reference");
  }
}

}  // namespace

TEST_ONCE(image_canny_is_that_of_opencv) { check_cases("canny", 0); }
TEST_ONCE(image_blur_is_that_of_opencv) { check_cases("blur", 0); }
TEST_ONCE(image_scribble_is_that_of_opencv) { check_cases("scribble", 0); }
TEST_ONCE(image_invert_is_the_rest_to_white) { check_cases("invert", 0); }
TEST_ONCE(image_grey_is_that_of_pillow) { check_cases("grey", 0); }
TEST_ONCE(image_tile_is_shrunk_by_opencv_and_enlarged_by_pillow) { check_cases("tile", 0); }

TEST_ONCE(image_face_points_are_those_of_draw_kps) {
  const Goldens goldens;
  for (const ipa::Json* entry : goldens.cases("face")) {
    ipa::FacePoints points;
    for (size_t i = 0; i < points.size(); ++i) {
      const ipa::Json& point = entry->find("points")->array()[i];
      points[i] = {point.array()[0].number(), point.array()[1].number()};
    }
    const auto made =
        ipa::draw_face_keypoints(points, Goldens::side(*entry, "width"), Goldens::side(*entry, "height"));
    CHECK_OK(made.status());
    const std::string name = Goldens::text(*entry, "name");
    constexpr uint8_t values[] = {0, 153, 255};
    Bytes expected;
    for (const uint8_t digits : goldens.bytes(name))
      expected.insert(expected.end(), {values[digits / 9], values[digits / 3 % 3], values[digits % 3]});
    if (made.ok() && compare(name, made.value(), expected).count > 0)
      ipa_test::fail(__FILE__, __LINE__, name + " is not the reference");
  }
}

TEST_ONCE(image_inpaint_condition_is_that_of_diffusers) {
  const Goldens goldens;
  const Bytes mask = goldens.bytes("inpaint.mask");
  const Bytes picture = goldens.bytes("source.odd");  // its first rows
  const auto made = ipa::inpaint_condition({picture.data(), 37, 20}, {mask.data(), 37, 20});
  CHECK_OK(made.status());
  const std::vector<float> expected = goldens.floats("inpaint");
  CHECK_EQ(expected.size(), size_t{3 * 37 * 20});
  if (made.ok()) CHECK(made.value() == expected);
  CHECK(ipa::inpaint_condition({picture.data(), 37, 20}, {mask.data(), 20, 37}).status().code() ==
        ipa::Code::shape);
}

TEST_ONCE(image_preprocessors_stop_when_told_to) {
  const Bytes source(size_t{3} * 40 * 30, 9);
  const std::atomic<bool> stop{true};
  for (const char* name : {"canny", "blur", "scribble"}) {
    ipa::Preprocess how;
    how.what = *ipa::preprocessor_of(name);
    CHECK(ipa::preprocess({source.data(), 40, 30}, how, &stop).status().code() == ipa::Code::cancelled);
  }
}

TEST_ONCE(image_preprocessors_refuse_what_they_cannot_do) {
  const Bytes source(3, 9);
  CHECK(!ipa::preprocessor_of("depth"));
  CHECK(ipa::preprocess({source.data(), 0, 1}, {}).status().code() == ipa::Code::limit);
  ipa::Preprocess how;
  how.what = ipa::Preprocessor::blur;
  for (const double sigma : {0.0, 65.0, std::nan("")}) {
    how.sigma = sigma;
    CHECK(ipa::preprocess({source.data(), 1, 1}, how).status().code() == ipa::Code::limit);
  }
  ipa::FacePoints points;
  points[3].y = std::nan("");
  CHECK(ipa::draw_face_keypoints(points, 8, 8).status().code() == ipa::Code::limit);
  CHECK(ipa::draw_face_keypoints({}, 8, 0).status().code() == ipa::Code::limit);
}
