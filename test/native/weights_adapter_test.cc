// The released IP-Adapter variants by their published shapes (tencent-ailab/IP-Adapter),
// and what can be wrong with one.
#include "weights/describe/adapter_file.h"

#include <algorithm>
#include <functional>

#include "safetensors_build.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/names/adapter_names.h"

using ipa::AdapterVariant;
using ipa::Code;
using ipa_test::NamedShapes;

namespace {

// Widths of the cross-attention layers in processor order, divided by `by` to keep files small.
std::vector<int64_t> sd15_widths(int64_t by) {
  std::vector<int64_t> widths;
  for (const int64_t width :
       {320, 320, 640, 640, 1280, 1280, 1280, 1280, 1280, 640, 640, 640, 320, 320, 320, 1280}) {
    widths.push_back(width / by);
  }
  return widths;
}
std::vector<int64_t> sdxl_widths(int64_t by) {
  std::vector<int64_t> widths(4, 640 / by);
  widths.insert(widths.end(), 50, 1280 / by);
  widths.insert(widths.end(), 6, 640 / by);
  widths.insert(widths.end(), 10, 1280 / by);
  return widths;
}

NamedShapes layers(const std::vector<int64_t>& widths, int64_t cross,
                   const std::string& prefix = "ip_adapter.") {
  NamedShapes shapes;
  for (size_t i = 0; i < widths.size(); ++i) {
    for (const char* part : {".to_k_ip.weight", ".to_v_ip.weight"}) {
      shapes.push_back({prefix + std::to_string(2 * i + 1) + part, {widths[i], cross}});
    }
  }
  return shapes;
}

NamedShapes base(int64_t cross, int64_t embed, int64_t tokens = 4) {
  return {{"image_proj.norm.bias", {cross}},
          {"image_proj.norm.weight", {cross}},
          {"image_proj.proj.bias", {tokens * cross}},
          {"image_proj.proj.weight", {tokens * cross, embed}}};
}
NamedShapes full(int64_t cross, int64_t embed) {
  return {{"image_proj.proj.0.bias", {embed}}, {"image_proj.proj.0.weight", {embed, embed}},
          {"image_proj.proj.2.bias", {cross}}, {"image_proj.proj.2.weight", {cross, embed}},
          {"image_proj.proj.3.bias", {cross}}, {"image_proj.proj.3.weight", {cross}}};
}
NamedShapes plus(int64_t cross, int64_t embed, int64_t dim, int64_t inner, int depth = 4) {
  NamedShapes shapes = {{"image_proj.latents", {1, 16, dim}},  {"image_proj.proj_in.weight", {dim, embed}},
                        {"image_proj.proj_in.bias", {dim}},    {"image_proj.proj_out.weight", {cross, dim}},
                        {"image_proj.proj_out.bias", {cross}}, {"image_proj.norm_out.weight", {cross}},
                        {"image_proj.norm_out.bias", {cross}}};
  for (int l = 0; l < depth; ++l) {
    const std::string layer = "image_proj.layers." + std::to_string(l) + ".";
    for (const char* norm : {"0.norm1", "0.norm2", "1.0"}) {
      shapes.push_back({layer + norm + ".weight", {dim}});
      shapes.push_back({layer + norm + ".bias", {dim}});
    }
    shapes.push_back({layer + "0.to_q.weight", {inner, dim}});
    shapes.push_back({layer + "0.to_kv.weight", {2 * inner, dim}});
    shapes.push_back({layer + "0.to_out.weight", {dim, inner}});
    shapes.push_back({layer + "1.1.weight", {4 * dim, dim}});
    shapes.push_back({layer + "1.3.weight", {dim, 4 * dim}});
  }
  return shapes;
}
NamedShapes face(int64_t cross, int64_t tokens) {
  return {{"image_proj.proj.0.weight", {1024, 512}},
          {"image_proj.proj.0.bias", {1024}},
          {"image_proj.proj.2.weight", {tokens * cross, 1024}},
          {"image_proj.proj.2.bias", {tokens * cross}},
          {"image_proj.norm.weight", {cross}},
          {"image_proj.norm.bias", {cross}}};
}
// In both attention layers of `blocks` blocks.
NamedShapes lora(size_t blocks) {
  NamedShapes shapes;
  for (size_t n = 0; n < 2 * blocks; ++n)
    for (const char* projection : {"to_q", "to_k", "to_v", "to_out"}) {
      const std::string name = "ip_adapter." + std::to_string(n) + "." + projection + "_lora.";
      shapes.push_back({name + "down.weight", {8, 4}});
      shapes.push_back({name + "up.weight", {4, 8}});
    }
  return shapes;
}
NamedShapes face_plus(int64_t cross, int64_t embed) {
  NamedShapes shapes = face(cross, 4);
  for (auto [name, shape] : plus(cross, embed, cross, 64, 2)) {
    if (name == "image_proj.latents") continue;
    shapes.push_back({"image_proj.perceiver_resampler." + name.substr(11), shape});
  }
  return shapes;
}
NamedShapes operator+(NamedShapes a, const NamedShapes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

ipa::Result<ipa::AdapterDescription> describe(const NamedShapes& shapes) {
  auto source = ipa::open_safetensors_bytes(ipa_test::zeros_safetensors(shapes), "adapter");
  if (!source.ok()) return source.status();
  auto renamed = ipa::with_adapter_names(source.take());
  if (!renamed.ok()) return renamed.status();
  return ipa::describe_adapter(*renamed.value());
}

ipa::AdapterDescription described(const NamedShapes& shapes) {
  auto description = describe(shapes);
  CHECK_OK(description.status());
  return description.ok() ? description.take() : ipa::AdapterDescription();
}

}  // namespace

TEST_ONCE(weights_adapter_base_variants) {
  struct Row {
    int64_t cross, embed;
    const char *encoder, *family;
  };
  const Row rows[] = {
      {768, 1024, "ViT-H/14 (1024)", "sd1"},      {768, 1280, "ViT-bigG/14 (1280)", "sd1"},
      {2048, 1280, "ViT-bigG/14 (1280)", "sdxl"}, {2048, 1024, "ViT-H/14 (1024)", "sdxl"},
      {1024, 768, "ViT-L/14 (768)", "sd2"},       {192, 256, "image embeddings of size 256", "custom"}};
  for (const Row& row : rows) {
    const bool xl = row.cross == 2048;
    const auto d =
        described(base(row.cross, row.embed) + layers(xl ? sdxl_widths(40) : sd15_widths(40), row.cross));
    CHECK(d.variant == AdapterVariant::base);
    CHECK_EQ(d.tokens, 4);
    CHECK_EQ(d.embed_size, row.embed);
    CHECK_EQ(d.cross_size, row.cross);
    CHECK_EQ(d.cross_layers, xl ? 70 : 16);
    CHECK_EQ(d.indices.front(), 1);
    CHECK_EQ(d.indices.back(), xl ? 139 : 31);
    CHECK_EQ(d.encoder, row.encoder);
    CHECK_EQ(d.family, row.family);
  }
  const auto d = described(base(768, 1024) + layers(sd15_widths(40), 768));
  CHECK(d.hidden_sizes.size() == 16 && d.hidden_sizes[15] == 32);
  CHECK_EQ(described(base(64, 32, 7) + layers({8, 8}, 64)).tokens, 7);
}

TEST_ONCE(weights_adapter_plus_and_full) {
  auto d = described(plus(768, 1280, 768, 768) + layers(sd15_widths(40), 768));
  CHECK(d.variant == AdapterVariant::plus);
  CHECK(d.tokens == 16 && d.embed_size == 1280 && d.cross_size == 768);
  CHECK(d.resampler.dim == 768 && d.resampler.heads == 12 && d.resampler.depth == 4 && d.resampler.ff == 3072);
  CHECK(d.encoder.find("ViT-H/14") == 0);
  d = described(plus(2048, 1280, 1280, 1280) + layers(sdxl_widths(40), 2048));
  CHECK(d.variant == AdapterVariant::plus && d.family == "sdxl");
  CHECK(d.resampler.dim == 1280 && d.resampler.heads == 20 && d.cross_size == 2048);
  d = described(full(768, 1280) + layers(sd15_widths(40), 768));
  CHECK(d.variant == AdapterVariant::full && d.tokens == 257 && d.embed_size == 1280);
  CHECK(d.encoder.find("ViT-H/14") == 0);
  CHECK_EQ(described(full(64, 32) + layers({8}, 64)).tokens, 0);  // as many as an unknown encoder has
}

TEST_ONCE(weights_adapter_face_variants_are_recognised) {
  const NamedShapes sd15 = layers(sd15_widths(40), 768);
  auto d = described(face(768, 4) + sd15 + lora(16));
  CHECK(d.variant == AdapterVariant::faceid && d.tokens == 4 && d.face_size == 512 && d.embed_size == 0 &&
        d.lora);
  CHECK(!ipa::reads_pictures(d.variant) && ipa::reads_faces(d.variant));
  d = described(face(768, 16) + sd15);
  CHECK(d.variant == AdapterVariant::faceid_portrait && d.tokens == 16 && !d.lora);
  d = described(face_plus(768, 1280) + sd15 + lora(16));
  CHECK(d.variant == AdapterVariant::faceid_plus && d.tokens == 4 && d.face_size == 512 &&
        d.embed_size == 1280);
  CHECK(ipa::reads_pictures(d.variant) && d.encoder.find("ViT-H/14") != std::string::npos);
  d = described(plus(2048, 512, 1280, 1280) + layers(sdxl_widths(40), 2048));
  CHECK(d.variant == AdapterVariant::faceid_portrait_unnorm && d.tokens == 16 && d.face_size == 512);
  CHECK_EQ(std::string(ipa::adapter_variant_name(d.variant)), "faceid_portrait_unnorm");
}

TEST_ONCE(weights_adapter_third_party_prefix) {
  const auto d = described(base(64, 32) + layers({8, 8}, 64, "adapter_modules."));
  CHECK(d.variant == AdapterVariant::base && d.cross_layers == 2);
  CHECK(describe(base(64, 32) + layers({8}, 64) + layers({8}, 64, "adapter_modules.")).status().code() ==
        Code::duplicate);
}

// A checkpoint of the training scripts: the whole module that was trained, the frozen UNet in it.
// Its tensors are stored once, as the UNet's processors.
TEST_ONCE(weights_adapter_training_checkpoint) {
  NamedShapes shapes = {{"unet.conv_in.weight", {8, 4, 3, 3}},
                        {"unet.down_blocks.0.attentions.0.norm.weight", {8}}};
  for (const auto& [name, shape] : base(64, 32))
    shapes.push_back({"image_proj_model." + name.substr(11), shape});
  // In the UNet's order of execution the middle comes before the way up, in an adapter's numbering last.
  const std::pair<const char*, int64_t> blocks[] = {{"down_blocks.0.attentions.0.transformer_blocks.0", 8},
                                                    {"down_blocks.0.attentions.0.transformer_blocks.1", 16},
                                                    {"down_blocks.1.attentions.0.transformer_blocks.0", 24},
                                                    {"mid_block.attentions.0.transformer_blocks.0", 32},
                                                    {"up_blocks.1.attentions.0.transformer_blocks.0", 40},
                                                    {"up_blocks.1.attentions.10.transformer_blocks.0", 56},
                                                    {"up_blocks.1.attentions.2.transformer_blocks.0", 48}};
  NamedShapes processors;
  for (const auto& [block, width] : blocks) {
    shapes.push_back({std::string("unet.") + block + ".attn2.to_k.weight", {width, 64}});
    for (const char* part : {"to_k_ip", "to_v_ip"})
      processors.push_back(
          {std::string("unet.") + block + ".attn2.processor." + part + ".weight", {width, 64}});
  }
  const std::vector<int> widths = {8, 16, 24, 40, 48, 56, 32};
  const auto d = described(shapes + processors);
  CHECK(d.variant == AdapterVariant::base && d.tokens == 4 && d.embed_size == 32);
  CHECK(d.hidden_sizes == widths);
  // With the list of modules as well, as torch.save writes them.
  const std::vector<int64_t> wide(widths.begin(), widths.end());
  CHECK(described(shapes + processors + layers(wide, 64, "adapter_modules.")).hidden_sizes == widths);
  CHECK(described(shapes + layers(wide, 64, "adapter_modules.")).hidden_sizes == widths);
}

TEST_ONCE(weights_adapter_must_be_complete) {
  // Dropping any single tensor must be noticed, and named unless the rest looks like another variant.
  for (const NamedShapes& good :
       {base(64, 32) + layers({8, 8, 8}, 64), full(64, 32) + layers({8, 8, 8}, 64),
        plus(64, 32, 48, 128, 3) + layers({8, 8, 8}, 64), face(64, 4) + layers({8, 8}, 64) + lora(2),
        face_plus(64, 32) + layers({8, 8}, 64) + lora(2)}) {
    CHECK(describe(good).ok());
    for (size_t drop = 0; drop < good.size(); ++drop) {
      NamedShapes bad = good;
      bad.erase(bad.begin() + static_cast<std::ptrdiff_t>(drop));
      const ipa::Status status = describe(bad).status();
      const bool expected = status.code() == Code::missing_tensor || status.code() == Code::unsupported;
      if (!expected || status.message().find("\"adapter\"") == std::string::npos) {
        ipa_test::fail(
            __FILE__, __LINE__,
            good[drop].first + " dropped: " + ipa::error_name(status.code()) + " " + status.message());
      }
    }
    // Nor may any size differ.
    for (size_t change = 0; change < good.size(); ++change) {
      for (size_t axis = 0; axis < good[change].second.size(); ++axis) {
        NamedShapes bad = good;
        bad[change].second[axis] += 1;
        const ipa::Result<ipa::AdapterDescription> result = describe(bad);
        // Free sizes, which nothing else depends on.
        const std::string& name = bad[change].first;
        const bool free = (name == "image_proj.proj.weight" || name == "image_proj.proj_in.weight" ||
                           name == "image_proj.proj.0.weight" || name == "image_proj.latents" ||
                           name == "image_proj.perceiver_resampler.proj_in.weight") &&
                          axis == 1;
        // Whether a LoRA fits the UNet shows when it is added to it.
        if (name.find("_lora.") != std::string::npos) continue;
        if (free ? !result.ok() : result.status().code() != Code::shape) {
          ipa_test::fail(
              __FILE__, __LINE__,
              name + " changed: " + ipa::error_name(result.status().code()) + " " + result.status().message());
        }
      }
    }
  }
}

TEST_ONCE(weights_adapter_refuses_others) {
  const auto code = [](const NamedShapes& shapes) { return describe(shapes).status().code(); };
  CHECK(code({{"conv_in.weight", {4}}}) == Code::mismatch);
  CHECK(code(base(64, 32)) == Code::mismatch);
  CHECK(code(layers({8}, 64)) == Code::mismatch);
  // A transformer model's adapter counts 0, 1, 2.
  CHECK(code(base(64, 32) +
             NamedShapes{{"ip_adapter.0.to_k_ip.weight", {8, 64}}, {"ip_adapter.0.to_v_ip.weight", {8, 64}}} +
             layers({8}, 64)) == Code::mismatch);
  CHECK(code(base(64, 32) + NamedShapes{{"ip_adapter.3.to_k_ip.weight", {8, 64}},
                                        {"ip_adapter.3.to_v_ip.weight", {8, 64}}}) == Code::missing_tensor);
  for (const char* name :
       {"ip_adapter.1.norm.weight", "ip_adapter.x.to_k_ip.weight", "ip_adapter.01.to_k_ip.weight",
        "ip_adapter.999999999999.to_k_ip.weight", "ip_adapter.1.to_k_ip.bias", "ip_adapter.1", "ip_adapter.",
        "image_proj.extra", "image_proj.pos_emb.weight"}) {
    if (code(base(64, 32) + layers({8}, 64) + NamedShapes{{name, {8, 64}}}) != Code::unsupported)
      ipa_test::fail(__FILE__, __LINE__, name);
  }
  CHECK(code(base(64, 32) + layers({8}, 64) + lora(1)) == Code::unsupported);
  CHECK(code(NamedShapes{{"image_proj.unknown", {8}}} + layers({8}, 64)) == Code::unsupported);
  CHECK(code(plus(64, 32, 48, 100) + layers({8}, 64)) == Code::shape);  // no multiple of 64
  const ipa::Status gap =
      describe([] {
        NamedShapes shapes = plus(64, 32, 48, 64, 4) + layers({8}, 64);
        shapes.erase(
            std::remove_if(shapes.begin(), shapes.end(),
                           [](const auto& s) { return s.first.find("layers.2.") != std::string::npos; }),
            shapes.end());
        return shapes;
      }())
          .status();
  CHECK(gap.code() == Code::missing_tensor && gap.message().find("layers.3.") != std::string::npos);
}

TEST_ONCE(weights_adapter_files) {
  const std::string folder = ipa_test::scratch_folder();
  const std::string path =
      ipa_test::write_bytes(folder + "/adapter.safetensors",
                            ipa_test::zeros_safetensors(base(64, 32) + layers({8, 8}, 64, "adapter_modules.")));
  const auto file = ipa::open_adapter(path);
  CHECK_OK(file.status());
  if (file.ok()) {
    CHECK(file.value().description.cross_layers == 2);
    CHECK(ipa_test::values_of(*file.value().weights, "ip_adapter.3.to_v_ip.weight").size() == 8 * 64);
    CHECK_EQ(file.value().weights->path(), path);
  }
  // By content, not by name.
  const std::string bin = ipa_test::write_text(
      folder + "/adapter.bin", std::string("PK\x03\x04\x14\x00\x08\x08\x00\x00", 10) + std::string(100, 'x'));
  const ipa::Status status = ipa::open_adapter(bin).status();
  CHECK(status.code() == Code::truncated);
  CHECK(status.message().find("zip archive") != std::string::npos &&
        status.message().find("adapter.bin") != std::string::npos);
  CHECK(ipa::open_adapter(folder + "/none.safetensors").status().code() == Code::not_found);
}
