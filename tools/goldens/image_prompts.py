"""Image prompts with scales by block, windows, presets and masks: whole calls of diffusers' pipelines, for test/image-strength.test.ts.

    python tools/goldens/image_prompts.py

Writes test/golden/image-prompts.safetensors and .json. Needs the models that make.py writes. A case holds the options of generate(); pictures
are names of test/golden/images. What diffusers has (scales by block and adapter) it computes itself. What it lacks is computed by attention
processors of this file (attention_rules.py), written from the published formulas.
"""
import attention_rules
import diffusers
import torch
from attention_rules import open_picture
from diffusers.image_processor import IPAdapterMaskProcessor
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

LEFT, RIGHT, BLOB = "mask-left", "mask-right", "mask-blob"
ODD = dict(width=72, height=104)
MASKED = [
    case("a mask", prompt(SQUARE, mask=LEFT)),
    case("a mask of greys in an odd size", prompt(SQUARE, mask=BLOB, scale=0.8), **ODD),
    case("a mask that fits no layer of the picture", prompt(WIDE, mask=RIGHT), adapters=["plus"], width=104, height=72),
    case("two masks", prompt(SQUARE, scale=0.7, mask=LEFT), prompt(TALL, scale=0.7, mask=RIGHT)),
    case("two masks, a scale each", prompt(SQUARE, scale=0.4, mask=LEFT), prompt(TALL, scale=1.1, mask=BLOB), model="sdxl", scheduler="euler",
         adapters=["plus"]),
    case("a mask and scales by block", prompt(SQUARE, scale={"up": {"block_0": [0, 1, 0.5]}}, mask=LEFT), model="sdxl", scheduler="euler"),
    case("masks of two adapters", prompt(SQUARE, scale=0.9, mask=LEFT), prompt(WIDE, adapter=1, scale=0.6, mask=BLOB), adapters=["base", "plus"]),
    case("a mask of one adapter of two", prompt(SQUARE, scale=0.9, mask=RIGHT), prompt(WIDE, adapter=1, scale=0.6), adapters=["base", "plus"]),
]
SEVERAL = [
    case("two pictures", prompt(SQUARE, scale=0.6), prompt(TALL, scale=0.6)),
    case("three pictures of SDXL", prompt(SQUARE, scale=0.6), prompt(TALL, scale=0.6), prompt(WIDE, scale=0.6), model="sdxl", scheduler="euler", adapters=["plus"]),
    case("two adapters", prompt(SQUARE, scale=0.5), prompt(WIDE, adapter=1, scale=0.9), prompt(TALL, adapter=1, scale=0.9), adapters=["base", "plus"]),
]
COMBINES, KV_SCALINGS = ("add", "subtract", "average", "norm average"), ("kv", "kv-penalty", "k-mean-v-penalty")
RULES += [
    case("a soft mask", prompt(SQUARE, mask=BLOB, maskMode="soft")),
    case("a soft mask of SDXL in another shape", prompt(SQUARE, scale=0.8, mask=BLOB, maskMode="soft"), model="sdxl", scheduler="euler", width=64, height=96),
    case("a mask in a window", prompt(SQUARE, mask=LEFT, start=0.25, end=0.75), prompt(TALL, mask=LEFT)),
    *(case(f"{name} of two", prompt(SQUARE, combine=name), prompt(TALL, combine=name)) for name in COMBINES),
    *(case(f"{name} of three weighted, plus", *(prompt(image, scale=0.8, combine=name, weight=weight) for image, weight in ((SQUARE, 0.7), (TALL, 1.6), (WIDE, -0.25))),
           adapters=["plus"]) for name in COMBINES),
    case("a weight for each picture", prompt(SQUARE, weight=0.5), prompt(TALL, weight=1.5)),
    *(case(f"scaling {name}", prompt(SQUARE, scale=0.7, kvScaling=name), prompt(TALL, scale=0.7, kvScaling=name)) for name in KV_SCALINGS),
    *(case(f"scaling {name} of SDXL by preset", prompt(WIDE, scale=1.2, kvScaling=name, preset="ease-out"), model="sdxl", scheduler="euler", adapters=["plus"])
      for name in KV_SCALINGS),
    case("scaling kv in a mask and a window", prompt(SQUARE, scale=0.7, kvScaling="kv", mask=BLOB, maskMode="soft", end=0.5)),
    case("a negative picture", prompt(SQUARE), negativeImagePrompts=[dict(image=TALL)]),
    case("a negative picture of plus, weighted", prompt(SQUARE), negativeImagePrompts=[dict(image=WIDE, weight=0.6)], adapters=["plus"]),
    case("a black picture and nothing, of two", prompt(SQUARE), prompt(TALL), negativeImagePrompts=[dict(kind="black"), dict(kind="zeros")], adapters=["plus"]),
    case("a mask on the reference", prompt(WIDE, imageMask="mask-reference")),
    case("a reference squashed", prompt(WIDE, fit="squash")),
    case("a reference padded", prompt(TALL, fit="pad"), adapters=["plus"]),
    case("a wide reference in tiles", prompt(WIDE, fit="tile", scale=0.9)),
    case("a square reference in tiles", prompt(SQUARE, fit="tile"), adapters=["plus"]),
]
REGION_PROMPT, REGION_NEGATIVE = "a green dog", "red"
REGIONS = [
    case("a region", regions=[dict(mask=LEFT, prompt=REGION_PROMPT)]),
    case("a region with its own negative prompt", regions=[dict(mask=BLOB, prompt=REGION_PROMPT, negativePrompt=REGION_NEGATIVE, scale=0.7)]),
    case("regions that overlap, with a picture", regions=[dict(mask=LEFT, prompt=REGION_PROMPT), dict(mask=BLOB, prompt="a blue house",
         imagePrompts=[prompt(TALL, scale=0.8)])], width=64, height=96),
    case("regions and pictures of SDXL", prompt(WIDE, scale=0.5), model="sdxl", scheduler="euler", adapters=["plus"],
         regions=[dict(mask=RIGHT, prompt=REGION_PROMPT, imagePrompts=[prompt(SQUARE, mask=BLOB, maskMode="soft")])]),
]


class Model:
    """A pipeline with adapters, whose own attention processors can be put back."""
    opened = {}

    @classmethod
    def open(cls, name, adapters):
        key = (name, *adapters)
        if key not in cls.opened:
            cls.opened[key] = cls(name, adapters)
        model = cls.opened[key]
        model.pipe.unet.set_attn_processor(dict(model.own))
        return model

    def __init__(self, name, adapters):
        self.xl = name == "sdxl"
        kind = diffusers.StableDiffusionXLPipeline if self.xl else diffusers.StableDiffusionPipeline
        extra = {"add_watermarker": False} if self.xl else {"safety_checker": None}
        folder = ROOT / "models" / name
        self.pipe = kind.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True, feature_extractor=pictures.processor(64), **extra)
        self.pipe.set_progress_bar_config(disable=True)
        self.pipe.load_ip_adapter(str(folder), subfolder="adapters", weight_name=[f"{adapter}.safetensors" for adapter in adapters],
                                  image_encoder_folder=None, local_files_only=True)
        self.adapters, self.scheduler, self.own = adapters, self.pipe.scheduler.config, self.pipe.unet.attn_processors

    def sample(self, scheduler, guidance=GUIDANCE, steps=STEPS, width=64, height=64, **arguments):
        self.pipe.scheduler, timesteps = build(scheduler, self.scheduler, steps, "")
        return self.pipe(PROMPT, negative_prompt=NEGATIVE, guidance_scale=guidance, width=width, height=height,
                         generator=torch.Generator().manual_seed(SEED), output_type="latent", **timesteps, **arguments).images[0]


def of_adapter(prompts, index):
    return [p for p in prompts if p.get("adapter", 0) == index]


def by_diffusers(model, adapters, scheduler, imagePrompts, options, watch=None, **_):
    """`watch` gets the UNet before it runs."""
    opened = Model.open(model, adapters)
    size = dict(width=options.get("width", 64), height=options.get("height", 64))
    groups = [of_adapter(imagePrompts, index) for index in range(len(adapters))]
    scales, masks = [], []
    for group in groups:
        masked = "mask" in group[0]
        own = [p.get("scale", 1.0) for p in group]
        scales.append(own if masked and len(own) > 1 else own[0])
        if masked:
            read = IPAdapterMaskProcessor().preprocess([open_picture(p["mask"]) for p in group], **size)
            masks.append(read.reshape(1, len(group), size["height"], size["width"]))
        else:
            masks.append(None)
    opened.pipe.set_ip_adapter_scale(scales)
    extra = {} if all(mask is None for mask in masks) else dict(cross_attention_kwargs={"ip_adapter_masks": masks})
    images = [[open_picture(p["image"]) for p in group] for group in groups]
    if watch:
        watch(opened.pipe.unet)
    return opened.sample(scheduler, ip_adapter_image=images, **options, **extra)


def by_rules(model, adapters, scheduler, imagePrompts, options, **_):
    opened = Model.open(model, adapters)
    options = dict(options)
    rules = attention_rules.Rules(opened, imagePrompts, options.pop("negativeImagePrompts", []), options.pop("regions", []), options, NEGATIVE)
    with rules.installed():
        return opened.sample(scheduler, ip_adapter_image_embeds=rules.stand_ins(), **options)


def draw_masks():
    """Masks of the picture to make, and one of the reference wide-150x100."""
    rows, columns = torch.meshgrid(torch.arange(96), torch.arange(80), indexing="ij")
    left = ((columns < 29) * 255).byte()
    blob = (255 * torch.exp(-(((columns - 50) / 22.0) ** 2 + ((rows - 40) / 30.0) ** 2))).round().byte()
    rows, columns = torch.meshgrid(torch.arange(100), torch.arange(150), indexing="ij")
    reference = (255 * ((columns - 70) ** 2 + (rows - 50) ** 2 < 1400)).byte()
    for name, values in ((LEFT, left), (RIGHT, 255 - left), (BLOB, blob), ("mask-reference", reference)):
        Image.fromarray(values.numpy()).save(ROOT / "images" / f"{name}.png", optimize=True)


def main():
    torch.set_num_threads(1)
    draw_masks()
    cases = [(entry, by_diffusers) for entry in BY_BLOCK + MASKED + SEVERAL] + [(entry, by_rules) for entry in RULES + REGIONS]
    tensors = {entry["name"]: compute(**entry).contiguous() for entry, compute in cases}
    if len(tensors) != len(cases):
        raise ValueError("two cases have the same name")
    pipe = Model.open("sdxl", ["base"]).pipe
    tensors["text embedding"] = pipe.encode_prompt(prompt=PROMPT, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False)[2].contiguous()
    file = ROOT / "image-prompts.safetensors"
    save_file(tensors, file)
    file.chmod(0o644)
    versions = {key: VERSIONS[key] for key in ("torch", "diffusers")}
    write_json(ROOT / "image-prompts.json", dict(versions=versions, prompt=PROMPT, negative=NEGATIVE, steps=STEPS, guidance=GUIDANCE, seed=SEED,
                                                 cases=[entry for entry, _ in cases]))


if __name__ == "__main__":
    with torch.no_grad():
        main()
