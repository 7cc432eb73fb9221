"""The questions of the evaluation of controls: python -m mini.control_questions WORK [PICTURES_A_ROW]

Writes control-questions.json (rows of prompts, seeds, numbers of pictures and the answers expected) and control-pictures.raw (uint8,
128 x 128 x 3 each). Everything is drawn from one fixed seed.
"""

import json
import os
import sys

import numpy as np

from .world import CENTRE, COLOURS, NORMAL, SIDE, SMALL, STYLES, Scene, World

SIDES = ("left", "right", "top", "bottom")


class Maker:
    def __init__(self, world):
        self.world = world
        self.pictures = []
        self.rng = np.random.default_rng(20261)

    def picture(self, scene):
        self.pictures.append(self.world.compose(scene))
        return len(self.pictures) - 1

    def other(self, n, not_this):
        return int((not_this + 1 + self.rng.integers(n - 1)) % n)

    def scene(self, i, size=NORMAL, place=CENTRE):
        rng, subjects = self.rng, self.world.core
        jitter = lambda: int(rng.integers(-3, 4))
        return Scene(int(subjects[i % len(subjects)]), int(rng.integers(len(STYLES))), int(rng.integers(len(COLOURS))), size, place, jitter(), jitter())

    def background(self, scene):
        """Another one than the scene's, and the words for it."""
        colour = self.other(len(COLOURS), scene.background)
        return colour, f"on a {COLOURS[colour]} background"

    def masked(self, i):
        """An image prompt that counts in one half alone of a picture twice as wide, or as high: the model's subjects are as large as its
        own pictures."""
        scene, side = self.scene(i), SIDES[i % 4]
        _, words = self.background(scene)
        wide = side in ("left", "right")
        return dict(prompt=words, picture=self.picture(scene), side=side, subject=scene.subject, width=SIDE * (1 + wide), height=SIDE * (2 - wide))

    def block(self, i):
        """The subject in words, the drawing style in an image prompt of another subject."""
        scene = self.scene(i)
        subject = self.other(len(self.world.core), scene.subject)
        return dict(prompt=f"a {self.world.words[subject]}", picture=self.picture(scene), subject=subject, style=scene.style)

    def start(self, i):
        """A picture to change into another subject."""
        scene = self.scene(i)
        subject = self.other(len(self.world.core), scene.subject)
        return dict(prompt=f"a {self.world.words[subject]} on a {COLOURS[scene.background]} background", start=self.picture(scene))

    def inpaint(self, i):
        """A picture of which a rectangle is painted anew."""
        rng, question = self.rng, self.start(i)
        width, height = (int(v) for v in rng.integers(24, 81, 2))
        return dict(question, rectangle=[int(rng.integers(0, 129 - width)), int(rng.integers(0, 129 - height)), width, height])

    def edges(self, i):
        """The layout in edges, the subject in an image prompt of another size and place, the background in words."""
        size = (SMALL, NORMAL, NORMAL)[i % 3]
        layout = self.scene(i, size, int(self.rng.integers(5)) if size == SMALL else CENTRE)
        shown = Scene(layout.subject, layout.style, self.other(len(COLOURS), layout.background), NORMAL, CENTRE)
        colour, words = self.background(shown)
        return dict(prompt=words, picture=self.picture(shown), layout=self.picture(layout), subject=layout.subject, background=colour)


ROWS = ("masked", "block-search", "block", "start", "inpaint", "edges")


def main():
    work, count = sys.argv[1], int((sys.argv[2:] or [200])[0])
    maker = Maker(World(os.path.join(work, "data")))
    make = lambda row, i: dict(getattr(maker, row.split("-")[0])(i), seed=5000 + i + 1000 * ROWS.index(row))
    rows = {row: [make(row, i) for i in range(min(count, 80) if row == "block-search" else count)] for row in ROWS}
    np.stack(maker.pictures).tofile(os.path.join(work, "control-pictures.raw"))
    with open(os.path.join(work, "control-questions.json"), "w") as file:
        json.dump(dict(rows=rows, subjects=len(maker.world.core)), file)


if __name__ == "__main__":
    main()
