#include "binding/picture_calls.h"

#include <memory>
#include <utility>

#include "binding/calls.h"
#include "binding/values.h"
#include "image/clip_preprocess.h"
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

// For an image encoder of `size` pixels, or to width x height for the VAE.
struct Fit {
  int64_t size = 0, width = 0, height = 0;
};

int64_t read_side(const Napi::Object& object, const char* key) {
  const int64_t side = read_integer(object, key);
  if (side < 1 || side > largest_side)
    throw Napi::RangeError::New(object.Env(), std::string(key) + ": expected 1 to 65536");
  return side;
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

Fit read_fit(const Napi::Object& object) {
  Fit fit;
  if (has_value(object, "size")) {
    fit.size = read_side(object, "size");
  } else {
    fit.width = read_side(object, "width");
    fit.height = read_side(object, "height");
  }
  return fit;
}

Result<std::vector<uint8_t>> fit_picture(const Pixels& pixels, const Fit& fit) {
  std::vector<uint8_t> converted;
  const uint8_t* rgb = pixels.data;
  if (pixels.layout != Layout::rgb) {
    IPA_ASSIGN(converted, to_rgb(pixels.data, pixels.width * pixels.height, pixels.layout));
    rgb = converted.data();
  }
  if (fit.size) return clip_resize(rgb, pixels.width, pixels.height, fit.size);
  return resize_picture(rgb, pixels.width, pixels.height, fit.width, fit.height, Filter::lanczos);
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
      env, done, [pixels, fit](AsyncJob&) { return fit_picture(pixels, fit); },
      [](Napi::Env on, const std::vector<uint8_t>& fitted) {
        return copy_to_js(on, fitted.data(), fitted.size());
      });
}

}  // namespace

void define_picture_calls(Napi::Env env, Napi::Object exports) {
  exports.Set("fitPicture", Napi::Function::New(env, fit_picture_call, "fitPicture"));
}

}  // namespace ipa::binding
