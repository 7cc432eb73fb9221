"""Noise between two seeds, and a second pass over an enlarged picture: what diffusers makes of both, for test/second-pass.test.ts.

    python tools/goldens/second_pass.py

Writes test/golden/second-pass.safetensors and .json. Needs the models that make.py writes.
"""
import diffusers
import torch
from PIL import Image
from safetensors.torch import save_file

from pipelines import NEGATIVE, PROMPT
from schedulers import build
from store import ROOT, VERSIONS, write_json

STEPS, GUIDANCE, SEED = 6, 5.0, 7
VARIATIONS = [dict(seed=9, strength=0.25), dict(seed=10, strength=1.0)]
PASSES = [dict(model="sd15", scheduler="euler", scale=2, strength=0.6), dict(model="sd15", scheduler="dpm++2m_sde", scale=1.6, strength=0.5),
          dict(model="sdxl", scheduler="euler_a", scale=1.5, strength=0.7)]


def open_pipeline(model):
    kind = diffusers.StableDiffusionXLPipeline if model == "sdxl" else diffusers.StableDiffusionPipeline
    extra = {"add_watermarker": False} if model == "sdxl" else {"safety_checker": None}
    pipe = kind.from_pretrained(ROOT / "models" / model, torch_dtype=torch.float32, local_files_only=True, **extra)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def turned(share, low, high):
    """AUTOMATIC1111's spherical interpolation (its modules/rng.py), written anew: angles between columns of a channel."""
    unit = lambda noise: noise / noise.norm(dim=1, keepdim=True)
    omega = torch.acos((unit(low) * unit(high)).sum(1)).unsqueeze(1)
    return (torch.sin((1 - share) * omega) * low + torch.sin(share * omega) * high) / torch.sin(omega)


def vary(seed, strength):
    pipe = open_pipeline("sd15")
    pipe.scheduler, timesteps = build("ddim", pipe.scheduler.config, STEPS, "")
    low, high = (torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(number)) for number in (SEED, seed))
    return pipe(prompt=PROMPT, negative_prompt=NEGATIVE, guidance_scale=GUIDANCE, width=64, height=64, latents=turned(strength, low, high)[None],
                output_type="latent", **timesteps).images[0]


def twice(model, scheduler, scale, strength):
    pipe = open_pipeline(model)
    pipe.scheduler, timesteps = build(scheduler, pipe.scheduler.config, STEPS, "")
    call = dict(prompt=PROMPT, negative_prompt=NEGATIVE, guidance_scale=GUIDANCE, **timesteps)
    first = pipe(width=64, height=64, generator=torch.Generator().manual_seed(SEED), output_type="pil", **call).images[0]
    kind = diffusers.StableDiffusionXLImg2ImgPipeline if model == "sdxl" else diffusers.StableDiffusionImg2ImgPipeline
    second = kind(**pipe.components, **({"add_watermarker": False} if model == "sdxl" else {"requires_safety_checker": False}))
    second.set_progress_bar_config(disable=True)
    second.scheduler, timesteps = build(scheduler, pipe.scheduler.config, STEPS, "")
    side = int(64 * scale) // pipe.vae_scale_factor * pipe.vae_scale_factor
    return second(image=first.resize((side, side), Image.LANCZOS), strength=strength, generator=torch.Generator().manual_seed(SEED), output_type="latent", **call).images[0]


def main():
    torch.set_num_threads(1)
    tensors = {f"variation.{i}": vary(**case) for i, case in enumerate(VARIATIONS)}
    tensors |= {f"pass.{i}": twice(**case) for i, case in enumerate(PASSES)}
    file = ROOT / "second-pass.safetensors"
    save_file({key: value.contiguous() for key, value in tensors.items()}, file)
    file.chmod(0o644)
    versions = {key: VERSIONS[key] for key in ("torch", "diffusers")}
    write_json(ROOT / "second-pass.json", dict(versions=versions, prompt=PROMPT, negative=NEGATIVE, seed=SEED, steps=STEPS, guidance=GUIDANCE,
                                               variations=VARIATIONS, passes=PASSES))


if __name__ == "__main__":
    with torch.no_grad():
        main()
