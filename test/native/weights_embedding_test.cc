// Which of a textual inversion's tensors are its rows.
#include "weights/changes/embedding_file.h"

#include <string>
#include <vector>

#include "harness.h"
#include "safetensors_build.h"
#include "weights/formats/safetensors/safetensors.h"

namespace {

using ipa::Code;
using ipa_test::NamedShapes;

ipa::Result<ipa::EmbeddingFile> made(const NamedShapes& tensors) {
  return ipa::read_embedding(ipa::open_safetensors_bytes(ipa_test::zeros_safetensors(tensors), "made").take());
}

std::string name_of(const ipa::TensorInfo* rows) { return rows ? rows->name : ""; }

TEST_ONCE(weights_embedding_rows_of_each_tool) {
  struct {
    NamedShapes tensors;
    const char *any, *first, *second;
    uint64_t ignored;
  } const files[] = {
      // diffusers, AUTOMATIC1111, its oldest form, kohya's tools for SDXL
      {{{"<cat>", {3, 8}}}, "<cat>", "", "", 0},
      {{{"emb_params", {3, 8}}}, "emb_params", "", "", 0},
      {{{"string_to_token.*", {}}, {"string_to_param.*", {3, 8}}}, "string_to_param.*", "", "", 0},
      {{{"clip_g", {2, 8}}, {"clip_l", {2, 4}}}, "", "clip_l", "clip_g", 0},
      // Replicate's cog, OneTrainer, Stable Diffusion 3's
      {{{"text_encoders_0", {2, 4}}, {"text_encoders_1", {2, 8}}}, "", "text_encoders_0", "text_encoders_1", 0},
      {{{"clip_l", {2, 4}}, {"clip_l_out", {2, 4}}}, "", "clip_l", "", 1},
      {{{"emb_params", {2, 4}}, {"emb_params_out", {2, 4}}}, "emb_params", "", "", 1},
      {{{"clip_l", {2, 4}}, {"clip_g", {2, 8}}, {"t5", {2, 16}}}, "", "clip_l", "clip_g", 1},
  };
  for (const auto& file : files) {
    const auto read = made(file.tensors);
    CHECK_OK(read.status());
    if (!read.ok()) continue;
    CHECK_EQ(name_of(read.value().any), std::string(file.any));
    CHECK_EQ(name_of(read.value().first), std::string(file.first));
    CHECK_EQ(name_of(read.value().second), std::string(file.second));
    CHECK_EQ(read.value().ignored.count, file.ignored);
    CHECK(ipa::has_embedding_names(*read.value().weights));
  }
}

TEST_ONCE(weights_embedding_files_that_are_refused) {
  CHECK_EQ(made({{"a", {2, 8}}, {"b", {2, 8}}}).status().code(), Code::mismatch);
  CHECK_EQ(made({{"string_to_param.a", {2, 8}}, {"string_to_param.b", {2, 8}}}).status().code(),
           Code::mismatch);
  CHECK_EQ(made({{"clip_g_out", {2, 8}}}).status().code(), Code::unsupported);
  CHECK_EQ(made({{"<a>", {129, 1}}}).status().code(), Code::limit);
  CHECK_EQ(made({{"<a>", {2, 2, 2}}}).status().code(), Code::shape);
}

TEST_ONCE(weights_embedding_in_a_parameter_dict_as_torch_reads_it) {
  auto file = ipa::open_embedding(ipa_test::golden_folder() + "/../cases/inversion-parameterdict.pt");
  auto golden = ipa::open_safetensors(ipa_test::golden_folder() + "/lora-names.safetensors");
  CHECK_OK(file.status());
  CHECK_OK(golden.status());
  if (!file.ok() || !golden.ok() || !file.value().any) return;
  const ipa::TensorInfo* theirs = golden.value()->find("parameterdict");
  CHECK(theirs && theirs->shape == file.value().any->shape);
  if (!theirs) return;
  std::vector<float> a(static_cast<size_t>(theirs->elements())), b = a;
  CHECK_OK(file.value().weights->read_f32(*file.value().any, a.data()));
  CHECK_OK(golden.value()->read_f32(*theirs, b.data()));
  CHECK(a == b);
}

}  // namespace
