"""One call of diffusers' Stable Diffusion pipeline in f32 on the CPU, written to a file: the reference of parity.mjs.

usage: reference.py MODEL OUT.safetensors [--adapter FILE (--embeds-seed N | --picture WxH)] [--scale S] [--decode] [--control S]
                    [--prompt P] [--negative N] [--steps N] [--guidance G] [--seed S] [--width W] [--height H]
OUT holds latents f32 (1, 4, h, w) after the last step; with --decode image u8 (H, W, 3); with --embeds-seed the drawn image
embeddings f32 (1, d). --picture draws a picture of that size, gives it to the adapter and leaves it beside OUT as OUT.png.
--control reads the model's controlnet/ and counts it S times; its picture is OUT.control.png.
"""
import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "goldens"))

import torch  # noqa: E402
from diffusers import ControlNetModel, DDIMScheduler, StableDiffusionControlNetPipeline, StableDiffusionPipeline  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

import pictures  # noqa: E402

PICTURE_SEED, PICTURE_GRAIN = 7, 40
CONTROL_SEED = 8


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--adapter", type=Path)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--embeds-seed", type=int)
    source.add_argument("--picture", metavar="WxH")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--decode", action="store_true")
    parser.add_argument("--prompt", default="a photo of a cat")
    parser.add_argument("--negative", default="")
    for name, value in (("steps", 4), ("seed", 42), ("width", 512), ("height", 512)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--guidance", type=float, default=7.5)
    parser.add_argument("--control", type=float, metavar="S")
    options = parser.parse_args()
    if (options.adapter is None) != (options.embeds_seed is None and options.picture is None):
        parser.error("--adapter goes with --embeds-seed or --picture")
    return options


def image_prompt(pipe, options, results):
    """Loads the adapter and returns the pipeline's arguments for its image prompt."""
    pipe.load_ip_adapter(str(options.adapter.resolve().parent), subfolder="", weight_name=options.adapter.name, image_encoder_folder=None,
                         local_files_only=True)
    pipe.set_ip_adapter_scale(options.scale)
    if options.picture:
        width, height = map(int, options.picture.split("x"))
        image = Image.fromarray(pictures.picture(width, height, PICTURE_SEED, PICTURE_GRAIN))
        image.save(f"{options.out}.png")
        return {"ip_adapter_image": image}
    size = pipe.unet.encoder_hid_proj.image_projection_layers[0].image_embeds.in_features
    embeds = torch.randn(1, size, generator=torch.Generator().manual_seed(options.embeds_seed))
    results["embeds"] = embeds
    halves = [torch.zeros_like(embeds), embeds] if options.guidance > 1 else [embeds]
    return {"ip_adapter_image_embeds": [torch.stack(halves)]}


def load(options):
    """The pipeline, and what its call takes for the control."""
    common = dict(torch_dtype=torch.float32, safety_checker=None, local_files_only=True)
    if options.control is None:
        return StableDiffusionPipeline.from_pretrained(options.model, **common), {}
    control = ControlNetModel.from_pretrained(options.model / "controlnet", torch_dtype=torch.float32, local_files_only=True)
    image = Image.fromarray(pictures.picture(options.width, options.height, CONTROL_SEED, PICTURE_GRAIN))
    image.save(f"{options.out}.control.png")
    extra = dict(image=image, controlnet_conditioning_scale=options.control)
    return StableDiffusionControlNetPipeline.from_pretrained(options.model, controlnet=control, **common), extra


@torch.no_grad()
def main():
    options = read_options()
    pipe, control = load(options)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    if pipe.image_encoder is not None:
        pipe.feature_extractor = pictures.processor(pipe.image_encoder.config.image_size)
    results = {}
    extra = image_prompt(pipe, options, results) if options.adapter else {}
    latents = pipe(prompt=options.prompt, negative_prompt=options.negative, num_inference_steps=options.steps, guidance_scale=options.guidance,
                   width=options.width, height=options.height, output_type="latent",
                   generator=torch.Generator().manual_seed(options.seed), **extra, **control).images
    results["latents"] = latents
    if options.decode:
        decoded = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample[0].permute(1, 2, 0)
        results["image"] = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    unfinished = options.out.with_name(options.out.name + ".part")
    save_file({name: value.contiguous() for name, value in results.items()}, unfinished)
    unfinished.replace(options.out)


if __name__ == "__main__":
    main()
