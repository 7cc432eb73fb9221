"""Image prompts with scales by block, windows, presets and masks: whole calls of diffusers' pipelines, for test/image-strength.test.ts.

    python tools/goldens/image_prompts.py

Writes test/golden/image-prompts.safetensors and .json. Needs the models that make.py writes. A case holds the options of generate(); pictures
are names of test/golden/images. What diffusers has (scales by block and adapter) it computes itself. What it lacks is computed by attention
processors of this file (attention_rules.py), written from the published formulas.
"""
import attention_rules
import diffusers
import torch
from PIL import Image
from safetensors.torch import save_file

import pictures
from pipelines import NEGATIVE, PROMPT
from schedulers import build
from store import ROOT, VERSIONS, write_json

STEPS, GUIDANCE, SEED = 4, 5.0, 7
SQUARE, WIDE, TALL = "square-64", "wide-150x100", "tall-75x131"
PRESETS = list(attention_rules.PRESETS)


def prompt(image, **options):
    return dict(image=image, **options)


def case(name, *prompts, model="sd15", adapters=("base",), scheduler="ddim", **options):
    return dict(name=name, model=model, adapters=list(adapters), scheduler=scheduler, imagePrompts=list(prompts), options=options)


STYLE, LAYOUT = {"up": {"block_0": [0.0, 1.0, 0.0]}}, {"down": {"block_2": [0.0, 1.0]}}
BY_BLOCK = [
    case("one block", prompt(SQUARE, scale={"down": {"block_2": [0, 1]}})),
    case("numbers for blocks and parts", prompt(WIDE, scale={"down": 0.5, "mid": 1, "up": {"block_2": 0.7, "block_3": [0.2, -0.4, 0.9]}}), adapters=["plus"]),
    case("the middle as a list", prompt(SQUARE, scale={"mid": [0.9]})),
    case("a list of one stands for all", prompt(SQUARE, scale={"up": {"block_1": [0.8]}})),
    case("no block at all", prompt(SQUARE, scale={})),
    case("style of SDXL", prompt(SQUARE, scale=STYLE), model="sdxl", scheduler="euler"),
    case("style and layout of SDXL", prompt(WIDE, scale=STYLE | LAYOUT), model="sdxl", scheduler="euler", adapters=["plus"]),
    case("two pictures by block", prompt(SQUARE, scale=LAYOUT), prompt(TALL, scale=LAYOUT), model="sdxl", scheduler="euler"),
    case("two adapters, one by block", prompt(SQUARE, scale={"up": {"block_1": [1, 0, 0.5]}}), prompt(TALL, adapter=1, scale=0.6), adapters=["base", "plus"]),
    case("style and layout of two pictures", prompt(SQUARE, scale=LAYOUT), prompt(WIDE, adapter=1, scale=STYLE), model="sdxl", scheduler="euler",
         adapters=["base", "plus"]),
]
RULES = [
    case("a list with one per attention", prompt(SQUARE, scale=[round(0.1 * i - 0.5, 1) for i in range(16)])),
    case("a window", prompt(SQUARE, start=0.25, end=0.75)),
    case("a window of plus", prompt(WIDE, scale=0.8, start=0.4), model="sdxl", scheduler="euler", adapters=["plus"]),
    case("a window counts calls of the model", prompt(SQUARE, end=0.5), scheduler="heun"),
    case("a window without guidance", prompt(SQUARE, start=0.5), guidance=1),
    case("windows apart", prompt(SQUARE, end=0.5), prompt(TALL, start=0.5)),
    case("a window between calls", prompt(SQUARE, start=0.3, end=0.4)),
    case("a curve", prompt(SQUARE, scale=0.9, curve=[[0, 0], [0.5, 1.2], [1, -0.5]])),
    case("a curve in a window, by block", prompt(SQUARE, scale={"up": 1}, end=0.8, curve=[[0.2, 1], [0.9, 0.1]])),
    *(case(f"preset {name}", prompt(SQUARE, scale=0.8, preset=name)) for name in PRESETS),
    *(case(f"preset {name} of SDXL", prompt(SQUARE, scale=0.8, preset=name), model="sdxl", scheduler="euler") for name in PRESETS),
    case("precise style of plus", prompt(WIDE, scale=1.1, preset="precise-style", start=0.2), adapters=["plus"]),
]


class Model:
    def __init__(self, name, adapters):
        xl = name == "sdxl"
        kind = diffusers.StableDiffusionXLPipeline if xl else diffusers.StableDiffusionPipeline
        extra = {"add_watermarker": False} if xl else {"safety_checker": None}
        folder = ROOT / "models" / name
        self.pipe = kind.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True, feature_extractor=pictures.processor(64), **extra)
        self.pipe.set_progress_bar_config(disable=True)
        self.pipe.load_ip_adapter(str(folder), subfolder="adapters", weight_name=[f"{adapter}.safetensors" for adapter in adapters],
                                  image_encoder_folder=None, local_files_only=True)
        self.adapters = adapters

    def sample(self, scheduler, prompts, guidance=GUIDANCE, steps=STEPS, width=64, height=64, **arguments):
        self.pipe.scheduler, timesteps = build(scheduler, self.pipe.scheduler.config, steps, "")
        groups = [[open_picture(p["image"]) for p in prompts if p.get("adapter", 0) == index] for index in range(len(self.adapters))]
        return self.pipe(PROMPT, negative_prompt=NEGATIVE, guidance_scale=guidance, width=width, height=height, ip_adapter_image=groups,
                         generator=torch.Generator().manual_seed(SEED), output_type="latent", **timesteps, **arguments).images[0]


def open_picture(name):
    return Image.open(ROOT / "images" / f"{name}.png").convert("RGB")


def by_diffusers(model, adapters, scheduler, imagePrompts, options, **_):
    opened = Model(model, adapters)
    scales = [next(p["scale"] for p in imagePrompts if p.get("adapter", 0) == index) for index in range(len(adapters))]
    opened.pipe.set_ip_adapter_scale(scales)
    return opened.sample(scheduler, imagePrompts, **options)


def by_rules(model, adapters, scheduler, imagePrompts, options, **_):
    opened = Model(model, adapters)
    attention_rules.install(opened.pipe, imagePrompts)
    return opened.sample(scheduler, imagePrompts, **options)


def main():
    torch.set_num_threads(1)
    cases = [(entry, by_diffusers) for entry in BY_BLOCK] + [(entry, by_rules) for entry in RULES]
    tensors = {entry["name"]: compute(**entry).contiguous() for entry, compute in cases}
    if len(tensors) != len(cases):
        raise ValueError("two cases have the same name")
    file = ROOT / "image-prompts.safetensors"
    save_file(tensors, file)
    file.chmod(0o644)
    versions = {key: VERSIONS[key] for key in ("torch", "diffusers")}
    write_json(ROOT / "image-prompts.json", dict(versions=versions, prompt=PROMPT, negative=NEGATIVE, steps=STEPS, guidance=GUIDANCE, seed=SEED,
                                                 cases=[entry for entry, _ in cases]))


if __name__ == "__main__":
    with torch.no_grad():
        main()
