#include "pipeline/condition/image_tokens.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "graph/program.h"
#include "pipeline/condition/image_features.h"

namespace ipa {
namespace {

// What goes into the projection, for all pictures of both halves.
struct Inputs {
  std::vector<float> features, faces;
  int64_t rows = 0;    // pictures, of both halves
  int64_t states = 0;  // hidden states a picture
};

void append(std::vector<float>& to, const std::vector<float>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

Status check_face(const Adapter& adapter, const ImagePrompt& image) {
  const auto size = static_cast<size_t>(adapter.projection.face_size);
  if (image.face.size() == size) return {};
  return Status(image.face.empty() ? Code::invalid_option : Code::mismatch,
                "imagePrompts: this " + std::string(adapter_variant_name(adapter.variant)) +
                    " adapter takes face embeddings of " + std::to_string(size) + " numbers (InsightFace's), " +
                    "received " + std::to_string(image.face.size()));
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

Result<Inputs> gather(const Call& call, const Adapter& adapter, const ImageBranch& branch, bool guided) {
  Inputs inputs;
  std::vector<float> features, faces;
  size_t each = 0;
  for (const ImagePrompt& image : branch.images) {
    if (reads_faces(adapter.variant)) {
      IPA_TRY(check_face(adapter, image));
      append(faces, image.face);
    }
    if (!reads_pictures(adapter.variant)) continue;
    std::vector<float> own = image.embeds;
    if (own.empty()) {
      // A face alone.
      if (image.rgb.empty() && !image.face.empty() && !call.workspace.dry())
        return Status(Code::invalid_option, "imagePrompts: this " +
                                                std::string(adapter_variant_name(adapter.variant)) +
                                                " adapter takes a picture: add image or embeds");
      IPA_ASSIGN(own, encode_image(call, adapter, image));
    }
    IPA_TRY(check_size(adapter, own.size(), each));
    each = own.size();
    append(features, own);
  }
  const auto images = static_cast<int64_t>(branch.images.size());
  if (guided) {
    inputs.faces.assign(faces.size(), 0.0f);
    if (each) {
      IPA_ASSIGN(const std::vector<float> none, negative_features(call, adapter, each));
      for (int64_t i = 0; i < images; ++i) append(inputs.features, none);
    }
  }
  append(inputs.features, features);
  append(inputs.faces, faces);
  inputs.rows = (guided ? 2 : 1) * images;
  inputs.states = each ? static_cast<int64_t>(each) / adapter.projection.embed_size : 0;
  if (adapter.variant == AdapterVariant::faceid_portrait_unnorm) {
    // To its Resampler a face is the one hidden state of a picture.
    inputs.features.swap(inputs.faces);
    inputs.states = 1;
  }
  return inputs;
}

}  // namespace

Result<BranchTokens> branch_tokens(const Call& call, Adapter& adapter, const ImageBranch& branch, bool guided) {
  if (branch.images.empty())
    return Status(Code::invalid_option, "imagePrompts: an adapter needs at least one picture or embeds");
  IPA_ASSIGN(const Inputs inputs, gather(call, adapter, branch, guided));
  const ImageProjectionConfig& p = adapter.projection;
  Graph graph(&adapter.params);
  Value features, faces;
  if (inputs.states) features = graph.input(tokens_shape(inputs.rows, inputs.states, p.feature_size()));
  if (!inputs.faces.empty()) faces = graph.input(tokens_shape(inputs.rows, 1, p.face_size));
  const ImageTokens made = build_image_projection(graph, p, features, faces);
  graph.output(made.tokens);
  if (made.faces.valid()) graph.output(made.faces);
  IPA_ASSIGN(const std::unique_ptr<Program> program,
             Program::make(std::move(graph), call.models.backend(), {}, &call.workspace));
  IPA_TRY(program->prepare());

  const Shape shape = program->shape(made.tokens);
  BranchTokens result;
  result.tokens = shape.rows_per_item() * inputs.rows / (guided ? 2 : 1);
  result.values.resize(static_cast<size_t>(shape.elements()));
  if (call.workspace.dry()) return result;
  if (features.valid()) std::copy(inputs.features.begin(), inputs.features.end(), program->floats(features));
  if (faces.valid()) std::copy(inputs.faces.begin(), inputs.faces.end(), program->floats(faces));
  IPA_TRY(program->run(call.cancel));
  const float* tokens = program->floats(made.tokens);
  std::copy(tokens, tokens + result.values.size(), result.values.begin());
  if (made.faces.valid()) {
    const float* plain = program->floats(made.faces);
    for (size_t i = 0; i < result.values.size(); ++i)
      result.values[i] = plain[i] + branch.structure_scale * result.values[i];
  }
  return result;
}

}  // namespace ipa
