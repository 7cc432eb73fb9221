// Resizes against Pillow: CLIP's, with its crop, as transformers' CLIPImageProcessor does it, and Lanczos.
#include "image/clip_preprocess.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "golden_pipeline.h"
#include "harness.h"
#include "image/enlarge_around.h"
#include "image/resample.h"
#include "safetensors_build.h"
#include "weights/formats/safetensors/safetensors.h"

namespace {

std::vector<uint8_t> bytes_of(const ipa::TensorSource& source, const std::string& name) {
  const std::vector<float> values = ipa_test::values_of(source, name);
  return std::vector<uint8_t>(values.begin(), values.end());
}

// Copies of a picture side by side.
std::vector<uint8_t> repeated(const std::vector<uint8_t>& rgb, ipa::Size size, int64_t across, int64_t down) {
  std::vector<uint8_t> out;
  for (int64_t y = 0; y < down * size.height; ++y)
    for (int64_t i = 0; i < across; ++i) {
      const auto row = rgb.begin() + 3 * (y % size.height) * size.width;
      out.insert(out.end(), row, row + 3 * size.width);
    }
  return out;
}

}  // namespace

// Among copies of itself a picture has no edges.
TEST_ONCE(image_enlarged_around_is_enlarged_among_copies) {
  const ipa::ImagePrompt picture = ipa_test::golden_picture("images/square-64.png");
  const ipa::Size size{picture.width, picture.height};
  for (const auto& [to, x, y] : {std::tuple{ipa::Size{72, 104}, true, true},
                                 {ipa::Size{128, 64}, true, false},
                                 {ipa::Size{64, 200}, false, true},
                                 {ipa::Size{96, 80}, false, false}}) {
    const int64_t across = x ? 3 : 1, down = y ? 3 : 1;
    const std::vector<uint8_t> copies = repeated(picture.rgb, size, across, down);
    const auto whole = ipa::resize_picture(copies.data(), across * size.width, down * size.height,
                                           across * to.width, down * to.height, ipa::Filter::lanczos);
    const auto made = ipa::enlarge_around(picture.rgb, size, to, x, y);
    CHECK(whole.ok() && made.ok());
    if (!whole.ok() || !made.ok()) continue;
    const int64_t left = x ? to.width : 0, top = y ? to.height : 0;
    const std::vector<uint8_t> middle = ipa::crop_picture(whole.value(), {across * to.width, down * to.height},
                                                          {left, top, left + to.width, top + to.height});
    CHECK(made.value() == middle);
  }
}

TEST_ONCE(image_clip_resize_matches_pillow) {
  const std::string folder = ipa_test::golden_folder();
  const ipa::Json document = ipa_test::read_json_file(folder + "/clip_resize.json");
  const auto source = ipa::open_safetensors(folder + "/clip_resize.safetensors");
  CHECK_OK(source.status());
  const ipa::Json* cases = document.find("cases");
  if (!source.ok() || !cases) return;
  CHECK(cases->array().size() >= 15);
  for (const ipa::Json& entry : cases->array()) {
    auto number = [&](const char* key) { return static_cast<int64_t>(entry.find(key)->number()); };
    const std::vector<uint8_t> rgb = bytes_of(*source.value(), entry.find("source")->string());
    const auto resized = ipa::clip_resize(rgb.data(), number("width"), number("height"), number("size"));
    CHECK_OK(resized.status());
    if (resized.ok() && resized.value() != bytes_of(*source.value(), entry.find("output")->string()))
      ipa_test::fail(__FILE__, __LINE__, entry.find("name")->string() + ": not the bytes of Pillow");
  }
}

// Every kind of shape: which of the two passes comes first shows in the rounding.
TEST_ONCE(image_resize_takes_the_order_of_pillow) {
  const auto source = ipa::open_safetensors(ipa_test::golden_folder() + "/resize-orders.safetensors");
  CHECK_OK(source.status());
  if (!source.ok()) return;
  int cases = 0;
  for (; source.value()->find(std::to_string(cases) + ".source"); ++cases)
    for (const auto& [name, filter] :
         {std::pair{"bicubic", ipa::Filter::bicubic}, std::pair{"lanczos", ipa::Filter::lanczos}}) {
      const std::string from = std::to_string(cases) + ".source", to = std::to_string(cases) + "." + name;
      const auto sides = [&](const std::string& tensor) { return source.value()->find(tensor)->shape; };
      const auto resized = ipa::resize_picture(bytes_of(*source.value(), from).data(), sides(from)[1],
                                               sides(from)[0], sides(to)[1], sides(to)[0], filter);
      CHECK_OK(resized.status());
      if (resized.ok() && resized.value() != bytes_of(*source.value(), to))
        ipa_test::fail(__FILE__, __LINE__, to + ": not the bytes of Pillow");
    }
  CHECK_EQ(cases, 14);
}

TEST_ONCE(image_lanczos_resize_matches_pillow) {
  const ipa_test::GoldenFolder folder("source-pictures");
  for (const ipa::Json* entry : folder.cases("lanczos")) {
    const ipa::ImagePrompt picture = ipa_test::golden_picture(entry->find("image")->string());
    const auto side = [&](const char* key) { return static_cast<int64_t>(entry->find(key)->number()); };
    const auto resized = ipa::resize_picture(picture.rgb.data(), picture.width, picture.height, side("width"),
                                             side("height"), ipa::Filter::lanczos);
    CHECK_OK(resized.status());
    if (!resized.ok()) continue;
    const std::vector<float> expected = folder.output(*entry, "rgb").values;
    CHECK_EQ(resized.value().size(), expected.size());
    if (resized.value().size() != expected.size()) continue;
    if (!std::equal(expected.begin(), expected.end(), resized.value().begin()))
      ipa_test::fail(__FILE__, __LINE__, entry->find("name")->string() + ": not the bytes of Pillow");
  }
}

TEST_ONCE(image_clip_resize_refuses_impossible_sizes) {
  const std::vector<uint8_t> pixel = {1, 2, 3};
  CHECK(ipa::clip_resize(pixel.data(), 0, 1, 64).status().code() == ipa::Code::limit);
  CHECK(ipa::clip_resize(pixel.data(), 1, 0, 64).status().code() == ipa::Code::limit);
  CHECK(ipa::clip_resize(pixel.data(), 1, 1, 0).status().code() == ipa::Code::limit);
  CHECK(ipa::clip_resize(pixel.data(), 65537, 1, 64).status().code() == ipa::Code::limit);
}
