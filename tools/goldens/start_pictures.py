"""Pictures to begin with: what the image-to-image and inpainting pipelines of diffusers make of the small models, for test/start-pictures.test.ts.

    python tools/goldens/start_pictures.py

Writes test/golden/start-pictures.safetensors and .json, and the UNet of a latent consistency model in models/start-pictures. Needs the models that
make.py writes.
"""
import diffusers
import torch
from safetensors.torch import save_file

import pictures
import random_weights
import unets
from pipelines import GAINS, NEGATIVE, PROMPT
from schedulers import CLASSES, build
from source_pictures import SMALL, make_mask, open_picture
from store import ROOT, VERSIONS, Folder, write_json

STEPS, GUIDANCE, SEED = 8, 5.0, 7
ETAS = {"tcd": 0.3, "ddim": 0.4}
IMAGE = {
    "sd15": diffusers.StableDiffusionImg2ImgPipeline, "sd2": diffusers.StableDiffusionImg2ImgPipeline,
    "sdxl": diffusers.StableDiffusionXLImg2ImgPipeline, "lcm": diffusers.LatentConsistencyModelImg2ImgPipeline,
}
INPAINT = {"sd15": diffusers.StableDiffusionInpaintPipeline, "sd2": diffusers.StableDiffusionInpaintPipeline,
           "sdxl": diffusers.StableDiffusionXLInpaintPipeline}

IMAGE_CASES = [
    *(dict(model="sd15", scheduler=name, strength=0.6) for name in CLASSES),
    *(dict(model="sd15", scheduler=name, strength=1.0) for name in ("ddim", "euler")),
    *(dict(model="sd15", scheduler=name, strength=0.3) for name in ("pndm", "lms", "dpm++2m", "unipc")),
    dict(model="sd15", scheduler="heun", strength=0.5),
    dict(model="sd15", scheduler="euler", sigmas="karras", strength=0.7),
    dict(model="sd15", scheduler="ddim", guidance=1.0),
    dict(model="sd15", scheduler="euler_a", picture="wide-150x100", own_size=True),
    dict(model="sd15", scheduler="euler_a", adapter="base"),
    dict(model="sd15", scheduler="ddim", tiny=True, strength=0.7),
    dict(model="sd2", scheduler="ddim", strength=0.7),
    dict(model="sd2", scheduler="dpm2_a", strength=0.4),
    dict(model="sdxl", scheduler="euler", crops=True, steps=10),
    dict(model="sdxl", scheduler="heun", strength=0.5),
    dict(model="sdxl", scheduler="euler_a", strength=0.7, adapter="base"),
    dict(model="sdxl", scheduler="euler", denoising_start=0.6),
    dict(model="sdxl", scheduler="ddim", strength=0.8, denoising_end=0.7),
    dict(model="lcm", scheduler="lcm", steps=4),
    dict(model="lcm", scheduler="lcm", steps=4, strength=0.45),
]
INPAINT_CASES = [
    *(dict(model="sd15", scheduler=name, strength=0.75) for name in CLASSES),
    *(dict(model="sd15", scheduler=name) for name in ("ddim", "euler_a", "dpm2_a")),
    dict(model="sd15", scheduler="heun", strength=0.5),
    dict(model="sd15", scheduler="euler_a", guidance=1.0, strength=0.9),
    dict(model="sd15", scheduler="dpm++2m_sde", adapter="base", strength=0.8),
    dict(model="sd15", scheduler="euler_a", tiny=True, strength=0.7),
    dict(model="sd2", scheduler="euler_a", strength=0.7),
    dict(model="sdxl", scheduler="euler_a", steps=6),
    dict(model="sdxl", scheduler="heun", strength=0.5, crops=True),
    dict(model="sdxl", scheduler="euler_a", denoising_start=0.5),
    dict(model="sd15-inpaint", scheduler="euler_a", strength=0.6),
    dict(model="sd15-inpaint", scheduler="heun", strength=0.5),
    dict(model="sd15-inpaint", scheduler="dpm++2m_sde"),
    dict(model="sdxl-inpaint", scheduler="euler_a", steps=6),
    dict(model="sdxl-inpaint", scheduler="ddim", strength=0.7),
]


def make_lcm():
    folder = Folder("start-pictures")
    generator = torch.Generator().manual_seed(77)
    unet = diffusers.UNet2DConditionModel(**SMALL, time_cond_proj_dim=16)
    return folder.save_network(random_weights.randomize(unet, generator, **GAINS), "lcm")


def parts_of(model, lcm, tiny):
    """The components of a model, with another UNet or VAE where the case has it."""
    base = {"lcm": "sd15"}.get(model, model.split("-")[0])
    xl = base == "sdxl"
    kind = diffusers.StableDiffusionXLPipeline if xl else diffusers.StableDiffusionPipeline
    extra = {"add_watermarker": False} if xl else {"safety_checker": None}
    pipe = kind.from_pretrained(ROOT / "models" / base, torch_dtype=torch.float32, local_files_only=True, feature_extractor=pictures.processor(64), **extra)
    parts = dict(pipe.components)
    if model == "lcm":
        parts["unet"] = lcm
    elif model.endswith("inpaint"):
        parts["unet"] = diffusers.UNet2DConditionModel.from_pretrained(ROOT / "models/source-pictures", subfolder=model, torch_dtype=torch.float32).eval()
    if tiny:
        parts["vae"] = diffusers.AutoencoderTiny.from_pretrained(ROOT / "models/source-pictures/taesd", torch_dtype=torch.float32).eval()
    return base, parts | ({"add_watermarker": False} if xl else {"requires_safety_checker": False})


def sample(lcm, model, scheduler, mask=None, strength=None, sigmas="", steps=STEPS, guidance=GUIDANCE, picture="square-64", own_size=False, adapter=None,
           tiny=False, crops=False, denoising_start=None, denoising_end=None):
    base, parts = parts_of(model, lcm, tiny)
    kind = (IMAGE if mask is None else INPAINT)["lcm" if model == "lcm" else base]
    if model == "lcm":
        parts.pop("image_encoder")
    pipe = kind(**parts) if model != "lcm" else kind(**parts, image_encoder=None)
    pipe.set_progress_bar_config(disable=True)
    if adapter:
        pipe.load_ip_adapter(str(ROOT / "models" / base), subfolder="adapters", weight_name=f"{adapter}.safetensors", image_encoder_folder=None, local_files_only=True)
        unets.set_scales(pipe.unet, [0.8])
    source = open_picture(picture)
    call = dict(prompt=PROMPT, image=source, guidance_scale=guidance)
    if model != "lcm":
        call |= dict(negative_prompt=NEGATIVE, eta=ETAS.get(scheduler, 0.0))
        pipe.scheduler, timesteps = build(scheduler, pipe.scheduler.config, steps, sigmas)
    else:
        pipe.scheduler, timesteps = CLASSES[scheduler].from_config(pipe.scheduler.config), {"num_inference_steps": steps}
    if strength is not None:
        call["strength"] = strength
    if mask is not None:
        call |= dict(mask_image=mask, width=64, height=64)
    if adapter:
        call["ip_adapter_image"] = open_picture("square-64")
    if crops:
        call |= dict(crops_coords_top_left=(8, 16), negative_crops_coords_top_left=(24, 4), negative_original_size=(64, 64), negative_target_size=(64, 64))
    if denoising_start:
        call["denoising_start"] = denoising_start
    if denoising_end:
        call["denoising_end"] = denoising_end
    generator = torch.Generator().manual_seed(SEED)
    if scheduler == "dpm++_sde":
        side = 64 // pipe.vae_scale_factor
        pipe.scheduler.generator, pipe.scheduler.shape = generator, (1, 4, side, side)
    return pipe(generator=generator, output_type="latent", **call, **timesteps).images[0]


def main():
    torch.set_num_threads(1)
    lcm = make_lcm()
    mask = make_mask(64, 64)
    mask.save(ROOT / "images/mask-64.png")
    cases, tensors = [], {}
    for group, mask_image in ((IMAGE_CASES, None), (INPAINT_CASES, mask)):
        for case in group:
            tensors[str(len(cases))] = sample(lcm, mask=mask_image, **case).contiguous()
            cases.append(dict(mask=mask_image is not None, **case))
    file = ROOT / "start-pictures.safetensors"
    save_file(tensors, file)
    file.chmod(0o644)
    versions = {key: VERSIONS[key] for key in ("torch", "diffusers")}
    write_json(ROOT / "start-pictures.json", dict(versions=versions, prompt=PROMPT, negative=NEGATIVE, steps=STEPS, guidance=GUIDANCE, seed=SEED,
                                                  etas=ETAS, cases=cases))


if __name__ == "__main__":
    with torch.no_grad():
        main()
