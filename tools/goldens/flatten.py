"""Pictures with alpha, and what Pillow makes of them over white, for test/flatten.test.ts.

    python tools/goldens/flatten.py

Writes test/golden/flatten: the pictures in the forms that alpha comes in, and flatten.safetensors.
"""
import cv2
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from store import ROOT

SIDE = 64


def over_white(picture):
    picture = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    return torch.from_numpy(np.asarray(Image.alpha_composite(white, picture).convert("RGB")).copy())


def main():
    folder = ROOT / "flatten"
    folder.mkdir(exist_ok=True)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    # Every alpha from 0 to 255, over colours that go all the way too, below alpha 0 among them.
    alpha = ((4 * x + y) % 256).astype(np.uint8)
    colour = np.stack([4 * y, 255 - 4 * x, (x * y) % 256], -1).astype(np.uint8)
    rgba = np.dstack([colour, alpha])
    pictures = {"rgba": Image.fromarray(rgba), "la": Image.fromarray(np.dstack([colour[..., 0], alpha]), "LA")}
    palette = Image.fromarray(((x // 16) + 4 * (y // 16)).astype(np.uint8), "P")
    palette.putpalette([(37 * i) % 256 for i in range(48)])
    palette.info["transparency"] = bytes(17 * i for i in range(16))
    pictures["p"] = palette
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png", optimize=True)
    pictures["rgba"].save(folder / "rgba.webp", lossless=True, exact=True)
    # Pillow writes no colour of 16 bits.
    cv2.imwrite(str(folder / "rgba16.png"), cv2.cvtColor(rgba.astype(np.uint16) * 257, cv2.COLOR_RGBA2BGRA), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    tensors = {name: over_white(Image.open(folder / f"{name}.png")) for name in pictures}
    save_file(tensors | {"pixels": torch.from_numpy(rgba)}, folder / "flatten.safetensors")
    for file in folder.iterdir():
        file.chmod(0o644)


if __name__ == "__main__":
    main()
