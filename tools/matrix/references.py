"""What diffusers makes of a model: latents after the last step, and the picture they decode to."""
import inspect

import diffusers
import torch
from PIL import Image

import hand_over
import models
import pictures
import source_pictures
from pipelines import NEGATIVE, PROMPT
from schedulers import CLASSES

WIDTH, HEIGHT, SEED = 96, 64, 7
CALL = dict(scheduler="ddim", steps=4, guidance=5.0)


def our_options(call):
    """The same call as options of generate()."""
    return dict(CALL, prompt=PROMPT, negativePrompt=NEGATIVE, promptSyntax="plain", seed=SEED, width=WIDTH, height=HEIGHT) | call


def open_pipeline(model, **parts):
    """From the model's folder, in f32; `parts` take the place of its own."""
    kind, extra = ((diffusers.StableDiffusionXLPipeline, dict(add_watermarker=False)) if model.xl else (diffusers.StableDiffusionPipeline, dict(safety_checker=None)))
    pipe = kind.from_pretrained(model.path, torch_dtype=torch.float32, local_files_only=True, feature_extractor=pictures.processor(64), **extra, **parts)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def set_scheduler(pipe, scheduler, sigmas=None):
    changes = {None: {}, "sgm_uniform": models.TRAILING}[sigmas]
    pipe.scheduler = CLASSES[scheduler].from_config(pipe.scheduler.config, **changes)


def decode(vae, latents):
    """The picture, u8 (height, width, 3)."""
    sample = vae.decode(latents / vae.config.scaling_factor).sample[0]
    picture = ((sample.permute(1, 2, 0) / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    if picture.float().std() < 10:
        raise ValueError("the reference picture is nearly empty, it would compare nothing")
    return picture


def run(pipe, call, negative=NEGATIVE, **inputs):
    call = CALL | call
    set_scheduler(pipe, call["scheduler"], call.get("sigmas"))
    places = {"timesteps": call["timesteps"]} if "timesteps" in call else {"num_inference_steps": call["steps"]}
    latents = pipe(prompt=PROMPT, negative_prompt=negative, guidance_scale=call["guidance"], eta=call.get("eta", 0.0), width=WIDTH, height=HEIGHT,
                   output_type="latent", generator=torch.Generator().manual_seed(SEED), **places, **inputs).images
    return {"latents": latents, "image": decode(pipe.vae, latents)}


def run_changed(model, call, picture, mask=None):
    """Inpainting (with a mask) and instruct models: what they make of a picture."""
    kind = source_pictures.PIPELINES[f"{'sdxl' if model.xl else 'sd15'}-{'inpaint' if mask else 'instruct'}"]
    parts = open_pipeline(model, image_encoder=None).components
    pipe = kind(**{key: value for key, value in parts.items() if key in inspect.signature(kind).parameters}, **({} if model.xl else {"requires_safety_checker": False}))
    pipe.set_progress_bar_config(disable=True)
    call = CALL | call
    set_scheduler(pipe, call["scheduler"])
    source = Image.open(picture).convert("RGB")
    more = dict(mask_image=Image.open(mask), strength=1.0) if mask else dict(image_guidance_scale=1.5)
    if mask or model.xl:
        more |= dict(width=WIDTH, height=HEIGHT)
    else:
        source = source.resize((WIDTH, HEIGHT), Image.LANCZOS)  # this pipeline takes no size
    latents = pipe(prompt=PROMPT, negative_prompt=NEGATIVE, image=source, num_inference_steps=call["steps"], guidance_scale=call["guidance"], output_type="latent",
                   generator=torch.Generator().manual_seed(SEED), **more).images
    return {"latents": latents, "image": decode(pipe.vae, latents)}


def run_refined(call, share):
    """SDXL's base to a share of the schedule, and from there the refiner."""
    base = open_pipeline(models.model("sdxl"), image_encoder=None)
    refiner = hand_over.open_refiner(base, models.refiner().parts["unet"])
    call = CALL | call
    prompts = dict(prompt=PROMPT, negative_prompt=NEGATIVE, num_inference_steps=call["steps"], guidance_scale=call["guidance"])
    first = hand_over.run(base, call["scheduler"], SEED, denoising_end=share, width=WIDTH, height=HEIGHT, **prompts)
    latents = hand_over.run(refiner, call["scheduler"], SEED, image=first, denoising_start=share, **prompts)
    return {"latents": latents, "image": decode(base.vae, latents)}
