"""Reference pictures: gradients, soft shapes and grain, drawn from a seed; and their CLIP resize by PIL."""
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPImageProcessorPil

from store import ROOT, write_json, VERSIONS
import PIL


def picture(width, height, seed, grain=24):
    """RGB u8 (height, width, 3): sloped colours, three discs with hard edges, grain of the given strength in grey levels."""
    random = np.random.Generator(np.random.PCG64(seed))
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    x, y = (x + 0.5) / width, (y + 0.5) / height
    field = np.stack([c[0] * x + c[1] * y + c[2] * np.sin(7 * x + 5 * y) for c in random.uniform(-1, 1, (3, 3))], -1)
    field = 255 * (field - field.min()) / (field.max() - field.min())
    for centre_x, centre_y, radius, *colour in random.uniform(0, 1, (3, 6)):
        inside = ((x - centre_x) * width) ** 2 + ((y - centre_y) * height) ** 2 < (radius * min(width, height) / 2) ** 2
        field[inside] = 255 * np.array(colour)
    field += random.normal(0, 1, field.shape) * grain
    return np.clip(np.rint(field), 0, 255).astype(np.uint8)


def processor(size, **changes):
    """CLIP preprocessing as PIL does it: shortest edge to `size`, bicubic, centre crop; then /255, mean and deviation."""
    return CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size}, **changes)


# (name, width, height, grain, sizes)
RESIZES = [("square-at-size", 64, 64, 40, (64,)), ("wide-down", 181, 120, 40, (64,)), ("tall-down", 97, 311, 10, (64,)),
           ("odd-up", 37, 53, 20, (64, 224)), ("tiny-up", 3, 5, 60, (64,)), ("one-pixel", 1, 1, 0, (64,)), ("row", 90, 2, 50, (64,)),
           ("extreme-wide", 400, 20, 30, (64,)), ("extreme-tall", 18, 350, 30, (64,)), ("down-to-224", 260, 226, 40, (224,)),
           ("noise", 129, 131, 200, (64,)), ("one-above", 65, 64, 60, (64,)), ("odd-crop", 64, 95, 60, (64,)), ("shrink-more", 250, 203, 60, (64,))]


def make_resizes():
    tensors, cases = {}, []
    for index, (name, width, height, grain, sizes) in enumerate(RESIZES):
        source = picture(width, height, 400 + index, grain)
        tensors[f"{name}.source"] = torch.from_numpy(source)
        for size in sizes:
            plain = processor(size, do_rescale=False, do_normalize=False)(Image.fromarray(source), return_tensors="np").pixel_values[0]
            if plain.shape != (3, size, size) or plain.min() < 0 or plain.max() > 255 or (plain != np.rint(plain)).any():
                raise ValueError(f"{name}: the processor gave no u8 picture")
            tensors[f"{name}.{size}"] = torch.from_numpy(np.ascontiguousarray(plain.transpose(1, 2, 0)).astype(np.uint8))
            cases.append({"name": f"{name}.{size}", "source": f"{name}.source", "output": f"{name}.{size}", "size": size,
                          "width": width, "height": height})
    save_file({key: tensors[key] for key in sorted(tensors)}, ROOT / "clip_resize.safetensors")
    write_json(ROOT / "clip_resize.json", {"versions": {**VERSIONS, "pillow": PIL.__version__}, "cases": cases,
                                           "notes": ["u8, height x width x 3; the outputs are what CLIPImageProcessor has before rescaling"]})


# (width, height, new width, new height). Pillow 13 goes down first in some of them, where the order of the passes shows in the rounding.
ORDERS = [(24, 60, 16, 20), (30, 50, 20, 30), (30, 51, 20, 30), (60, 24, 20, 16), (40, 40, 24, 24), (40, 40, 32, 12), (12, 20, 30, 44), (20, 40, 33, 17),
          (40, 20, 17, 33), (24, 40, 24, 20), (40, 24, 20, 24), (9, 5, 9, 5), (50, 7, 3, 4), (7, 50, 5, 3)]


def make_orders():
    """Resizes by both filters in every kind of shape: tall, wide and square, up and down, along one side alone."""
    tensors = {}
    for index, (width, height, *size) in enumerate(ORDERS):
        source = picture(width, height, 600 + index, 60)
        tensors[f"{index}.source"] = torch.from_numpy(source)
        for name, rule in (("bicubic", Image.BICUBIC), ("lanczos", Image.LANCZOS)):
            tensors[f"{index}.{name}"] = torch.from_numpy(np.asarray(Image.fromarray(source).resize(tuple(size), rule)).copy())
            # A mask is resized in grey: its order is no other one.
            grey = Image.fromarray(source[..., 0]).resize(tuple(size), rule)
            if (np.asarray(grey) != tensors[f"{index}.{name}"].numpy()[..., 0]).any():
                raise ValueError(f"{ORDERS[index]}: grey is resized in another order than colour")
    save_file(tensors, ROOT / "resize-orders.safetensors")
    (ROOT / "resize-orders.safetensors").chmod(0o644)


def make_pictures():
    """Committed reference pictures: one at the encoder's size, the others larger and not square; as files and as pixels."""
    (ROOT / "images").mkdir(parents=True, exist_ok=True)
    pixels = {}
    for name, width, height, seed in (("square-64", 64, 64, 500), ("wide-150x100", 150, 100, 501), ("tall-75x131", 75, 131, 502)):
        source = picture(width, height, seed, 6)
        Image.fromarray(source).save(ROOT / "images" / f"{name}.png", optimize=True)
        pixels[f"images/{name}.png"] = torch.from_numpy(source)
    save_file(pixels, ROOT / "pictures.safetensors")
