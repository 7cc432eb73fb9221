#include "pipeline/denoiser.h"

namespace ipa {

Result<std::unique_ptr<Denoiser>> Denoiser::make(ModelSet& models, Conditioning& conditioning, int64_t height,
                                                 int64_t width, float guidance,
                                                 const std::vector<StepKind>& kinds, int feature_depth,
                                                 double merge_ratio, Workspace& workspace) {
  std::unique_ptr<Denoiser> self(new Denoiser);
  const UNetConfig& c = models.unet->config();
  self->config_ = &c;
  self->channels_ = c.out_channels;
  self->pixels_ = height * width;
  self->guidance_ = guidance;
  bool shallow = false;
  for (const StepKind& kind : kinds) shallow = shallow || !kind.full;
  for (const StepKind& kind : kinds) {
    Programs& programs = kind.guided ? self->guided_ : self->plain_;
    UNetProgramShape shape;
    shape.height = height;
    shape.width = width;
    shape.batch = kind.guided ? 2 : 1;
    shape.first = conditioning.batch - shape.batch;  // the conditional half comes last
    shape.feature_depth = shallow ? feature_depth : 0;
    shape.merge_ratio = merge_ratio;
    if (!programs.full) {
      IPA_ASSIGN(programs.full, UNetProgram::make(models, conditioning, shape, guidance, nullptr, workspace));
    }
    if (!kind.full && !programs.shallow) {
      IPA_ASSIGN(programs.shallow,
                 UNetProgram::make(models, conditioning, shape, guidance, programs.full.get(), workspace));
    }
  }
  return self;
}

Status Denoiser::predict(StepKind kind, const float* latents, float timestep, float* prediction,
                         const CancelFlag* cancel) {
  Programs& programs = kind.guided ? guided_ : plain_;
  UNetProgram& program = kind.full ? *programs.full : *programs.shallow;
  float* in = program.latents();
  for (int64_t item = 0; item < (kind.guided ? 2 : 1); ++item)
    for (int64_t p = 0; p < pixels_; ++p)
      for (int64_t c = 0; c < channels_; ++c) {
        const float value = latents[c * pixels_ + p];
        in[(item * pixels_ + p) * channels_ + c] = config_->center_input_sample ? 2 * value - 1 : value;
      }
  timestep_sinusoid(static_cast<double>(timestep), config_->sinusoid_size(), config_->flip_sin_to_cos,
                    config_->freq_shift, program.sinusoid());
  IPA_TRY(program.run(cancel));
  const float* out = program.output();
  const float* negative = out;
  const float* positive = kind.guided ? out + pixels_ * channels_ : out;
  for (int64_t p = 0; p < pixels_; ++p)
    for (int64_t c = 0; c < channels_; ++c) {
      const int64_t i = p * channels_ + c;
      prediction[c * pixels_ + p] =
          kind.guided ? negative[i] + guidance_ * (positive[i] - negative[i]) : positive[i];
    }
  return {};
}

}  // namespace ipa
