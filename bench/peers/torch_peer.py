"""usage: MODEL TYPE THREADS [whole]. Prints METRIC VALUE lines of PyTorch + diffusers + transformers, channels_last; see ../peers.mjs."""
import resource
import sys

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionConfig, CLIPVisionModelWithProjection

from measuring import best, load

model, kind, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
whole = sys.argv[4:] == ["whole"]
dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[kind]
torch.set_num_threads(threads)


def picture():
    pipe = StableDiffusionPipeline(
        vae=vae,
        text_encoder=encoder,
        tokenizer=CLIPTokenizer.from_pretrained(model, subfolder="tokenizer", local_files_only=True),
        unet=unet,
        scheduler=DDIMScheduler.from_pretrained(model, subfolder="scheduler", local_files_only=True),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe("a photo of a cat", negative_prompt="", num_inference_steps=20, guidance_scale=7.5, height=512, width=512, output_type="np")


with torch.no_grad():
    unet, vae, encoder = load(UNet2DConditionModel, model, "unet", dtype), load(AutoencoderKL, model, "vae", dtype), load(CLIPTextModel, model, "text_encoder", dtype)
    latents = torch.randn(2, 4, 64, 64, dtype=dtype).to(memory_format=torch.channels_last)
    text = torch.randn(2, 77, 768, dtype=dtype)
    ids = torch.randint(0, 49408, (2, 77))
    print(f"guided_step_s {best(lambda: unet(latents, torch.tensor(500.0), text), 4):.3f}")
    print(f"vae_decode_s {best(lambda: vae.decode(latents[:1]), 2):.3f}")
    print(f"text_encoder_s {best(lambda: encoder(ids), 4):.3f}")
    if whole:
        print(f"image_20_steps_s {best(picture, 1):.3f}")
    print(f"peak_mb {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.3f}")
    # ViT-H, the image encoder of most adapters, which no plain model has: random weights, after memory was looked at.
    del unet, vae, encoder
    config = CLIPVisionConfig(
        hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16, image_size=224, patch_size=14, projection_dim=1024, hidden_act="gelu"
    )
    vision = CLIPVisionModelWithProjection(config).eval().to(dtype=dtype, memory_format=torch.channels_last)
    pixels = torch.randn(1, 3, 224, 224, dtype=dtype)
    print(f"image_encoder_s {best(lambda: vision(pixels), 4):.3f}")
