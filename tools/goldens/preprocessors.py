"""What OpenCV and Pillow make of small pictures, for the preprocessors of native/image/: python tools/goldens/preprocessors.py

Writes test/golden/preprocessors.safetensors and .json. Pictures that are black and white are packed, eight pixels per byte.
"""
import math

import cv2
import numpy as np
import PIL
import torch
from PIL import Image
from safetensors.torch import save_file

from pictures import picture
from store import ROOT, VERSIONS, write_json

tensors, cases = {}, []


def drawing():
    """Black and grey lines on paper with a shade: strong and weak strokes for the scribble."""
    page = np.empty((44, 60, 3), np.uint8)
    page[:] = np.linspace(255, 190, 60).astype(np.uint8)[None, :, None]
    cv2.line(page, (5, 5), (50, 30), (0, 0, 0), 1)
    cv2.circle(page, (30, 22), 14, (90, 80, 100), 2)
    cv2.line(page, (3, 40), (57, 36), (170, 180, 160), 3)
    return page


PICTURES = {"square": np.array(Image.open(ROOT / "images" / "square-64.png").convert("RGB")), "odd": picture(37, 53, 610, 30),
            "smooth": picture(48, 40, 611, 2), "column": picture(1, 9, 612, 60), "lines": drawing()}
# square-64.png is in test/golden already.
STORED = [name for name in PICTURES if name != "square"]


def add(what, source, output, packed=False, **numbers):
    name = f"{what}.{source}" + "".join(f".{value:g}" for value in numbers.values())
    tensors[name] = torch.from_numpy(np.packbits(output > 0) if packed else np.ascontiguousarray(output))
    height, width = PICTURES[source].shape[:2]
    cases.append({"what": what, "name": name, "source": "" if source == "square" else source, "width": width, "height": height,
                  "packed": packed, **numbers})


def scribble(rgb, threshold):
    """The difference of Gaussians of scribble preprocessors, without the overflow of bytes that some have at strong lines."""
    fine = cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), 0.5)
    wide = cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), 5.0)
    paper = (255 - np.min(wide - fine, axis=2)).clip(0, 255).astype(np.uint8)
    return np.where(2 * (255 - paper.astype(int)) > threshold, 255, 0)


def tile(rgb, factor):
    height, width = rgb.shape[:2]
    small = cv2.resize(rgb, (max(1, int(width / factor)), max(1, int(height / factor))), interpolation=cv2.INTER_AREA)
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.LANCZOS))


def draw_kps(width, height, points):
    """InstantID's picture of five points."""
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255)]
    points = np.array(points, np.float64)
    result = np.zeros([height, width, 3])
    for first in (0, 1, 3, 4):
        x, y = points[[first, 2]].T
        length = ((x[0] - x[1]) ** 2 + (y[0] - y[1]) ** 2) ** 0.5
        angle = math.degrees(math.atan2(y[0] - y[1], x[0] - x[1]))
        corners = cv2.ellipse2Poly((int(np.mean(x)), int(np.mean(y))), (int(length / 2), 4), int(angle), 0, 360, 1)
        result = cv2.fillConvexPoly(result.copy(), corners, colours[first])
    result = (result * 0.6).astype(np.uint8)
    for point, colour in zip(points, colours):
        result = cv2.circle(result.copy(), (int(point[0]), int(point[1])), 10, colour, -1)
    return result


FACES = [("face", 96, 80, [[31.4, 24.7], [63.9, 22.2], [48.3, 41.8], [36.6, 58.1], [60.2, 57.5]]),
         ("outside", 70, 64, [[-30.6, 10.2], [90.7, -12.4], [33.3, 30.9], [12.5, 100.1], [75.8, 61.2]]),
         ("one-point", 40, 32, [[20.0, 15.0]] * 5),
         ("straight", 80, 72, [[10, 36], [70, 36], [40, 36], [40, 8], [40, 66]]),
         ("large", 100, 90, [[-900.2, -410.5], [1300.9, -350.1], [55.5, 40.2], [-700.7, 820.3], [940.4, 610.6]]),
         ("gone", 24, 24, [[-200, -200], [-150, -210], [-170, -160], [-190, -120], [-140, -110]])]


def inpaint_condition(image, mask):
    """diffusers' make_inpaint_condition, channels last; of the first rows of "odd"."""
    image = np.array(image.convert("RGB")).astype(np.float32) / 255.0
    image[np.array(mask.convert("L")).astype(np.float32) / 255.0 > 0.5] = -1.0
    return image


def main():
    for name in STORED:
        tensors[f"source.{name}"] = torch.from_numpy(PICTURES[name])
    for name, rgb in PICTURES.items():
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        for low, high in ((100, 200), (50.7, 99.9), (250, 40), (0, 0), (900, 1300)):
            add("canny", name, cv2.Canny(grey, low, high), packed=True, low=low, high=high)
        for threshold in (1, 32, 64, 200):
            add("scribble", name, scribble(rgb, threshold), packed=True, threshold=threshold)
    for name, sigma in (("odd", 0.1), ("odd", 1.7), ("odd", 9), ("odd", 64), ("column", 3), ("lines", 2.5)):
        add("blur", name, cv2.GaussianBlur(PICTURES[name], (0, 0), sigma), sigma=sigma)
    for name, factor in (("odd", 1), ("odd", 2.5), ("odd", 7), ("column", 4), ("smooth", 2), ("smooth", 8), ("smooth", 1.5), ("lines", 64)):
        add("tile", name, tile(PICTURES[name], factor), factor=factor)
    for name in ("odd", "column"):
        add("invert", name, 255 - PICTURES[name])
        add("grey", name, np.array(Image.fromarray(PICTURES[name]).convert("L").convert("RGB")))
    for name, width, height, points in FACES:
        # The three values that a channel may have, as one number of three digits.
        digits = np.searchsorted([0, 153, 255], draw_kps(width, height, points)).astype(np.uint8)
        tensors[f"face.{name}"] = torch.from_numpy(digits @ np.array([9, 3, 1], np.uint8))
        cases.append({"what": "face", "name": f"face.{name}", "width": width, "height": height, "points": points})
    mask, part = picture(37, 20, 613, 90), PICTURES["odd"][:20]
    tensors["inpaint.mask"] = torch.from_numpy(mask)
    tensors["inpaint"] = torch.from_numpy(inpaint_condition(Image.fromarray(part), Image.fromarray(mask)))
    save_file({key: tensors[key] for key in sorted(tensors)}, ROOT / "preprocessors.safetensors")
    write_json(ROOT / "preprocessors.json",
               {"versions": {**VERSIONS, "opencv": cv2.__version__, "pillow": PIL.__version__}, "cases": cases})


if __name__ == "__main__":
    main()
