// Whole generations against the pipelines of diffusers:
// token ids, embeds and pictures in, latents and pictures out.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "golden_pipeline.h"
#include "harness.h"
#include "test_device.h"

namespace {

using ipa::Json;
using ipa_test::ErrorReport;
using ipa_test::GoldenFolder;

// Of the largest latent, after all steps; the references in f32 and f64 differ by up to 1e-5 (relative L2).
constexpr double allowed_latents = 1e-3;
// A pixel may round to the neighbouring grey level; 55 dB is an error of 0.45 levels in the mean square.
constexpr int allowed_levels = 1;
constexpr double least_psnr = 55;

struct PictureError {
  int levels = 0;
  double psnr = std::numeric_limits<double>::infinity();
};

PictureError compare(const std::vector<uint8_t>& picture, const std::vector<float>& reference) {
  if (picture.size() != reference.size() || picture.empty()) return {255, 0};
  PictureError error;
  double squares = 0;
  for (size_t i = 0; i < picture.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(picture[i]) - static_cast<double>(reference[i]));
    error.levels = std::max(error.levels, static_cast<int>(difference));
    squares += difference * difference;
  }
  if (squares > 0) error.psnr = 10 * std::log10(255.0 * 255.0 * static_cast<double>(picture.size()) / squares);
  return error;
}

// The scalar kernels are slow: with them each combination of scheduler, sigmas, guidance on or off,
// and adapters with their kind of input runs once, by its case of the fewest steps (the first of several);
// with all other kernels every case runs.
std::string combination(const Json& entry) {
  std::string key = entry.find("scheduler")->string() + "/" + entry.find("sigmas")->string() +
                    (entry.find("guidance")->number() > 1 ? "/guided" : "/plain");
  for (const Json& adapter : entry.find("adapters")->array())
    key += "/" + adapter.find("file")->string() + (adapter.find("embeds") ? " embeds" : " pictures");
  return key;
}

std::vector<const Json*> cases_to_run(const GoldenFolder& folder) {
  std::vector<const Json*> all = folder.cases("pipeline");
  if (std::string(ipa_test::golden_backend().kernels().isa) != "scalar") return all;
  std::map<std::string, const Json*> chosen;
  for (const Json* entry : all) {
    const Json*& best = chosen[combination(*entry)];
    if (!best || entry->find("steps")->number() < best->find("steps")->number()) best = entry;
  }
  std::vector<const Json*> result;
  for (const Json* entry : all)
    if (chosen[combination(*entry)] == entry) result.push_back(entry);
  return result;
}

class Runner {
 public:
  explicit Runner(const std::string& name)
      : folder_(name),
        rounding_(ipa_test::lost_in_calls()),
        latents_(name + " latents", allowed_latents, most()) {}
  ~Runner() {
    if (rounding_) check_median();
    std::printf("  %s pictures: %d compared, at worst %d of 255 and %.1f dB (%s)\n", folder_.name().c_str(),
                pictures_, worst_.levels, worst_.psnr, worst_of_.c_str());
  }

  const GoldenFolder& folder() const { return folder_; }
  double run(const Json& entry) {
    const std::string name = entry.find("name")->string();
    const std::vector<std::string> files = ipa_test::adapter_files(entry);
    // Cases of one set of adapters follow each other.
    if (!models_ || files != loaded_) models_ = ipa_test::load_golden_models(folder_.name(), loaded_ = files);
    if (!models_) return 0;
    const ipa::GenerateRequest request = ipa_test::golden_request(folder_, entry);
    const auto result = ipa_test::generate(*models_, request, nullptr, nullptr);
    CHECK_OK(result.status());
    if (!result.ok()) return 0;
    CHECK_EQ(result.value().latents.size(), size_t{1});
    errors_.push_back(
        ipa_test::relative_error(result.value().latents.front(), folder_.output(entry, "latents").values));
    latents_.add(name, errors_.back());
    if (!request.decode) return 0;
    CHECK_EQ(result.value().images.size(), size_t{1});
    const PictureError error = compare(result.value().images.front(), folder_.output(entry, "image").values);
    ++pictures_;
    if ((!rounding_ && error.levels > allowed_levels) || error.psnr < least())
      ipa_test::fail(__FILE__, __LINE__,
                     name + ": the picture is off by " + std::to_string(error.levels) + " grey levels, PSNR " +
                         std::to_string(error.psnr));
    if (worst_of_.empty() || error.psnr < worst_.psnr) {
      worst_ = error;
      worst_of_ = name;
    }
    return error.psnr;
  }

  // Of a picture, in dB.
  double least() const { return rounding_ ? rounding_->psnr : least_psnr; }

 private:
  double most() const { return rounding_ ? rounding_->latents : 0; }
  void check_median() {
    std::sort(errors_.begin(), errors_.end());
    if (!errors_.empty() &&
        !(errors_[errors_.size() / 2] <= ipa_test::test_device().allowed_of_networks(allowed_latents)))
      ipa_test::fail(__FILE__, __LINE__,
                     folder_.name() + ": the median of the errors is " +
                         ipa_test::shown_number(errors_[errors_.size() / 2]));
  }

  GoldenFolder folder_;
  std::optional<ipa_test::CallRounding> rounding_;
  std::vector<double> errors_;
  ErrorReport latents_;
  std::unique_ptr<ipa::ModelSet> models_;
  std::vector<std::string> loaded_;
  PictureError worst_;
  std::string worst_of_;
  int pictures_ = 0;
};

void check_pipeline(const std::string& name) {
  Runner runner(name);
  for (const Json* entry : cases_to_run(runner.folder())) runner.run(*entry);
}

}  // namespace

TEST(pipeline_sd15_matches_diffusers) { check_pipeline("sd15"); }
TEST(pipeline_sd2_matches_diffusers) { check_pipeline("sd2"); }
TEST(pipeline_sdxl_matches_diffusers) { check_pipeline("sdxl"); }

// A wrong unconditional half (zero hidden states instead of those of zero pixels)
// and a resize that is no antialiased bicubic with a centre crop show in these:
// adapters of both kinds, a picture at the encoder's size and a larger one that is not square.
TEST(pipeline_image_prompts_reach_55_db) {
  for (const char* model : {"sd15", "sdxl", "sd2"}) {
    Runner runner(model);
    for (const char* name : {"base-square", "base-wide", "plus-square", "plus-wide"})
      if (const Json* entry = ipa_test::find_case(runner.folder(), "pipeline", name))
        CHECK(runner.run(*entry) >= runner.least());
  }
}
