#include "binding/picture_calls.h"

#include <memory>
#include <optional>
#include <utility>

#include "binding/calls.h"
#include "binding/values.h"
#include "image/encoder_fit.h"
#include "image/face_keypoints.h"
#include "image/preprocess.h"
#include "image/resample.h"
#include "image/to_rgb.h"

namespace ipa::binding {
namespace {

constexpr int64_t largest_side = 65536;

struct Pixels {
  const uint8_t* data = nullptr;  // the caller's, kept alive until the call is answered
  int64_t width = 0, height = 0;
  Layout layout = Layout::rgb;
};

// For an image encoder of `size` pixels, or to width x height, and then perhaps through a preprocessor.
struct Fit {
  int64_t size = 0, width = 0, height = 0;
  std::optional<Preprocess> preprocess;
  EncoderFit how = EncoderFit::crop;
  Alpha alpha = Alpha::dropped;
};

int64_t check_side(Napi::Env env, int64_t side, const char* name) {
  if (side < 1 || side > largest_side)
    throw Napi::RangeError::New(env, std::string(name) + ": expected 1 to 65536");
  return side;
}

int64_t read_side(const Napi::Object& object, const char* key) {
  return check_side(object.Env(), read_integer(object, key), key);
}

Layout read_layout(const Napi::Object& object) {
  const std::string name = read_text(object, "layout");
  for (const auto& [known, layout] :
       {std::pair{"grey", Layout::grey}, std::pair{"grey_alpha", Layout::grey_alpha},
        std::pair{"rgb", Layout::rgb}, std::pair{"rgba", Layout::rgba}, std::pair{"cmyk", Layout::cmyk}})
    if (name == known) return layout;
  throw Napi::TypeError::New(object.Env(), "layout: not one of those that can be read");
}

// All but the data, which the getters of the object could still take away.
Pixels read_form(const Napi::Object& object) {
  Pixels pixels;
  pixels.width = read_side(object, "width");
  pixels.height = read_side(object, "height");
  pixels.layout = read_layout(object);
  return pixels;
}

void read_data(const Napi::Uint8Array& data, Pixels& pixels) {
  pixels.data = data.Data();
  if (data.ElementLength() != static_cast<size_t>(channels_of(pixels.layout) * pixels.width * pixels.height))
    throw Napi::TypeError::New(data.Env(), "data: expected width * height pixels of the layout");
}

Preprocess read_preprocess(const Napi::Object& object) {
  const std::optional<Preprocessor> what = preprocessor_of(read_text(object, "name"));
  if (!what) throw Napi::TypeError::New(object.Env(), "preprocess: not one of those that there are");
  Preprocess how;
  how.what = *what;
  for (const auto& [key, value] :
       {std::pair{"low", &how.low}, std::pair{"high", &how.high}, std::pair{"sigma", &how.sigma},
        std::pair{"factor", &how.factor}, std::pair{"threshold", &how.threshold}})
    if (has_value(object, key)) *value = read_number(object, key);
  return how;
}

Fit read_fit(const Napi::Object& object) {
  Fit fit;
  if (has_value(object, "size")) {
    fit.size = read_side(object, "size");
    const std::string how = has_value(object, "how") ? read_text(object, "how") : "crop";
    if (how == "pad") fit.how = EncoderFit::pad;
    if (how == "squash") fit.how = EncoderFit::squash;
  } else {
    fit.width = read_side(object, "width");
    fit.height = read_side(object, "height");
    if (has_value(object, "onWhite") && object.Get("onWhite").ToBoolean().Value()) fit.alpha = Alpha::on_white;
    if (has_value(object, "preprocess")) fit.preprocess = read_preprocess(read_object(object, "preprocess"));
  }
  return fit;
}

Result<std::vector<uint8_t>> fit_picture(const Pixels& pixels, const Fit& fit, const CancelFlag& stop) {
  std::vector<uint8_t> converted;
  const uint8_t* rgb = pixels.data;
  if (pixels.layout != Layout::rgb) {
    IPA_ASSIGN(converted, to_rgb(pixels.data, pixels.width * pixels.height, pixels.layout, fit.alpha));
    rgb = converted.data();
  }
  if (fit.size) return fit_for_encoder(rgb, pixels.width, pixels.height, fit.size, fit.how);
  IPA_ASSIGN(std::vector<uint8_t> fitted,
             resize_picture(rgb, pixels.width, pixels.height, fit.width, fit.height, Filter::lanczos));
  if (!fit.preprocess) return fitted;
  return preprocess({fitted.data(), fit.width, fit.height}, *fit.preprocess, &stop);
}

// A whole picture has hundreds of megabytes, which would wait for the collector otherwise.
void free_now(const Napi::Uint8Array& data) {
  constexpr size_t large = size_t{1} << 20;
  Napi::ArrayBuffer buffer = data.ArrayBuffer();
  // Not what others may have a part of.
  if (data.ElementLength() >= large && data.ElementLength() == buffer.ByteLength()) buffer.Detach();
}

// `done`, which keeps `data` alive until it is called.
Napi::Function keep_until(const Napi::Function& done, const Napi::Uint8Array& data) {
  auto kept = std::make_shared<Napi::Reference<Napi::Uint8Array>>(Napi::Persistent(data));
  auto answer = std::make_shared<Napi::FunctionReference>(Napi::Persistent(done));
  return Napi::Function::New(done.Env(), [kept, answer](const Napi::CallbackInfo& info) {
    free_now(kept->Value());
    kept->Reset();
    const Napi::Function call = answer->Value();
    answer->Reset();
    call.Call({info[0], info[1]});
  });
}

// Nothing is copied: a picture may have hundreds of megabytes, and this is the JS thread.
Napi::Value fit_picture_call(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object object = object_argument(info, 0);
  const Napi::Value data = object.Get("data");
  if (!data.IsTypedArray() || data.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(env, "data: expected a Uint8Array");
  Pixels pixels = read_form(object);
  const Fit fit = read_fit(object_argument(info, 1));
  read_data(data.As<Napi::Uint8Array>(), pixels);
  const Napi::Function done = keep_until(function_argument(info, 2), data.As<Napi::Uint8Array>());
  return in_background(
      env, done, [pixels, fit](AsyncJob& job) { return fit_picture(pixels, fit, *job.cancel_handle()); },
      [](Napi::Env on, const std::vector<uint8_t>& fitted) {
        return copy_to_js(on, fitted.data(), fitted.size());
      });
}

Napi::Value draw_face_keypoints_call(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  FacePoints points;
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array ||
      info[0].As<Napi::TypedArray>().ElementLength() != 2 * points.size())
    throw Napi::TypeError::New(env, "points: expected a Float64Array of 10");
  const auto numbers = info[0].As<Napi::Float64Array>();
  for (size_t i = 0; i < points.size(); ++i) points[i] = {numbers[2 * i], numbers[2 * i + 1]};
  const int64_t width = check_side(env, int32_argument(info, 1), "width");
  const int64_t height = check_side(env, int32_argument(info, 2), "height");
  return in_background(
      env, function_argument(info, 3),
      [points, width, height](AsyncJob&) { return draw_face_keypoints(points, width, height); },
      [](Napi::Env on, const std::vector<uint8_t>& rgb) { return copy_to_js(on, rgb.data(), rgb.size()); });
}

}  // namespace

void define_picture_calls(Napi::Env env, Napi::Object exports) {
  exports.Set("drawFaceKeypoints", Napi::Function::New(env, draw_face_keypoints_call, "drawFaceKeypoints"));
  exports.Set("fitPicture", Napi::Function::New(env, fit_picture_call, "fitPicture"));
}

}  // namespace ipa::binding
