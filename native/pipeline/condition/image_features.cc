#include "pipeline/condition/image_features.h"

#include "graph/program.h"
#include "image/clip_preprocess.h"

namespace ipa {
namespace {

// No pixels at all: the encoder's input is zero everywhere, which no picture gives after normalisation.
const std::vector<uint8_t> zero_input;

void normalise(const VisionTower& tower, const std::vector<uint8_t>& rgb, float* out) {
  for (size_t i = 0; i < rgb.size(); ++i)
    out[i] = (static_cast<float>(rgb[i]) * (1.0f / 255.0f) - tower.mean[i % 3]) / tower.deviation[i % 3];
}

Result<std::vector<float>> run_encoder(const Call& call, VisionTower& tower, bool embedding,
                                       const std::vector<uint8_t>& rgb) {
  const ClipVisionConfig& config = tower.config();
  Graph graph(&tower.params);
  const Value pixels = graph.input({1, config.image_size, config.image_size, 3});
  const Value class_row = embedding ? graph.input({1, 1, 1, 1}, Storage::i32) : Value{};
  const ClipVision::Outputs outputs = tower.network.build(graph, pixels, class_row);
  const Value wanted = embedding ? outputs.embedding : outputs.penultimate;
  graph.output(wanted);
  IPA_ASSIGN(const std::unique_ptr<Program> program,
             Program::make(std::move(graph), call.models.backend(), {}, &call.workspace));
  IPA_TRY(program->prepare());
  if (call.workspace.dry()) return std::vector<float>(static_cast<size_t>(program->shape(wanted).elements()));
  normalise(tower, rgb, program->floats(pixels));  // inputs start as zeros
  IPA_TRY(program->run(call.cancel));
  const float* out = program->floats(wanted);
  return std::vector<float>(out, out + program->shape(wanted).elements());
}

// The encoder's output for its exact input, remembered.
Result<std::vector<float>> features_of(const Call& call, const Adapter& adapter, std::vector<uint8_t> rgb) {
  const bool embedding = adapter.projection.kind == ProjectionKind::base;
  // A dry run knows the sizes only; that the features are remembered by then is not certain.
  VisionTower& tower = *adapter.vision;
  if (call.workspace.dry()) return run_encoder(call, tower, embedding, rgb);
  FeatureCache& cache = call.caches.features.of(adapter.vision);
  if (const std::vector<float>* known = cache.find(embedding, rgb)) return *known;
  IPA_ASSIGN(std::vector<float> features, run_encoder(call, tower, embedding, rgb));
  cache.insert(embedding, std::move(rgb), features);
  return features;
}

Status require_encoder(const Adapter& adapter) {
  if (adapter.vision) return {};
  return Status(Code::not_found,
                adapter.request.file + ": this adapter needs an image encoder (" + adapter.encoder +
                    ") to read pictures, and the model has none: pass its folder as imageEncoder");
}

}  // namespace

Result<std::vector<float>> encode_image(const Call& call, const Adapter& adapter, const ImagePrompt& image) {
  IPA_TRY(require_encoder(adapter));
  if (call.workspace.dry()) return features_of(call, adapter, {});
  const int64_t size = adapter.vision->config().image_size;
  IPA_ASSIGN(std::vector<uint8_t> rgb, clip_resize(image.rgb.data(), image.width, image.height, size));
  return features_of(call, adapter, std::move(rgb));
}

Result<std::vector<float>> negative_features(const Call& call, const Adapter& adapter, size_t floats) {
  if (adapter.projection.kind == ProjectionKind::base) return std::vector<float>(floats, 0.0f);
  IPA_TRY(require_encoder(adapter));
  IPA_ASSIGN(std::vector<float> features, features_of(call, adapter, zero_input));
  if (features.size() != floats)
    return Status(Code::mismatch, "image embeds of " + std::to_string(floats) +
                                      " numbers, the image encoder gives " + std::to_string(features.size()) +
                                      ": make them with this image encoder");
  return features;
}

}  // namespace ipa
