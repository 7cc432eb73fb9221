"""The little world that the shipped model knows: subjects, styles, sizes, places, backgrounds; pictures and captions of it.

A `Scene` is one point of that world. `compose` draws it, `caption` says it. Combinations of subject, style and background for
which `never_trained` holds appear in no training picture of the base model; the evaluation asks for them.
"""

import json
import os
from dataclasses import dataclass

import numpy as np

SIDE = 128
BACKGROUNDS = {
    "red": (190, 36, 44),
    "yellow": (250, 222, 96),
    "green": (44, 132, 74),
    "blue": (52, 106, 232),
    "purple": (142, 68, 196),
    "black": (22, 22, 26),
    "white": (250, 250, 250),
    "grey": (142, 144, 150),
}
COLOURS = list(BACKGROUNDS)
COLOUR_VALUES = np.array(list(BACKGROUNDS.values()), np.float32)
STYLES = ["flat", "glossy", "classic"]
SMALL, NORMAL, LARGE = 0, 1, 2
SIZES = [56, 100, 122]
CENTRE, LEFT, RIGHT, TOP, BOTTOM = range(5)
PLACES = ["", "on the left", "on the right", "at the top", "at the bottom"]
_OFFSETS = np.array([(0, 0), (-32, 0), (32, 0), (0, -32), (0, 32)])


@dataclass(frozen=True)
class Scene:
    subject: int
    style: int
    background: int
    size: int = NORMAL
    place: int = CENTRE
    dx: int = 0
    dy: int = 0


class World:
    """The glyphs rendered by render.mjs, in the order core, wide, held out."""

    def __init__(self, folder):
        with open(os.path.join(folder, "glyphs.json")) as file:
            index = json.load(file)
        assert index["styles"] == STYLES and index["sizes"] == SIZES, "render.mjs and world.py differ"
        self.names = index["names"]
        self.words = [index["words"].get(name, name.replace("-", " ")) for name in self.names]
        core, wide = index["core"], index["wide"]
        self.core = np.arange(core)
        self.wide = np.arange(core, core + wide)
        self.held_out = np.arange(core + wide, len(self.names))
        self.glyphs = [
            np.memmap(os.path.join(folder, f"glyphs-{size}.raw"), np.uint8, "r", shape=(len(self.names), len(STYLES), size, size, 4))
            for size in SIZES
        ]

    def compose(self, scene, colour=None, look=None):
        """The picture of a scene, uint8 (SIDE, SIDE, 3). `colour` overrides the background's exact RGB, `look` redraws the glyph."""
        picture = np.empty((SIDE, SIDE, 3), np.float32)
        picture[:] = COLOUR_VALUES[scene.background] if colour is None else colour
        glyph = self.glyphs[scene.size][scene.subject, scene.style].astype(np.float32)
        size = SIZES[scene.size]
        offset = _OFFSETS[scene.place] if scene.size == SMALL else (0, 0)
        left = (SIDE - size) // 2 + int(offset[0]) + scene.dx
        top = (SIDE - size) // 2 + int(offset[1]) + scene.dy
        layer = np.zeros((SIDE, SIDE, 4), np.float32)
        layer[top : top + size, left : left + size] = glyph
        if look is not None:
            layer = look(layer)
        alpha = layer[..., 3:] / 255
        return (picture * (1 - alpha) + layer[..., :3] * alpha + 0.5).clip(0, 255).astype(np.uint8)

    def never_trained(self, scene):
        """One in six combinations of core subject, style and background is kept from the base model."""
        return bool(scene.subject < len(self.core) and (scene.subject + 2 * scene.style + scene.background) % 6 == 0)

    def scene(self, rng, subjects, trained_only=True, still=False):
        """A random scene of one of `subjects`; never one of the combinations kept from training, if `trained_only`; without the
        jitter of a few pixels, if `still`."""
        while True:
            size = int(rng.choice(3, p=(0.2, 0.65, 0.15)))
            jitter = 0 if still else (3, 3, 2)[size]
            scene = Scene(
                int(rng.choice(subjects)),
                int(rng.integers(len(STYLES))),
                int(rng.integers(len(COLOURS))),
                size,
                int(rng.integers(5)) if size == SMALL else CENTRE,
                int(rng.integers(-jitter, jitter + 1)),
                int(rng.integers(-jitter, jitter + 1)),
            )
            if not (trained_only and self.never_trained(scene)):
                return scene

    def caption(self, rng, scene, style=0.6, name=0.95, size=0.7, background=0.95):
        """A sentence for a scene; each attribute is said with the probability given."""
        words = ["a"]
        small = scene.size != NORMAL and rng.random() < size
        if small:
            words.append(("small", "", "large")[scene.size])
        if rng.random() < style:
            words.append(STYLES[scene.style])
        words.append(self.words[scene.subject] if rng.random() < name else "picture")
        if small and scene.place != CENTRE:
            words.append(PLACES[scene.place])
        if rng.random() < background:
            words.append(f"on a {COLOURS[scene.background]} background")
        return " ".join(words)


def sheet(pictures, columns, scale=1, gap=2):
    """Pictures (n, h, w, 3) as one contact sheet."""
    from PIL import Image

    pictures = np.asarray(pictures)
    n, h, w, _ = pictures.shape
    rows = -(-n // columns)
    out = np.full((rows * (h + gap) + gap, columns * (w + gap) + gap, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        y, x = gap + i // columns * (h + gap), gap + i % columns * (w + gap)
        out[y : y + h, x : x + w] = picture
    return Image.fromarray(out).resize((out.shape[1] * scale, out.shape[0] * scale), Image.NEAREST)
