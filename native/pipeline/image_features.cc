#include "pipeline/image_features.h"

#include "graph/program.h"
#include "image/clip_preprocess.h"

namespace ipa {
namespace {

// `pixels` is called with the encoder's normalised input to fill in.
template <class Fill>
Result<std::vector<float>> run_encoder(ModelSet& models, const Adapter& adapter, Fill fill,
                                       const CancelFlag* cancel) {
  if (!models.vision)
    return Status(Code::not_found,
                  adapter.path + ": this adapter needs an image encoder (" + adapter.encoder +
                      ") to read pictures, and the model has none: pass its folder as imageEncoder");
  VisionTower& tower = *models.vision;
  const ClipVisionConfig& config = tower.network.config();
  const bool embedding = adapter.projection.kind == ProjectionKind::base;
  Graph graph(&tower.params);
  const Value pixels = graph.input({1, config.image_size, config.image_size, 3});
  const Value class_row = embedding ? graph.input({1, 1, 1, 1}, Storage::i32) : Value{};
  const ClipVision::Outputs outputs = tower.network.build(graph, pixels, class_row);
  const Value wanted = embedding ? outputs.embedding : outputs.penultimate;
  graph.output(wanted);
  IPA_ASSIGN(const std::unique_ptr<Program> program, Program::make(std::move(graph), models.backend()));
  IPA_TRY(program->prepare());
  IPA_TRY(fill(program->floats(pixels)));
  IPA_TRY(program->run(cancel));
  const float* out = program->floats(wanted);
  return std::vector<float>(out, out + program->shape(wanted).elements());
}

}  // namespace

Result<std::vector<float>> encode_image(ModelSet& models, const Adapter& adapter, const ImagePrompt& image,
                                        const CancelFlag* cancel) {
  return run_encoder(
      models, adapter,
      [&](float* pixels) -> Status {
        const VisionTower& tower = *models.vision;
        const int64_t size = tower.network.config().image_size;
        IPA_ASSIGN(const std::vector<uint8_t> rgb,
                   clip_resize(image.rgb.data(), image.width, image.height, size));
        for (int64_t i = 0; i < size * size * 3; ++i) {
          const auto channel = static_cast<size_t>(i % 3);
          pixels[i] =
              (static_cast<float>(rgb[static_cast<size_t>(i)]) * (1.0f / 255.0f) - tower.mean[channel]) /
              tower.deviation[channel];
        }
        return {};
      },
      cancel);
}

Result<std::vector<float>> negative_features(ModelSet& models, const Adapter& adapter, size_t floats,
                                             const CancelFlag* cancel) {
  if (adapter.projection.kind == ProjectionKind::base) return std::vector<float>(floats, 0.0f);
  // The program's inputs start as zeros.
  IPA_ASSIGN(std::vector<float> features,
             run_encoder(models, adapter, [](float*) { return Status(); }, cancel));
  if (features.size() != floats)
    return Status(Code::mismatch, "image embeds of " + std::to_string(floats) +
                                      " numbers, the image encoder gives " + std::to_string(features.size()) +
                                      ": make them with this image encoder");
  return features;
}

}  // namespace ipa
