// The original checkpoints' names of a UNet's layers;
// each pair is what diffusers' own converter (convert_ldm_unet_checkpoint) makes of the original name.
#include <string>
#include <utility>

#include "harness.h"
#include "safetensors_build.h"
#include "weights/formats/safetensors/safetensors.h"
#include "weights/names/ldm_names.h"

namespace {

using ipa::LdmUNetNames;

// Two layers per block; the first up block has no attention, the second has.
const char* const header =
    R"({"down_blocks.0.resnets.1.conv1.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
    R"("up_blocks.1.attentions.0.proj_in.weight":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})";

TEST_ONCE(weights_ldm_names_are_those_that_diffusers_converts) {
  std::vector<uint8_t> bytes(8, 0);
  const std::string text = header;
  bytes[0] = static_cast<uint8_t>(text.size() & 255);
  bytes[1] = static_cast<uint8_t>(text.size() >> 8);
  bytes.insert(bytes.end(), text.begin(), text.end());
  bytes.insert(bytes.end(), 8, 0);
  const auto source = ipa::open_safetensors_bytes(std::move(bytes), "two tensors");
  CHECK_OK(source.status());
  if (!source.ok()) return;
  const LdmUNetNames names = LdmUNetNames::of_tensors(*source.value());
  const std::pair<const char*, const char*> pairs[] = {
      {"time_embedding.linear_1", "time_embed.0"},
      {"time_embedding.linear_2", "time_embed.2"},
      {"conv_in", "input_blocks.0.0"},
      {"conv_norm_out", "out.0"},
      {"conv_out", "out.2"},
      {"down_blocks.0.resnets.0.norm1", "input_blocks.1.0.in_layers.0"},
      {"down_blocks.0.resnets.0.conv1", "input_blocks.1.0.in_layers.2"},
      {"down_blocks.0.resnets.0.time_emb_proj", "input_blocks.1.0.emb_layers.1"},
      {"down_blocks.0.resnets.0.norm2", "input_blocks.1.0.out_layers.0"},
      {"down_blocks.0.resnets.1.conv2", "input_blocks.2.0.out_layers.3"},
      {"down_blocks.0.attentions.1.proj_in", "input_blocks.2.1.proj_in"},
      {"down_blocks.0.downsamplers.0.conv", "input_blocks.3.0.op"},
      {"down_blocks.1.resnets.0.conv_shortcut", "input_blocks.4.0.skip_connection"},
      {"down_blocks.3.resnets.1.conv1", "input_blocks.11.0.in_layers.2"},
      {"mid_block.resnets.0.conv1", "middle_block.0.in_layers.2"},
      {"mid_block.attentions.0.proj_out", "middle_block.1.proj_out"},
      {"mid_block.resnets.1.conv1", "middle_block.2.in_layers.2"},
      {"up_blocks.0.resnets.0.conv1", "output_blocks.0.0.in_layers.2"},
      {"up_blocks.0.upsamplers.0.conv", "output_blocks.2.1.conv"},
      {"up_blocks.1.upsamplers.0.conv", "output_blocks.5.2.conv"},
      {"up_blocks.1.attentions.2.transformer_blocks.0.attn2.to_k",
       "output_blocks.5.1.transformer_blocks.0.attn2.to_k"},
      {"up_blocks.3.resnets.2.conv1", "output_blocks.11.0.in_layers.2"},
  };
  for (const auto& [ours, theirs] : pairs) CHECK_EQ(names.of(ours), std::string(theirs));
  for (const char* none :
       {"", "down_blocks", "down_blocks.0", "down_blocks.x.resnets.0.conv1", "up_blocks.0.resnets.",
        "down_blocks.9999.resnets.0.conv1", "mid_block.resnets.0.conv9", "text_model.x"})
    CHECK_EQ(names.of(none), std::string());
}

}  // namespace
