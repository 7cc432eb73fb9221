"""Writes SDXL at full size with random weights (seeded, f16, diffusers layout), a base adapter and a ControlNet, for bench/xl.mjs and
bench/controls.mjs.

usage: make_sdxl.py OUT [--seed N]
About 10 GB; takes a few minutes and 17 GB of memory. open_clip_torch must be installed: it carries the CLIP vocabulary.
"""
import argparse
import gc
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from make_models import TEXT, VAE, make_control, save_network, weights, write_json, write_tokenizer

UNET = dict(sample_size=128, layers_per_block=2, block_out_channels=(320, 640, 1280), cross_attention_dim=2048, attention_head_dim=(5, 10, 20),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), transformer_layers_per_block=(1, 2, 10),
            use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816)
TEXT_2 = dict(vocab_size=49408, hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20, max_position_embeddings=77,
              hidden_act="gelu", projection_dim=1280, bos_token_id=49406, eos_token_id=49407, pad_token_id=1)
SCHEDULER = dict(_class_name="EulerDiscreteScheduler", beta_end=0.012, beta_schedule="scaled_linear", beta_start=0.00085, num_train_timesteps=1000,
                 prediction_type="epsilon", steps_offset=1, timestep_spacing="leading", use_karras_sigmas=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1234)
    options = parser.parse_args()
    out = options.out
    generator = torch.Generator().manual_seed(options.seed + 1)
    torch.manual_seed(options.seed)
    for tokenizer in ("tokenizer", "tokenizer_2"):
        write_tokenizer(out / tokenizer)
    write_json(out / "scheduler" / "scheduler_config.json", SCHEDULER)
    save_network(weights.perturb(CLIPTextModel(CLIPTextConfig(**TEXT)), generator), out / "text_encoder")
    save_network(weights.perturb(CLIPTextModelWithProjection(CLIPTextConfig(**TEXT_2)), generator), out / "text_encoder_2")
    vae = {**VAE, "sample_size": 1024, "scaling_factor": 0.13025, "force_upcast": True}
    save_network(weights.perturb(AutoencoderKL(**vae), generator), out / "vae")
    gc.collect()
    unet = weights.perturb(UNet2DConditionModel(**UNET), generator)
    base = weights.base_projection(generator, embed=1024, cross=2048)
    save_file(weights.adapter_file(base, weights.adapter_attention(generator, unet)), out / "ip-adapter.safetensors")
    save_network(make_control(unet, generator), out / "controlnet")
    gc.collect()
    save_network(unet, out / "unet")
    write_json(out / "model_index.json", {
        "_class_name": "StableDiffusionXLPipeline", "_diffusers_version": "0.42.1", "force_zeros_for_empty_prompt": True,
        "scheduler": ["diffusers", "EulerDiscreteScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]})
    print("wrote", out)


if __name__ == "__main__":
    main()
