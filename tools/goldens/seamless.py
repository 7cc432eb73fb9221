"""Pictures whose edges meet: what diffusers makes of the small models and of the shipped one when its convolutions pad circularly, for
test/seamless.test.ts.

    python tools/goldens/seamless.py

Writes test/golden/seamless.safetensors and .json. Needs the models that make.py writes.
"""
import diffusers
import numpy
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPImageProcessor

import pictures
from pipelines import NEGATIVE, PROMPT
from schedulers import build
from source_pictures import make_mask, open_picture
from store import ROOT, VERSIONS, write_json

STEPS, GUIDANCE, SEED = 6, 5.0, 7
SMALL, CONTROLS = ROOT / "models/source-pictures", ROOT / "models/controls"
MINI = ROOT.parents[1] / "models/mini"
ODD = dict(width=72, height=88)  # 9 x 11 latents, halved to odd sides

CASES = [
    *(dict(model="sd15", seamless=axes, decode=axes == "x", **ODD) for axes in ("x", "y", "both")),
    dict(model="sd15", scheduler="euler_a", seamless="both", width=144, height=112),
    dict(model="sd15", scheduler="euler_a", seamless="x", adapter="base", width=64, height=64),
    dict(model="sd2", seamless="both", width=72, height=64),
    dict(model="sdxl", scheduler="euler", seamless="both", width=56, height=72),
    dict(model="sdxl", scheduler="euler", seamless="y", width=56, height=72),
    *(dict(model="sd15", seamless=axes, image=True, strength=0.6) for axes in ("x", "y", "both")),
    dict(model="sd15", scheduler="euler_a", seamless="both", image=True, strength=0.7, tiny=True),
    dict(model="sd15", scheduler="euler_a", seamless="both", image=True, strength=0.8, mask=True),
    dict(model="sd15-inpaint", seamless="x", image=True, strength=1.0, mask=True),
    *(dict(model="sd15", seamless=axes, control="canny", width=72, height=80) for axes in ("x", "both")),
    *(dict(model="sd15", seamless=axes, control="t2i-full", width=72, height=80) for axes in ("y", "both")),
    dict(model="sd15", seamless="both", hires=1.5, strength=0.5, width=72, height=64),
    # Wide enough for Winograd's algorithm, in tiles that the sides are no multiple of.
    *(dict(model="mini", seamless=axes, decode=axes == "both", width=88, height=104) for axes in ("x", "y", "both")),
]


def make_seamless(networks, x, y):
    """Every convolution pads with what lies at the opposite edge, along the named axes: its own padding alone, so that what a network pads in front of
    a convolution (the VAE encoder's downsampling) stays zeros."""
    def forward(convolution):
        across, down = convolution.padding[1], convolution.padding[0]

        def padded(input, weight, bias):
            input = F.pad(input, (across, across, 0, 0), mode="circular" if x else "constant")
            input = F.pad(input, (0, 0, down, down), mode="circular" if y else "constant")
            return F.conv2d(input, weight, bias, convolution.stride, 0, convolution.dilation, convolution.groups)
        return padded

    for network in networks:
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                module._conv_forward = forward(module)


def parts_of(model, tiny):
    base = model.split("-")[0]
    xl = base == "sdxl"
    kind = diffusers.StableDiffusionXLPipeline if xl else diffusers.StableDiffusionPipeline
    folder = MINI if base == "mini" else ROOT / "models" / base
    processor = CLIPImageProcessor.from_pretrained(MINI / "feature_extractor") if base == "mini" else pictures.processor(64)
    pipe = kind.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True, feature_extractor=processor,
                                **({"add_watermarker": False} if xl else {"safety_checker": None}))
    parts = dict(pipe.components)
    if model.endswith("inpaint"):
        parts["unet"] = diffusers.UNet2DConditionModel.from_pretrained(SMALL, subfolder=model, torch_dtype=torch.float32).eval()
    if tiny:
        parts["vae"] = diffusers.AutoencoderTiny.from_pretrained(SMALL / "taesd", torch_dtype=torch.float32).eval()
    return base, kind, parts, {"add_watermarker": False} if xl else {"requires_safety_checker": False}


def open_pipeline(model, image, mask, control, tiny):
    """The pipeline, and the networks beside UNet and VAE whose convolutions are seamless too."""
    base, kind, parts, extra = parts_of(model, tiny)
    beside = []
    if mask:
        kind = diffusers.StableDiffusionInpaintPipeline
    elif image:
        kind = diffusers.StableDiffusionImg2ImgPipeline
    elif control:
        parts["unet"] = diffusers.UNet2DConditionModel.from_pretrained(CONTROLS, subfolder="unet-sd15", torch_dtype=torch.float32).eval()
        loaded = diffusers.T2IAdapter if control.startswith("t2i") else diffusers.ControlNetModel
        net = loaded.from_pretrained(CONTROLS / control, torch_dtype=torch.float32).eval()
        beside = [net]
        kind = diffusers.StableDiffusionAdapterPipeline if control.startswith("t2i") else diffusers.StableDiffusionControlNetPipeline
        parts["adapter" if control.startswith("t2i") else "controlnet"] = net
        if control.startswith("t2i"):
            parts.pop("image_encoder")
    pipe = kind(**parts, **extra)
    pipe.set_progress_bar_config(disable=True)
    return base, pipe, beside


def sample(model, seamless, scheduler="ddim", width=64, height=64, image=False, strength=None, mask=False, control=None, tiny=False, adapter=None, decode=False,
           hires=None):
    if hires:
        return second_pass(model, seamless, scheduler, width, height, hires, strength)
    base, pipe, beside = open_pipeline(model, image, mask, control, tiny)
    make_seamless([pipe.unet, pipe.vae, *beside], seamless != "y", seamless != "x")
    pipe.scheduler, timesteps = build(scheduler, pipe.scheduler.config, STEPS, "")
    call = dict(prompt=PROMPT, negative_prompt=NEGATIVE, guidance_scale=GUIDANCE, generator=torch.Generator().manual_seed(SEED), **timesteps)
    if image:
        call |= dict(image=open_picture("square-64"), strength=strength)
    else:
        call |= dict(width=width, height=height)
    if mask:
        call |= dict(mask_image=make_mask(64, 64), width=64, height=64)
    if control:
        call |= dict(image=open_picture("wide-150x100").resize((width, height), Image.LANCZOS))
    if adapter:
        pipe.load_ip_adapter(str(ROOT / "models" / base), subfolder="adapters", weight_name=f"{adapter}.safetensors", image_encoder_folder=None, local_files_only=True)
        pipe.set_ip_adapter_scale(0.8)
        call["ip_adapter_image"] = open_picture("square-64")
    latents = pipe(output_type="latent", **call).images
    made = {"latents": latents[0]}
    if decode:
        decoded = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample[0]
        made["image"] = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
    return made


def second_pass(model, seamless, scheduler, width, height, scale, strength):
    """Between the passes the picture is enlarged among copies of itself, so that Pillow's filter finds no edges."""
    first = sample(model, seamless, scheduler, width, height, decode=True)["image"].numpy()
    larger = [int(side * scale) // 8 * 8 for side in (width, height)]
    copies = Image.fromarray(numpy.tile(first, (3, 3, 1))).resize([3 * side for side in larger], Image.LANCZOS)
    middle = copies.crop((*larger, 2 * larger[0], 2 * larger[1]))
    _, pipe, _ = open_pipeline(model, True, False, None, False)
    make_seamless([pipe.unet, pipe.vae], seamless != "y", seamless != "x")
    pipe.scheduler, timesteps = build(scheduler, pipe.scheduler.config, STEPS, "")
    return {"latents": pipe(prompt=PROMPT, negative_prompt=NEGATIVE, guidance_scale=GUIDANCE, image=middle, strength=strength,
                            generator=torch.Generator().manual_seed(SEED), output_type="latent", **timesteps).images[0]}


def check_patch():
    """That make_seamless() is what `padding_mode = "circular"` is, which knows both axes at once only."""
    pipes = [parts_of("sd15", False)[2] for _ in range(2)]
    latents = torch.randn(1, 4, 9, 7, generator=torch.Generator().manual_seed(SEED))
    make_seamless([pipes[0]["vae"]], True, True)
    for module in pipes[1]["vae"].modules():
        if isinstance(module, torch.nn.Conv2d):
            module.padding_mode = "circular"
    pixels = [parts["vae"].decode(latents).sample for parts in pipes]
    encoded = [parts["vae"].encode(pixels[0]).latent_dist.mean for parts in pipes]
    if not (torch.equal(*pixels) and torch.equal(*encoded)):
        raise ValueError("the convolutions do not pad as padding_mode says")


def main():
    torch.set_num_threads(1)
    check_patch()
    tensors = {f"{i}.{key}": value.contiguous() for i, case in enumerate(CASES) for key, value in sample(**case).items()}
    file = ROOT / "seamless.safetensors"
    save_file(tensors, file)
    file.chmod(0o644)
    versions = {key: VERSIONS[key] for key in ("torch", "diffusers")}
    write_json(ROOT / "seamless.json", dict(versions=versions, prompt=PROMPT, negative=NEGATIVE, seed=SEED, steps=STEPS, guidance=GUIDANCE, cases=CASES))


if __name__ == "__main__":
    with torch.no_grad():
        main()
