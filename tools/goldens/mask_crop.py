"""What Pillow and diffusers do around a mask: the region that is painted, its way to another size and back, the blurred edge, the picture put over the result,
and whole calls with padding_mask_crop. Writes test/golden/mask-crop.safetensors and .json.

    python tools/goldens/mask_crop.py

Needs the models that make.py writes.
"""
import diffusers
import numpy
import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image, ImageFilter
from safetensors.torch import save_file

from pipelines import NEGATIVE, PROMPT
from schedulers import build
from source_pictures import open_picture
from store import ROOT, VERSIONS, write_json

SEED, STEPS, GUIDANCE = 7, 6, 5.0
MASK_BOX = [70, 30, 125, 62]  # left, top, right, bottom
PROCESSOR = VaeImageProcessor(vae_scale_factor=8)


def tensor(picture):
    return torch.from_numpy(numpy.array(picture).copy())


def random_picture(draw, width, height, levels=None):
    values = draw.integers(0, 256, (height, width) if levels else (height, width, 3), dtype=numpy.uint8)
    return Image.fromarray(values)


def soft_mask(draw, width, height):
    """Black, white, and all levels in between."""
    coarse = Image.fromarray(draw.choice([0, 255], (4, 5)).astype(numpy.uint8))
    return coarse.resize((width, height), Image.BICUBIC)


def regions(draw):
    found = []
    for width, height, target, pad, box, value in [
        (64, 48, (64, 64), 4, (10, 12, 11, 13), 1), (64, 48, (64, 64), 4, (0, 0, 64, 48), 255),
        *((int(draw.integers(40, 90)), int(draw.integers(40, 90)), (64 * int(draw.integers(1, 4)), 64 * int(draw.integers(1, 4))), int(draw.integers(0, 12)), None, 200) for _ in range(30)),
    ]:
        if box is None:
            left, top = int(draw.integers(0, width - 2)), int(draw.integers(0, height - 2))
            box = (left, top, int(draw.integers(left + 1, width + 1)), int(draw.integers(top + 1, height + 1)))
        mask = numpy.zeros((height, width), numpy.uint8)
        mask[box[1]:box[3], box[0]:box[2]] = value
        region = VaeImageProcessor.get_crop_region(Image.fromarray(mask), *target, pad=pad)
        found.append(dict(size=[width, height], target=list(target), padding=pad, box=list(box), region=[int(v) for v in region]))
    return found


def whole_call(model, scheduler, size, padding, strength=None):
    kind, base = ((diffusers.StableDiffusionXLInpaintPipeline, diffusers.StableDiffusionXLPipeline) if model == "sdxl" else
                  (diffusers.StableDiffusionInpaintPipeline, diffusers.StableDiffusionPipeline))
    extra = {"add_watermarker": False} if model == "sdxl" else {"safety_checker": None}
    parts = base.from_pretrained(ROOT / "models" / model, torch_dtype=torch.float32, local_files_only=True, **extra).components
    pipe = kind(**parts, **({"add_watermarker": False} if model == "sdxl" else {"requires_safety_checker": False}))
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler, timesteps = build(scheduler, pipe.scheduler.config, STEPS, "")
    source = open_picture("wide-150x100")
    mask = numpy.zeros((source.height, source.width), numpy.uint8)
    mask[MASK_BOX[1]:MASK_BOX[3], MASK_BOX[0]:MASK_BOX[2]] = 255
    mask = Image.fromarray(mask)
    call = {} if strength is None else {"strength": strength}
    return pipe(prompt=PROMPT, negative_prompt=NEGATIVE, image=source, mask_image=mask, width=size, height=size, guidance_scale=GUIDANCE,
                   padding_mask_crop=padding, generator=torch.Generator().manual_seed(SEED), output_type="pil", **call, **timesteps).images[0]


def main():
    torch.set_num_threads(1)
    draw = numpy.random.default_rng(3)
    tensors, index = {}, {"regions": regions(draw), "resizes": [], "blurs": [], "overlays": [], "calls": []}
    for width, height, target in ((21, 13, (32, 24)), (13, 21, (24, 32)), (9, 9, (16, 16)), (24, 10, (16, 24)), (10, 24, (24, 16)), (31, 2, (24, 24))):
        picture = random_picture(draw, width, height)
        name = f"resize.{len(index['resizes'])}"
        tensors |= {f"{name}.in": tensor(picture), f"{name}.fill": tensor(PROCESSOR._resize_and_fill(picture, *target)),
                    f"{name}.cut": tensor(PROCESSOR._resize_and_crop(picture, *target))}
        index["resizes"].append({"name": name, "target": list(target)})
    for radius in (0.5, 1, 2.3, 4, 9.75, 40):
        name, picture = f"blur.{len(index['blurs'])}", random_picture(draw, 37, 23, 1)
        tensors |= {f"{name}.in": tensor(picture), f"{name}.out": tensor(picture.filter(ImageFilter.GaussianBlur(radius)))}
        index["blurs"].append({"name": name, "radius": radius})
    for _ in range(3):
        name = f"overlay.{len(index['overlays'])}"
        over, under, mask = random_picture(draw, 40, 30), random_picture(draw, 40, 30), soft_mask(draw, 40, 30)
        tensors |= {f"{name}.over": tensor(over), f"{name}.under": tensor(under), f"{name}.mask": tensor(mask),
                    f"{name}.out": tensor(PROCESSOR.apply_overlay(mask, over, under))}
        index["overlays"].append({"name": name})
    for case in (dict(model="sd15", scheduler="euler_a", size=64, padding=6), dict(model="sd15", scheduler="ddim", size=96, padding=0, strength=0.7),
                 dict(model="sdxl", scheduler="euler", size=64, padding=12)):
        name = f"call.{len(index['calls'])}"
        tensors[name] = tensor(whole_call(**case))
        index["calls"].append({"name": name, **case})
    file = ROOT / "mask-crop.safetensors"
    save_file({key: value.contiguous() for key, value in tensors.items()}, file)
    file.chmod(0o644)
    versions = {key: VERSIONS[key] for key in ("torch", "diffusers")}
    write_json(ROOT / "mask-crop.json", dict(versions=versions, prompt=PROMPT, negative=NEGATIVE, seed=SEED, steps=STEPS, guidance=GUIDANCE, mask_box=MASK_BOX, **index))


if __name__ == "__main__":
    with torch.no_grad():
        main()
