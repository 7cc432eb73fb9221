#include "pipeline/condition/image_tokens.h"

#include <utility>

#include "pipeline/condition/combine_features.h"

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

Result<BranchEncoder> BranchEncoder::plan(const ModelSet& models, const GenerateRequest& request, size_t index,
                                          bool guided) {
  const ImageBranch& branch = request.branches[index];
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
  if (guided) IPA_TRY(encoder.plan_negatives(models, request));
  IPA_TRY(encoder.plan_projection(models));
  return encoder;
}

// What each picture gives, and whether the image encoder is needed for it.
Status BranchEncoder::plan_features(const ModelSet& models) {
  for (const ImagePrompt& image : branch_->images) {
    if (reads_faces(adapter_->variant)) IPA_TRY(check_face(*adapter_, image));
    if (!reads_pictures(adapter_->variant)) continue;
    if (image.embeds.empty()) IPA_TRY(need_encoder(models));
    const size_t own = image.embeds.empty() ? encoder_->size() : image.embeds.size();
    IPA_TRY(check_size(*adapter_, own, features_each_));
    features_each_ = own;
  }
  if (!guided_ || !features_each_ || adapter_->projection.kind == ProjectionKind::base) return {};
  IPA_TRY(need_encoder(models));
  if (encoder_->size() == features_each_) return {};
  return Status(Code::mismatch, "image embeds of " + std::to_string(features_each_) +
                                    " numbers, the image encoder gives " + std::to_string(encoder_->size()) +
                                    ": make them with this image encoder");
}

Status BranchEncoder::need_encoder(const ModelSet& models) {
  if (encoder_) return {};
  IPA_ASSIGN(encoder_, ImageEncoder::plan(models, *adapter_));
  return {};
}

Status BranchEncoder::plan_negatives(const ModelSet& models, const GenerateRequest& request) {
  for (const NegativeImage& negative : request.negative_images) {
    if (negative.adapter != branch_->adapter) continue;
    negatives_.push_back(&negative.image);
    if (!features_each_)
      return Status::option("negativeImagePrompts", "this adapter takes faces, no pictures: leave it out");
    if (!negative.image.embeds.empty())
      IPA_TRY(check_size(*adapter_, negative.image.embeds.size(), features_each_));
    if (negative.image.has_picture()) IPA_TRY(need_encoder(models));
  }
  if (negatives_.size() > pictures())
    return Status::option("negativeImagePrompts", std::to_string(negatives_.size()) + " for image prompts of " +
                                                      std::to_string(pictures()) +
                                                      " pictures of that adapter: leave some out");
  return {};
}

size_t BranchEncoder::pictures() const {
  return branch_->combine == Combine::concat ? branch_->images.size() : 1;
}

Status BranchEncoder::plan_projection(const ModelSet& models) {
  const ImageProjectionConfig& p = adapter_->projection;
  const int64_t halves = guided_ ? 2 : 1, rows = halves * static_cast<int64_t>(pictures());
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
  IPA_ASSIGN(program_, Program::plan(std::move(graph), models.backend(Part::unet)));
  tokens_ = program_->shape(made_).rows_per_item() * rows / halves;
  return {};
}

void BranchEncoder::count(MemoryCount& memory) const {
  if (encoder_) encoder_->count(memory);
  memory.passing(*program_);
}

Result<std::vector<float>> BranchEncoder::features_of(const Call& call, const ImagePrompt& image) {
  if (!image.embeds.empty()) return image.embeds;
  // A face alone.
  if (!image.has_picture() && !image.face.empty())
    return Status::option("imagePrompts", "this " + std::string(adapter_variant_name(adapter_->variant)) +
                                              " adapter takes a picture: add image or embeds");
  return encoder_->encode(call, image);
}

// Of no picture, or of the negative ones in turn.
Status BranchEncoder::gather_negative(const Call& call, std::vector<float>& features) {
  std::vector<float> nothing(features_each_, 0.0f);
  if (features_each_ && adapter_->projection.kind != ProjectionKind::base) {
    IPA_ASSIGN(nothing, encoder_->encode_nothing(call));
  }
  for (size_t i = 0; i < pictures(); ++i) {
    const ImagePrompt* negative = negatives_.empty() ? nullptr : negatives_[i % negatives_.size()];
    if (!negative || (!negative->has_picture() && negative->embeds.empty())) {
      append(features, nothing);
      continue;
    }
    IPA_ASSIGN(std::vector<float> own, features_of(call, *negative));
    for (float& value : own) value *= negative->weight;
    append(features, own);
  }
  return {};
}

// Those of the negative half first.
Result<BranchEncoder::Inputs> BranchEncoder::gather(const Call& call) {
  Inputs inputs;
  std::vector<float> faces, weights;
  std::vector<std::vector<float>> features;
  for (const ImagePrompt& image : branch_->images) {
    if (reads_faces(adapter_->variant)) append(faces, image.face);
    if (!reads_pictures(adapter_->variant)) continue;
    IPA_ASSIGN(std::vector<float> own, features_of(call, image));
    features.push_back(std::move(own));
    weights.push_back(image.weight);
  }
  if (guided_) {
    inputs.faces.assign(faces.size(), 0.0f);
    IPA_TRY(gather_negative(call, inputs.features));
  }
  if (!features.empty()) {
    IPA_ASSIGN(features, combine_features(std::move(features), weights, branch_->combine));
  }
  for (const std::vector<float>& own : features) append(inputs.features, own);
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
