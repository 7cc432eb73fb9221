#include "pipeline/sample/control_pictures.h"

#include <utility>

#include "image/face_keypoints.h"
#include "image/inpaint_condition.h"
#include "image/resample.h"
#include "models/unet.h"
#include "pipeline/condition/mask_crop.h"
#include "pipeline/control_modes.h"
#include "pipeline/seamless.h"

namespace ipa {

Result<std::unique_ptr<ControlPictures>> ControlPictures::plan(const ControlCall& call,
                                                               const LoadedNetwork<ControlNet>& net,
                                                               const std::vector<size_t>& conditions,
                                                               bool mixed) {
  std::unique_ptr<ControlPictures> self(new ControlPictures(call, net));
  for (const size_t condition : conditions) self->uses_.push_back(&call.request.controls[condition]);
  self->mixed_ = mixed;
  IPA_TRY(self->plan_programs(call.models.backend(Part::unet)));
  return self;
}

Status ControlPictures::plan_programs(const Backend& backend) {
  Graph reader(&net_.params);
  reader.set_wrap(wrap_of(request_));
  pixels_ = reader.input({1, request_.height, request_.width, net_.config().picture_channels});
  read_ = net_.network.read_picture(reader, pixels_);
  reader.output(read_);
  IPA_ASSIGN(reader_, Program::plan(std::move(reader), backend));
  if (!is_union()) return {};
  Graph rows(&net_.params), offsets(&net_.params);
  mode_ = rows.input({1, 1, 1, 1}, Storage::i32);
  row_ = net_.network.mode_row(rows, mode_);
  rows.output(row_);
  IPA_ASSIGN(rows_, Program::plan(std::move(rows), backend));
  mean_ = offsets.input({1, 1, 1, net_.config().several.width});
  offset_ = net_.network.mode_offset(offsets, mean_);
  offsets.output(offset_);
  IPA_ASSIGN(offsets_, Program::plan(std::move(offsets), backend));
  return {};
}

size_t ControlPictures::read_bytes() const {
  return static_cast<size_t>(reader_->shape(read_).elements()) * sizeof(float);
}

size_t ControlPictures::held_bytes() const {
  // A picture as bytes (one that is masked with its mask) and as floats; what it gives, and the sum.
  bool masked = false;
  for (const ControlUse* use : uses_) masked = masked || use->inpaint;
  return static_cast<size_t>(3 * request_.width * request_.height) * ((masked ? 2 : 1) + sizeof(float)) +
         2 * read_bytes();
}

void ControlPictures::count(MemoryCount& memory) const {
  memory.passing(*reader_, held_bytes());
  if (is_union()) {
    memory.passing(*rows_, held_bytes() + reader_->own_bytes());
    memory.passing(*offsets_, held_bytes() + reader_->own_bytes() + rows_->own_bytes());
  }
  memory.staying(read_bytes(), reader_->space());
}

std::vector<float> ControlPictures::modes() const {
  if (!is_union()) return {};
  const UNetConfig& c = net_.config().trunk;
  std::vector<float> sinusoids(static_cast<size_t>(net_.config().modes_size()));
  for (int64_t mode = 0; mode < net_.config().several.modes; ++mode) {
    bool there = false;
    for (const ControlUse* use : uses_) there = there || control_mode(use->mode) == mode;
    timestep_sinusoid(there ? 1 : 0, c.addition_time_size, c.flip_sin_to_cos, c.freq_shift,
                      sinusoids.data() + mode * c.addition_time_size);
  }
  return sinusoids;
}

Result<std::vector<float>> ControlPictures::inpaint_values() const {
  IPA_ASSIGN(const std::vector<uint8_t> rgb, fit_to_paint(request_, *request_.image));
  IPA_ASSIGN(const std::vector<uint8_t> mask, fit_to_paint(request_, *request_.mask));
  const auto view = [this](const std::vector<uint8_t>& picture) {
    return RgbView{picture.data(), request_.width, request_.height};
  };
  IPA_ASSIGN(std::vector<float> values, inpaint_condition(view(rgb), view(mask)));
  if (net_.config().bgr)
    for (size_t i = 0; i < values.size(); i += 3) std::swap(values[i], values[i + 2]);
  return values;
}

Result<std::vector<float>> ControlPictures::values_of(const ControlUse& use) const {
  if (use.inpaint) return inpaint_values();
  std::vector<uint8_t> rgb;
  if (use.keypoints.empty()) {
    const Picture& picture = use.image;
    IPA_ASSIGN(rgb, resize_picture(picture.rgb.data(), picture.width, picture.height, request_.width,
                                   request_.height, Filter::lanczos));
  } else {
    FacePoints points;
    for (size_t i = 0; i < points.size(); ++i)
      points[i] = {static_cast<double>(use.keypoints[2 * i]), static_cast<double>(use.keypoints[2 * i + 1])};
    IPA_ASSIGN(rgb, draw_face_keypoints(points, request_.width, request_.height));
  }
  std::vector<float> values(rgb.size());
  for (size_t i = 0; i < rgb.size(); i += 3)
    for (size_t c = 0; c < 3; ++c)
      values[i + c] = static_cast<float>(rgb[i + (net_.config().bgr ? 2 - c : c)]) / 255.0f;
  return values;
}

Result<std::vector<float>> ControlPictures::offset_of(const Call& call, const ControlUse& use,
                                                      const std::vector<float>& read, float scale) {
  if (!rows_->prepared()) {
    IPA_TRY(rows_->prepare(call.workspace));
    IPA_TRY(offsets_->prepare(call.workspace));
  }
  const auto width = static_cast<size_t>(net_.config().several.width);
  std::vector<double> sums(width);
  for (size_t i = 0; i < read.size(); ++i) sums[i % width] += static_cast<double>(read[i]);
  std::vector<float> token(width), offset(width);
  IPA_TRY(rows_->set(mode_, std::vector<int32_t>{control_mode(use.mode)}));
  IPA_TRY(rows_->run(call.cancel));
  IPA_TRY(rows_->get(row_, token));
  const auto pixels = static_cast<double>(read.size() / width);
  for (size_t c = 0; c < width; ++c) token[c] = (static_cast<float>(sums[c] / pixels) + token[c]) * scale;
  IPA_TRY(offsets_->set(mean_, token));
  IPA_TRY(offsets_->run(call.cancel));
  IPA_TRY(offsets_->get(offset_, offset));
  return offset;
}

Result<std::vector<float>> ControlPictures::read(const Call& call) {
  const Held held(call.workspace, held_bytes());
  IPA_TRY(reader_->prepare(call.workspace));
  std::vector<float> sum, one(static_cast<size_t>(reader_->shape(read_).elements()));
  for (const ControlUse* use : uses_) {
    {
      IPA_ASSIGN(const std::vector<float> values, values_of(*use));
      IPA_TRY(reader_->set(pixels_, values));
    }
    IPA_TRY(reader_->run(call.cancel));
    IPA_TRY(reader_->get(read_, one));
    if (!is_union()) return one;
    const float scale = mixed_ ? use->scale : 1.0f;
    IPA_ASSIGN(const std::vector<float> offset, offset_of(call, *use, one, scale));
    sum.resize(one.size());
    for (size_t i = 0; i < one.size(); ++i) sum[i] += one[i] * scale + offset[i % offset.size()] * scale;
  }
  return sum;
}

}  // namespace ipa
