"""A picture larger than a tile that diffusers makes with the shipped model, for test/tiles.test.ts: decoded whole, and how far
its own tiled decoding (AutoencoderKL.enable_tiling) is from that.

    python tools/goldens/tiles.py

Writes test/golden/tiles.safetensors and tiles.json. Run it again when models/ changes.
"""
import json
from pathlib import Path

import diffusers
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[2]
CALL = dict(prompt="a red apple on a table", seed=3, width=384, height=320, steps=8, guidance=4.0)
TILE = 256


def rounded(image):
    return ((image[0] / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()


def psnr(a, b):
    return float(10 * torch.log10(255**2 / (a.double() - b.double()).square().mean()))


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    pipe = StableDiffusionPipeline.from_pretrained(ROOT / "models/mini", torch_dtype=torch.float32, safety_checker=None, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    latents = pipe(prompt=CALL["prompt"], width=CALL["width"], height=CALL["height"], num_inference_steps=CALL["steps"],
                   guidance_scale=CALL["guidance"], generator=torch.Generator().manual_seed(CALL["seed"]), output_type="latent").images
    vae = pipe.vae
    scaled = latents / vae.config.scaling_factor
    whole = rounded(vae.decode(scaled).sample)
    vae.tile_sample_min_size, vae.tile_latent_min_size = TILE, TILE // 8
    vae.enable_tiling()
    tiled = rounded(vae.decode(scaled).sample)
    save_file({"latents": latents[0].contiguous(), "image": whole}, ROOT / "test/golden/tiles.safetensors")
    index = dict(versions=dict(torch=torch.__version__.split("+")[0], diffusers=diffusers.__version__), **CALL, tile=TILE,
                 diffusers_tiled_psnr=round(psnr(whole, tiled), 2))
    (ROOT / "test/golden/tiles.json").write_text(json.dumps(index, indent=1) + "\n")
    print(index)


if __name__ == "__main__":
    main()
