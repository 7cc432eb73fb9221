// Stable Diffusion 1.5 and SDXL in their own sizes, as configurations of diffusers and transformers.
const clip = { vocab_size: 49408, max_position_embeddings: 77, bos_token_id: 49406, eos_token_id: 49407 };
const text1 = {
  ...clip,
  ...{ hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, num_attention_heads: 12 },
  ...{ hidden_act: "quick_gelu", projection_dim: 768, pad_token_id: 49407 },
};
const text2 = {
  ...clip,
  ...{ hidden_size: 1280, intermediate_size: 5120, num_hidden_layers: 32, num_attention_heads: 20 },
  ...{ hidden_act: "gelu", projection_dim: 1280, pad_token_id: 1 },
};
const unet = { in_channels: 4, out_channels: 4, layers_per_block: 2 };
const vae = {
  ...{ block_out_channels: [128, 256, 512, 512], layers_per_block: 2, latent_channels: 4 },
  down_block_types: Array(4).fill("DownEncoderBlock2D"),
  up_block_types: Array(4).fill("UpDecoderBlock2D"),
};
const scheduler = {
  ...{ num_train_timesteps: 1000, beta_start: 0.00085, beta_end: 0.012, beta_schedule: "scaled_linear" },
  steps_offset: 1,
};
const network = (library, name, config) => ({ library, name, config: { _class_name: name, ...config } });

/** By model: what its folder holds, and what it is asked for. `embed`: floats of an image embedding that the adapter takes. */
export const MODELS = {
  sd15: {
    ...{ pipeline: "StableDiffusionPipeline", side: 512, embed: 1024, steps: 8 },
    unet: {
      ...unet,
      ...{
        sample_size: 64,
        block_out_channels: [320, 640, 1280, 1280],
        cross_attention_dim: 768,
        attention_head_dim: 8,
      },
      down_block_types: [...Array(3).fill("CrossAttnDownBlock2D"), "DownBlock2D"],
      up_block_types: ["UpBlock2D", ...Array(3).fill("CrossAttnUpBlock2D")],
    },
    vae: { ...vae, sample_size: 512, scaling_factor: 0.18215 },
    texts: { text_encoder: network("transformers", "CLIPTextModel", text1) },
    scheduler: { _class_name: "DDIMScheduler", clip_sample: false, set_alpha_to_one: false, ...scheduler },
    index: {},
  },
  sdxl: {
    ...{ pipeline: "StableDiffusionXLPipeline", side: 1024, embed: 1024, steps: 6 },
    unet: {
      ...unet,
      ...{ sample_size: 128, block_out_channels: [320, 640, 1280], cross_attention_dim: 2048 },
      ...{ attention_head_dim: [5, 10, 20], transformer_layers_per_block: [1, 2, 10], use_linear_projection: true },
      ...{ addition_embed_type: "text_time", addition_time_embed_dim: 256 },
      projection_class_embeddings_input_dim: 2816,
      down_block_types: ["DownBlock2D", ...Array(2).fill("CrossAttnDownBlock2D")],
      up_block_types: [...Array(2).fill("CrossAttnUpBlock2D"), "UpBlock2D"],
    },
    vae: { ...vae, sample_size: 1024, scaling_factor: 0.13025, force_upcast: true },
    texts: {
      text_encoder: network("transformers", "CLIPTextModel", text1),
      text_encoder_2: network("transformers", "CLIPTextModelWithProjection", text2),
    },
    scheduler: { _class_name: "EulerDiscreteScheduler", timestep_spacing: "leading", ...scheduler },
    index: { force_zeros_for_empty_prompt: true },
  },
};
