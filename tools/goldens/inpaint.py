"""Fooocus' inpainting: a small head and patch for models/sdxl in the published layout, and what diffusers' inpainting pipeline for SDXL makes with the patch
added to its UNet by hand and the head behind its first convolution.

    python tools/goldens/inpaint.py

Writes test/golden/inpaint/: head.pth, patch.fooocus.patch and patch-f16.pt (the same, written otherwise), latents.safetensors and index.json. Needs the models
that make.py writes.

No file of Fooocus' can be opened here. The layout is what the programs that read them do with them: the head is a state_dict of one tensor `head`
(320, 5, 3, 3); the patch is a dictionary of a tensor's original name to (uint8, least, largest).
"""
import re

import diffusers
import numpy
import torch
from PIL import Image, ImageFilter
from safetensors.torch import save_file

import unets
from pipelines import NEGATIVE, PROMPT
from schedulers import build
from single_files import unet_names
from source_pictures import make_mask, open_picture
from store import ROOT, VERSIONS, write_json

FOLDER = ROOT / "inpaint"
STEPS, GUIDANCE, SEED, SIDE = 6, 5.0, 7, 64
# A mask that is on no boundary of latents, so that the two rules for it differ.
CASES = [
    dict(scheduler="euler"),
    dict(scheduler="euler_a", strength=0.8, fill="blur"),
    dict(scheduler="ddim", strength=0.6, fill="neutral", guidance=1.0),
    dict(scheduler="euler", weight=0.5, strength=1.0),
    dict(scheduler="euler", weight=0.0, strength=0.7),
    dict(scheduler="heun", strength=0.5, fill="blur", adapter=True),
    dict(scheduler="euler", strength=0.7, fill="blur", plain=True),
    dict(scheduler="euler", strength=0.7, fill="neutral", plain=True),
]


def original(unet):
    return {name.removeprefix("model."): value for name, value in unet_names(unet).items()}


def make_head(width, generator):
    head = torch.randn(width, 5, 3, 3, generator=generator) * 0.2
    torch.save({"head": head}, FOLDER / "head.pth")
    return head


def make_patch(unet, generator):
    """Of some tensors of every kind, biases among them; all of them would make a large file."""
    patch, kinds = {}, {}
    for name, value in original(unet).items():
        kind = re.sub(r"\d+", "N", name.replace("diffusion_model.", ""))
        kind = re.sub(r"^(?:input|output|middle)_blocks?", "block", kind)
        kinds[kind] = kinds.get(kind, -1) + 1
        if kinds[kind] not in (0, 9):
            continue
        size = 0.4 * value.std().item() if value.numel() > 1 else 0.1
        patch[name] = (torch.randint(0, 256, value.shape, generator=generator, dtype=torch.uint8), torch.tensor(-1.1 * size), torch.tensor(0.9 * size))
    torch.save(patch, FOLDER / "patch.fooocus.patch")
    return patch


def make_other_forms(patch):
    """Lists of numbers of one element in f16, in the older form of files, under a state_dict: what the bounds become is what they then mean."""
    few = dict(list(patch.items())[:6])
    torch.save({"state_dict": {name: [w, low.half().reshape(1), high.half().reshape(1)] for name, (w, low, high) in few.items()}}, FOLDER / "patch-f16.pt",
               _use_new_zipfile_serialization=False)
    return {name: (w, low.half().float(), high.half().float()) for name, (w, low, high) in few.items()}


def merged(unet, patch, weight):
    """The UNet's state with the patch: W + weight * (w / 255 * (largest - least) + least)."""
    state, names = unet.state_dict(), {}
    by_storage = {value.data_ptr(): name for name, value in state.items()}
    for name, value in original(unet).items():
        names[name] = by_storage[value.data_ptr()]
    for name, (w, low, high) in patch.items():
        own = names[name]
        state[own] = state[own] + weight * (w.float() / 255.0 * (high - low) + low)
    return state


def blurred(picture, mask):
    """What Fooocus puts under a mask: box blurs of ever smaller radius, the picture's own pixels put back after each."""
    own, kept = numpy.array(picture), numpy.array(mask) < 128
    current = own.copy()
    for radius in (64, 32, 16, 4, 2):
        for _ in range(4):
            current = numpy.array(Image.fromarray(current).filter(ImageFilter.BoxBlur(radius)))
            current[kept] = own[kept]
    return current


def filled(picture, mask, fill):
    values = torch.from_numpy(blurred(picture, mask) if fill == "blur" else numpy.array(picture)).permute(2, 0, 1)[None].float() / 255
    if fill == "neutral":
        values = torch.where(torch.from_numpy(numpy.array(mask))[None, None] >= 128, torch.tensor(0.5), values)
    return values


def pipeline():
    extra = {"add_watermarker": False}
    parts = diffusers.StableDiffusionXLPipeline.from_pretrained(ROOT / "models/sdxl", torch_dtype=torch.float32, local_files_only=True, **extra).components
    pipe = diffusers.StableDiffusionXLInpaintPipeline(**parts, **extra)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def add_head(pipe, head, mask):
    """Behind conv_in, from the masked picture's latents that the pipeline draws and the mask by the largest of each latent's pixels."""
    scale = pipe.vae_scale_factor
    white = (torch.from_numpy(numpy.array(mask))[None, None].float() / 255).round()
    pooled = torch.nn.functional.max_pool2d(white, (scale, scale)).round()
    drawn = []
    prepare = pipe.prepare_mask_latents

    def prepare_and_keep(*args, **kwargs):
        result = prepare(*args, **kwargs)
        drawn.append(result[1][:1])
        return result

    def hook(_module, _inputs, output):
        feed = torch.nn.functional.pad(torch.cat([pooled, drawn[0]], 1), (1, 1, 1, 1), "replicate")
        return output + torch.nn.functional.conv2d(feed, head)

    pipe.prepare_mask_latents = prepare_and_keep
    pipe.unet.conv_in.register_forward_hook(hook)


def sample(head, patch, scheduler, strength=None, fill="original", guidance=GUIDANCE, weight=1.0, adapter=False, plain=False, size=(SIDE, SIDE)):
    """`plain`: without Fooocus' files, for the fill alone."""
    pipe = pipeline()
    mask = Image.open(ROOT / "images/mask-64.png").convert("L").resize(size)
    picture = open_picture("square-64").convert("RGB").resize(size, Image.LANCZOS)
    if not plain:
        pipe.unet.load_state_dict(merged(pipe.unet, patch, weight))
        add_head(pipe, head, mask)
    if adapter:
        pipe.load_ip_adapter(str(ROOT / "models/sdxl"), subfolder="adapters", weight_name="base.safetensors", image_encoder_folder=None, local_files_only=True)
        unets.set_scales(pipe.unet, [0.8])
    pipe.scheduler, timesteps = build(scheduler, pipe.scheduler.config, STEPS, "")
    call = {"ip_adapter_image": open_picture("square-64")} if adapter else {}
    if strength is not None:
        call["strength"] = strength
    return pipe(prompt=PROMPT, negative_prompt=NEGATIVE, image=filled(picture, mask, fill), mask_image=mask, width=size[0], height=size[1], guidance_scale=guidance,
                generator=torch.Generator().manual_seed(SEED), output_type="latent", **call, **timesteps).images[0]


def main():
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    generator = torch.Generator().manual_seed(2600)
    unet = pipeline().unet
    head, patch = make_head(unet.config.block_out_channels[0], generator), make_patch(unet, generator)
    other = make_other_forms(patch)
    cases = [*CASES, dict(scheduler="euler", patch="patch-f16.pt")]
    tensors = {}
    for index, case in enumerate(cases):
        used = {key: value for key, value in case.items() if key != "patch"}
        tensors[str(index)] = sample(head, other if "patch" in case else patch, **used).contiguous()
        for before in range(index):
            if torch.allclose(tensors[str(index)], tensors[str(before)], atol=1e-2):
                raise ValueError(f"cases {before} and {index} give the same picture: something has no effect")
    save_file(tensors, FOLDER / "latents.safetensors")
    versions = {key: VERSIONS[key] for key in ("torch", "diffusers")}
    write_json(FOLDER / "index.json", dict(versions=versions, prompt=PROMPT, negative=NEGATIVE, steps=STEPS, guidance=GUIDANCE, seed=SEED, cases=cases))


if __name__ == "__main__":
    with torch.no_grad():
        main()
