#include "pipeline/condition/image_features.h"

#include <utility>

#include "image/clip_preprocess.h"

namespace ipa {
namespace {

// `rgb`: `count` bytes, or none; behind them as many of a mask, which multiplies what they become.
std::vector<float> normalised(const VisionTower& tower, const std::vector<uint8_t>& rgb, size_t count) {
  std::vector<float> pixels(count, 0.0f);
  for (size_t i = 0; i < count && i < rgb.size(); ++i) {
    pixels[i] = (static_cast<float>(rgb[i]) * (1.0f / 255.0f) - tower.mean[i % 3]) / tower.deviation[i % 3];
    if (rgb.size() > count) pixels[i] *= static_cast<float>(rgb[count + i]) / 255.0f;
  }
  return pixels;
}

Status require_encoder(const Adapter& adapter) {
  if (adapter.vision) return {};
  return Status(Code::not_found,
                adapter.request.file + ": this adapter needs an image encoder (" + adapter.encoder +
                    ") to read pictures, and the model has none: pass its folder as imageEncoder");
}

bool reads_embedding(const Adapter& adapter) { return adapter.projection.kind == ProjectionKind::base; }

}  // namespace

Result<std::unique_ptr<ImageEncoder>> ImageEncoder::plan(const ModelSet& models, const Adapter& adapter) {
  IPA_TRY(require_encoder(adapter));
  const VisionTower& tower = *adapter.vision;
  const bool embedding = reads_embedding(adapter);
  const int64_t side = tower.config().image_size;
  std::unique_ptr<ImageEncoder> self(new ImageEncoder(adapter));
  Graph graph(&tower.params);
  self->pixels_ = graph.input({1, side, side, 3});
  const Value class_row = embedding ? graph.input({1, 1, 1, 1}, Storage::i32) : Value{};
  const ClipVision::Outputs outputs = tower.network.build(graph, self->pixels_, class_row);
  self->output_ = embedding ? outputs.embedding : outputs.penultimate;
  graph.output(self->output_);
  IPA_ASSIGN(self->program_, Program::plan(std::move(graph), models.backend(Part::image_encoder)));
  return self;
}

Result<std::vector<float>> ImageEncoder::encode(const Call& call, const ImagePrompt& image) {
  const int64_t side = adapter_.vision->config().image_size;
  IPA_ASSIGN(std::vector<uint8_t> rgb, clip_resize(image.rgb.data(), image.width, image.height, side));
  if (image.mask) {
    IPA_ASSIGN(const std::vector<uint8_t> mask,
               clip_resize(image.mask->rgb.data(), image.width, image.height, side));
    rgb.insert(rgb.end(), mask.begin(), mask.end());
  }
  return remembered(call, std::move(rgb));
}

Result<std::vector<float>> ImageEncoder::encode_nothing(const Call& call) { return remembered(call, {}); }

// `rgb`, without any: of zeros, which no picture gives after normalisation.
// The output for the encoder's exact input is remembered.
Result<std::vector<float>> ImageEncoder::remembered(const Call& call, std::vector<uint8_t> rgb) {
  FeatureCache& cache = call.caches.features.of(adapter_.vision);
  const bool embedding = reads_embedding(adapter_);
  if (std::optional<std::vector<float>> known = cache.find(embedding, rgb)) return *std::move(known);
  IPA_ASSIGN(std::vector<float> features, run(call, rgb));
  cache.insert(embedding, std::move(rgb), features);
  return features;
}

Result<std::vector<float>> ImageEncoder::run(const Call& call, const std::vector<uint8_t>& rgb) {
  if (!program_->prepared()) IPA_TRY(program_->prepare(call.workspace));
  const auto count = static_cast<size_t>(program_->shape(pixels_).elements());
  IPA_TRY(program_->set(pixels_, normalised(*adapter_.vision, rgb, count)));
  IPA_TRY(program_->run(call.cancel));
  std::vector<float> features(size());
  IPA_TRY(program_->get(output_, features));
  return features;
}

}  // namespace ipa
