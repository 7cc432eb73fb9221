// Image encoders in one file: configured by their tensors, in the names of transformers and of OpenCLIP.
#include <map>

#include "golden_case.h"
#include "harness.h"
#include "models/clip_vision.h"
#include "pipeline/load/components.h"
#include "weights/describe/image_encoder_file.h"
#include "weights/describe/inspect.h"

namespace {

using ipa::Activation;
using ipa::ClipVisionConfig;
using ipa::Json;
using ipa::Value;
using ipa_test::channels_last;
using ipa_test::ErrorReport;
using ipa_test::GoldenFolder;
using ipa_test::NetworkRun;
using ipa_test::relative_error;
using ipa_test::Tensor;

void check_file(const std::string& name) {
  const GoldenFolder folder("vision-file");
  const auto encoder = ipa::find_image_encoder(folder.path(name));
  CHECK_OK(encoder.status());
  if (!encoder.ok()) return;
  const ClipVisionConfig& c = encoder.value().config;
  CHECK_OK(c.check(name));
  ErrorReport report(name, 1e-4);
  for (const Json* entry : folder.cases("image_encoder")) {
    const Tensor pixels = channels_last(folder.input(*entry, "pixel_values"));
    const int64_t n = pixels.size(0);
    std::vector<int32_t> rows;
    for (int64_t i = 0; i < n; ++i) rows.push_back(static_cast<int32_t>(i * c.tokens()));
    NetworkRun run("the image encoder");
    const Value input = run.input({n, c.image_size, c.image_size, 3}, pixels.values);
    const auto outputs = ipa::ClipVision(c).build(run.graph(), input, run.ids({n, 1, 1, 1}, rows));
    if (!run.run(encoder.value().open(*run.graph().params()), {outputs.penultimate, outputs.embedding})) return;
    const std::string title = entry->find("name")->string();
    report.add(title + " image_embeds",
               relative_error(run.result(outputs.embedding), folder.output(*entry, "image_embeds").values));
    report.add(title + " penultimate",
               relative_error(run.result(outputs.penultimate), folder.output(*entry, "penultimate").values));
  }
}

// Names and shapes alone.
class Shapes : public ipa::TensorSource {
 public:
  void add(const std::string& name, std::vector<int64_t> shape) {
    infos_.push_back({name, ipa::DType::f16, std::move(shape), 0});
  }
  const std::vector<ipa::TensorInfo>& tensors() const override { return infos_; }
  const ipa::TensorInfo* find(std::string_view name) const override {
    for (const ipa::TensorInfo& info : infos_)
      if (info.name == name) return &info;
    return nullptr;
  }
  ipa::Status read(const ipa::TensorInfo&, ipa::DType, void*) const override { return {}; }
  const std::string& path() const override { return path_; }

 private:
  std::vector<ipa::TensorInfo> infos_;
  std::string path_ = "clip_vision.safetensors";
};

struct Published {
  int64_t width, layers, inner, patch, side, projection, heads;
  Activation activation;
};

Shapes shapes_of(const Published& size, bool open_clip) {
  Shapes shapes;
  const int64_t positions = (size.side / size.patch) * (size.side / size.patch) + 1;
  const std::string tower = open_clip ? "visual." : "vision_model.";
  const std::string block = tower + (open_clip ? "transformer.resblocks." : "encoder.layers.");
  shapes.add(tower + (open_clip ? "class_embedding" : "embeddings.class_embedding"), {size.width});
  shapes.add(tower + (open_clip ? "conv1.weight" : "embeddings.patch_embedding.weight"),
             {size.width, 3, size.patch, size.patch});
  shapes.add(tower + (open_clip ? "positional_embedding" : "embeddings.position_embedding.weight"),
             {positions, size.width});
  shapes.add(tower + (open_clip ? "ln_pre.weight" : "pre_layrnorm.weight"), {size.width});
  for (int64_t i = 0; i < size.layers; ++i) {
    shapes.add(block + std::to_string(i) + (open_clip ? ".ln_1.weight" : ".layer_norm1.weight"), {size.width});
    shapes.add(block + std::to_string(i) + (open_clip ? ".mlp.c_fc.weight" : ".mlp.fc1.weight"),
               {size.inner, size.width});
  }
  if (open_clip)
    shapes.add("visual.proj", {size.width, size.projection});
  else
    shapes.add("visual_projection.weight", {size.projection, size.width});
  return shapes;
}

}  // namespace

TEST(weights_image_encoder_file_matches_transformers) {
  for (const char* name : {"clip_vision.safetensors", "open_clip.safetensors"}) {
    check_file(name);
    const auto inspection = ipa::inspect(GoldenFolder("vision-file").path(name));
    CHECK(inspection.ok() && inspection.value().kind == "image_encoder");
  }
}

// As their config.json files say: openai/clip-vit-large-patch14 (and -336), LAION's ViT-H and bigG, and ViT-B.
TEST_ONCE(weights_image_encoder_file_of_published_sizes) {
  for (const Published& size : {Published{1024, 24, 4096, 14, 224, 768, 16, Activation::quick_gelu},
                                {1024, 24, 4096, 14, 336, 768, 16, Activation::quick_gelu},
                                {1280, 32, 5120, 14, 224, 1024, 16, Activation::gelu},
                                {1664, 48, 8192, 14, 224, 1280, 16, Activation::gelu},
                                {768, 12, 3072, 32, 224, 512, 12, Activation::quick_gelu}})
    for (bool open_clip : {false, true}) {
      const auto config = ipa::image_encoder_config(shapes_of(size, open_clip));
      CHECK_OK(config.status());
      if (!config.ok()) continue;
      const ClipVisionConfig& found = config.value();
      CHECK_EQ(found.stack.hidden_size, size.width);
      CHECK_EQ(found.stack.layers, size.layers);
      CHECK_EQ(found.stack.intermediate_size, size.inner);
      CHECK_EQ(found.patch_size, size.patch);
      CHECK_EQ(found.image_size, size.side);
      CHECK_EQ(found.projection_size, size.projection);
      CHECK_EQ(found.stack.heads, size.heads);
      CHECK(found.stack.activation == size.activation);
      CHECK_OK(found.check("clip_vision.safetensors"));
    }
}

TEST_ONCE(weights_image_encoder_file_says_what_is_wrong) {
  const auto refused = [](const Shapes& shapes, ipa::Code code, const char* says) {
    const ipa::Status status = ipa::image_encoder_config(shapes).status();
    CHECK(status.code() == code && status.message().find(says) != std::string::npos);
  };
  const Published size{128, 2, 256, 14, 56, 48, 2, Activation::gelu};
  Shapes other;
  other.add("conv_in.weight", {4, 4, 3, 3});
  refused(other, ipa::Code::mismatch, "no image encoder");
  Shapes odd = shapes_of(size, false);
  const_cast<ipa::TensorInfo*>(odd.find("vision_model.embeddings.position_embedding.weight"))->shape[0] = 16;
  refused(odd, ipa::Code::shape, "16 positions");
  Shapes bare = shapes_of(size, false);
  const_cast<ipa::TensorInfo*>(bare.find("visual_projection.weight"))->name = "other";
  refused(bare, ipa::Code::missing_tensor, "visual_projection.weight");
}
