#include "pipeline/check_controls.h"

#include <cmath>
#include <string>

#include "pipeline/condition/conditioning.h"
#include "pipeline/control_modes.h"
#include "pipeline/load/loaded_control.h"

namespace ipa {
namespace {

// One condition, and where it stands.
struct Condition {
  const ModelSet& models;
  const GenerateRequest& request;
  const ControlUse& use;
  std::string option;

  Status wrong(const char* part, const std::string& what) const { return Status::option(option + part, what); }
};

Status check_loaded(const Condition& c) {
  const size_t loaded = c.models.controls.size();
  if (c.use.control >= 0 && static_cast<size_t>(c.use.control) < loaded) return {};
  if (!loaded) return c.wrong("", "no control is loaded: pass controls: [{ file }] to Pipeline.load()");
  return c.wrong(".control", "there is no control " + std::to_string(c.use.control) + ", " +
                                 std::to_string(loaded) + " loaded");
}

Status check_numbers(const Condition& c) {
  if (!std::isfinite(c.use.scale)) return c.wrong(".scale", "expected a finite number");
  if (!(c.use.start >= 0 && c.use.start < c.use.end && c.use.end <= 1))
    return c.wrong(".start", "expected 0 to 1, and less than end");
  return {};
}

Status check_mode(const Condition& c, const LoadedControl& control) {
  if (control.kind != ControlKind::controlnet_union) {
    if (c.use.mode.empty()) return {};
    return c.wrong(".mode", "only a ControlNet-Union has modes, this is a " +
                                std::string(control_kind_name(control.kind)) + ": leave it out");
  }
  const int64_t modes = control.net->config().several.modes;
  if (c.use.mode.empty())
    return c.wrong(".mode", "this ControlNet-Union reads several kinds of pictures: add the kind of this one");
  const int mode = control_mode(c.use.mode);
  if (mode >= 0 && mode < modes) return {};
  return c.wrong(".mode", "this ControlNet-Union has " + std::to_string(modes) + " modes, and none for \"" +
                              c.use.mode.substr(0, 40) + "\"");
}

// What counts in one pass of a union counts together.
Status check_together(const Condition& c, const LoadedControl& control) {
  if (control.kind != ControlKind::controlnet_union) return {};
  for (const ControlUse& other : c.request.controls) {
    if (other.control != c.use.control) continue;
    if (other.start != c.use.start || other.end != c.use.end || other.guess != c.use.guess)
      return c.wrong("", "all pictures of one ControlNet-Union need the same start, end and guess");
    return {};
  }
  return {};
}

Status check_keypoints(const Condition& c, const LoadedControl& control) {
  if (c.use.keypoints.empty()) return {};
  if (c.use.keypoints.size() != 10) return c.wrong(".faceKeypoints", "expected five pairs of numbers");
  for (const float number : c.use.keypoints)
    if (!std::isfinite(number) || std::fabs(number) > 65536)
      return c.wrong(".faceKeypoints", "expected pixels of the picture");
  if (control.kind != ControlKind::controlnet)
    return c.wrong(".faceKeypoints", "only InstantID's ControlNet reads them, this is a " +
                                         std::string(control_kind_name(control.kind)));
  if (face_branch(c.models, c.request) >= 0) return {};
  return c.wrong(".faceKeypoints",
                 "InstantID's ControlNet reads the face's tokens: add an image prompt with faceEmbeds for "
                 "InstantID's adapter (a faceid_portrait_unnorm)");
}

Status check_inpaint(const Condition& c, const LoadedControl& control) {
  if (!c.use.inpaint) return {};
  if (control.adapter)
    return c.wrong(".preprocess", "a T2I-Adapter reads no masked picture: leave \"inpaint\" out");
  if (c.request.image && c.request.mask) return {};
  return c.wrong(".preprocess", "\"inpaint\" is made of the call's image and mask: add them");
}

Status check_adapter(const Condition& c, const LoadedControl& control) {
  if (!control.adapter) return {};
  if (c.use.guess) return c.wrong(".guess", "a T2I-Adapter has no guess mode: leave it out");
  const int64_t scale = control.adapter->config().picture_scale;
  for (const auto& [name, side] : {std::pair{"width", c.request.width}, std::pair{"height", c.request.height}})
    if (side % scale)
      return Status::option(name, "this T2I-Adapter reads squares of " + std::to_string(scale) +
                                      " pixels: expected a multiple but received " + std::to_string(side));
  return {};
}

}  // namespace

Status check_controls(const ModelSet& models, const GenerateRequest& request) {
  for (size_t i = 0; i < request.controls.size(); ++i) {
    const Condition c{models, request, request.controls[i], "controls[" + std::to_string(i) + "]"};
    IPA_TRY(check_loaded(c));
    IPA_TRY(check_numbers(c));
    const LoadedControl& control = *models.controls[static_cast<size_t>(c.use.control)];
    IPA_TRY(check_mode(c, control));
    IPA_TRY(check_together(c, control));
    IPA_TRY(check_keypoints(c, control));
    IPA_TRY(check_inpaint(c, control));
    IPA_TRY(check_adapter(c, control));
  }
  return {};
}

}  // namespace ipa
