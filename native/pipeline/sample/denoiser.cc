#include "pipeline/sample/denoiser.h"

namespace ipa {

Result<std::unique_ptr<Denoiser>> Denoiser::make(const Call& call, const GenerateRequest& request,
                                                 Conditioning& conditioning,
                                                 const std::vector<StepKind>& kinds) {
  std::unique_ptr<Denoiser> self(new Denoiser);
  const ModelSet& models = call.models;
  const UNetConfig& c = models.unet->config();
  self->config_ = &c;
  self->channels_ = c.out_channels;
  const int64_t scale = models.vae->config().scale();
  const int64_t height = request.height / scale, width = request.width / scale;
  self->pixels_ = height * width;
  self->batch_ = conditioning.batch;
  self->guidance_ = request.guidance;
  self->image_guidance_ = request.image_guidance;
  bool shallow = false;
  for (const StepKind& kind : kinds) shallow = shallow || !kind.full;
  for (const StepKind& kind : kinds) {
    Programs& programs = kind.guided ? self->guided_ : self->plain_;
    UNetProgramShape shape;
    shape.height = height;
    shape.width = width;
    shape.batch = kind.guided ? conditioning.batch : 1;
    shape.first = conditioning.batch - shape.batch;  // the conditional part comes last
    shape.feature_depth = shallow ? request.cache_depth : 0;
    shape.merge_ratio = request.merge_ratio;
    if (!programs.full) {
      IPA_ASSIGN(programs.full, UNetProgram::make(call, conditioning, shape, request.guidance, nullptr));
    }
    if (!kind.full && !programs.shallow) {
      IPA_ASSIGN(programs.shallow,
                 UNetProgram::make(call, conditioning, shape, request.guidance, programs.full.get()));
    }
  }
  return self;
}

void Denoiser::fill_input(const float* latents, int64_t batch, float* in) const {
  const int64_t all = config_->in_channels;
  for (int64_t item = 0; item < batch; ++item) {
    // Of an instruct model's three the first goes without the picture.
    const bool blank = batch == 3 && item == 0;
    for (int64_t c = 0; c < all; ++c) {
      const float* from = c < channels_ ? latents + c * pixels_ : source_.data() + (c - channels_) * pixels_;
      for (int64_t p = 0; p < pixels_; ++p) {
        const float value = blank && c >= channels_ ? 0.0f : from[p];
        in[(item * pixels_ + p) * all + c] = config_->center_input_sample ? 2 * value - 1 : value;
      }
    }
  }
}

Status Denoiser::predict(StepKind kind, const float* latents, float timestep, float* prediction,
                         const CancelFlag* cancel) {
  Programs& programs = kind.guided ? guided_ : plain_;
  UNetProgram& program = kind.full ? *programs.full : *programs.shallow;
  const int64_t batch = kind.guided ? batch_ : 1, item = pixels_ * channels_;
  if (source_.size() != static_cast<size_t>((config_->in_channels - channels_) * pixels_))
    return Status(Code::internal, "the UNet reads channels that it was not given");
  fill_input(latents, batch, program.latents());
  timestep_sinusoid(static_cast<double>(timestep), config_->sinusoid_size(), config_->flip_sin_to_cos,
                    config_->freq_shift, program.sinusoid());
  IPA_TRY(program.run(cancel));
  const float* out = program.output();
  const float* negative = out + (batch == 3 ? item : 0);
  const float* positive = out + (batch - 1) * item;
  for (int64_t p = 0; p < pixels_; ++p)
    for (int64_t c = 0; c < channels_; ++c) {
      const int64_t i = p * channels_ + c;
      float value = positive[i];
      if (batch == 2) value = negative[i] + guidance_ * (positive[i] - negative[i]);
      if (batch == 3)
        value = out[i] + guidance_ * (positive[i] - negative[i]) + image_guidance_ * (negative[i] - out[i]);
      prediction[c * pixels_ + p] = value;
    }
  return {};
}

}  // namespace ipa
