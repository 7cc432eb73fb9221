#include "pipeline/condition/image_tokens.h"

#include <utility>

namespace ipa {
namespace {

void append(std::vector<float>& to, const std::vector<float>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

Status check_face(const Adapter& adapter, const ImagePrompt& image) {
  const auto size = static_cast<size_t>(adapter.projection.face_size);
  if (image.face.size() == size) return {};
  const std::string problem = "this " + std::string(adapter_variant_name(adapter.variant)) +
                              " adapter takes face embeddings of " + std::to_string(size) +
                              " numbers (InsightFace's), " + "received " + std::to_string(image.face.size());
  if (image.face.empty()) return Status::option("imagePrompts", problem);
  return Status(Code::mismatch, "imagePrompts: " + problem);
}

Status check_size(const Adapter& adapter, size_t given, size_t others) {
  const ImageProjectionConfig& p = adapter.projection;
  const auto size = static_cast<size_t>(p.embed_size);
  const bool fits = p.kind == ProjectionKind::base ? given == size : given % size == 0;
  if (fits && given && (!others || given == others)) return {};
  return Status(Code::mismatch, "image embeds of " + std::to_string(given) + " numbers, this adapter takes " +
                                    (p.kind == ProjectionKind::base ? "" : "hidden states of ") +
                                    std::to_string(size) + " (" + adapter.encoder + ")");
}

}  // namespace

Result<BranchEncoder> BranchEncoder::plan(const ModelSet& models, const ImageBranch& branch, bool guided) {
  if (branch.adapter < 0 || static_cast<size_t>(branch.adapter) >= models.adapters.size())
    return Status::option("imagePrompts", "there is no adapter " + std::to_string(branch.adapter) + ", " +
                                              std::to_string(models.adapters.size()) + " loaded");
  if (branch.images.empty())
    return Status::option("imagePrompts", "an adapter needs at least one picture or embeds");
  BranchEncoder encoder;
  encoder.adapter_ = models.adapters[static_cast<size_t>(branch.adapter)].get();
  encoder.branch_ = &branch;
  encoder.guided_ = guided;
  IPA_TRY(encoder.plan_features(models));
  IPA_TRY(encoder.plan_projection(models));
  return encoder;
}

// What each picture gives, and whether the image encoder is needed for it.
Status BranchEncoder::plan_features(const ModelSet& models) {
  for (const ImagePrompt& image : branch_->images) {
    if (reads_faces(adapter_->variant)) IPA_TRY(check_face(*adapter_, image));
    if (!reads_pictures(adapter_->variant)) continue;
    if (image.embeds.empty() && !encoder_) {
      IPA_ASSIGN(encoder_, ImageEncoder::plan(models, *adapter_));
    }
    const size_t own = image.embeds.empty() ? encoder_->size() : image.embeds.size();
    IPA_TRY(check_size(*adapter_, own, features_each_));
    features_each_ = own;
  }
  if (!guided_ || !features_each_ || adapter_->projection.kind == ProjectionKind::base) return {};
  if (!encoder_) {
    IPA_ASSIGN(encoder_, ImageEncoder::plan(models, *adapter_));
  }
  if (encoder_->size() == features_each_) return {};
  return Status(Code::mismatch, "image embeds of " + std::to_string(features_each_) +
                                    " numbers, the image encoder gives " + std::to_string(encoder_->size()) +
                                    ": make them with this image encoder");
}

Status BranchEncoder::plan_projection(const ModelSet& models) {
  const ImageProjectionConfig& p = adapter_->projection;
  const int64_t halves = guided_ ? 2 : 1, rows = halves * static_cast<int64_t>(branch_->images.size());
  int64_t states = static_cast<int64_t>(features_each_) / (features_each_ ? p.embed_size : 1);
  bool faces = reads_faces(adapter_->variant);
  if (adapter_->variant == AdapterVariant::faceid_portrait_unnorm) {
    // To its Resampler a face is the one hidden state of a picture.
    states = 1;
    faces = false;
  }
  Graph graph(&adapter_->params);
  if (states) features_ = graph.input(tokens_shape(rows, states, p.feature_size()));
  if (faces) faces_ = graph.input(tokens_shape(rows, 1, p.face_size));
  const ImageTokens made = build_image_projection(graph, p, features_, faces_);
  graph.output(made_ = made.tokens);
  if (made.faces.valid()) graph.output(made_of_faces_ = made.faces);
  IPA_ASSIGN(program_, Program::plan(std::move(graph), models.backend()));
  tokens_ = program_->shape(made_).rows_per_item() * rows / halves;
  return {};
}

void BranchEncoder::count(MemoryCount& memory) const {
  if (encoder_) encoder_->count(memory);
  memory.passing(*program_);
}

// Those of the negative half first.
Result<BranchEncoder::Inputs> BranchEncoder::gather(const Call& call) {
  Inputs inputs;
  std::vector<float> features, faces;
  for (const ImagePrompt& image : branch_->images) {
    if (reads_faces(adapter_->variant)) append(faces, image.face);
    if (!reads_pictures(adapter_->variant)) continue;
    if (!image.embeds.empty()) {
      append(features, image.embeds);
      continue;
    }
    // A face alone.
    if (image.rgb.empty() && !image.face.empty())
      return Status::option("imagePrompts", "this " + std::string(adapter_variant_name(adapter_->variant)) +
                                                " adapter takes a picture: add image or embeds");
    IPA_ASSIGN(const std::vector<float> own, encoder_->encode(call, image));
    append(features, own);
  }
  if (guided_) {
    inputs.faces.assign(faces.size(), 0.0f);
    std::vector<float> nothing(features_each_, 0.0f);
    if (features_each_ && adapter_->projection.kind != ProjectionKind::base) {
      IPA_ASSIGN(nothing, encoder_->encode_nothing(call));
    }
    for (size_t i = 0; i < branch_->images.size(); ++i) append(inputs.features, nothing);
  }
  append(inputs.features, features);
  append(inputs.faces, faces);
  if (adapter_->variant == AdapterVariant::faceid_portrait_unnorm) inputs.features.swap(inputs.faces);
  return inputs;
}

Result<std::vector<float>> BranchEncoder::run(const Call& call) {
  IPA_ASSIGN(const Inputs inputs, gather(call));
  encoder_.reset();
  IPA_TRY(program_->prepare(call.workspace));
  if (features_.valid()) IPA_TRY(program_->set(features_, inputs.features));
  if (faces_.valid()) IPA_TRY(program_->set(faces_, inputs.faces));
  IPA_TRY(program_->run(call.cancel));
  std::vector<float> tokens(static_cast<size_t>(program_->shape(made_).elements()));
  IPA_TRY(program_->get(made_, tokens));
  if (made_of_faces_.valid()) {
    std::vector<float> plain(tokens.size());
    IPA_TRY(program_->get(made_of_faces_, plain));
    for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = plain[i] + branch_->structure_scale * tokens[i];
  }
  program_.reset();
  return tokens;
}

}  // namespace ipa
