"""The questions of the evaluation: python -m mini.questions WORK [PICTURES_A_ROW]

Writes questions.json (rows of prompts, seeds and which picture to show, with the answers expected) and pictures.raw (the image
prompts, uint8, 128 x 128 x 3 each). Everything is drawn from one fixed seed.
"""

import json
import os
import sys

import numpy as np

from .world import COLOURS, NORMAL, STYLES, Scene, World

ROWS = {
    "text": "text only",
    "image": "image prompt, empty text",
    "image-plus": "the same with ip-adapter-plus",
    "image-text": 'image prompt + "on a COLOUR background"',
    "image-text-plus": "the same with ip-adapter-plus",
    "unseen": "subject, style and background never trained together, text only",
    "held-out": "image prompt of a subject the adapter never saw",
    "style": "image prompt + text naming only the subject",
    "custom": 'custom checkpoint (base and LoRA): image prompt + "on a COLOUR background"',
}


class Maker:
    def __init__(self, world):
        self.world = world
        self.pictures = []
        self.rng = np.random.default_rng(2026)

    def picture(self, scene):
        self.pictures.append(self.world.compose(scene))
        return len(self.pictures) - 1

    def other(self, n, not_this):
        return int((not_this + 1 + self.rng.integers(n - 1)) % n)

    def question(self, row, i, seed):
        rng, world = self.rng, self.world
        subjects = world.held_out if row == "held-out" else world.core
        while True:
            scene = Scene(int(subjects[i % len(subjects)]), int(rng.integers(3)), int(rng.integers(len(COLOURS))), NORMAL, 0, int(rng.integers(-3, 4)), int(rng.integers(-3, 4)))
            if world.never_trained(scene) == (row == "unseen"):
                break
        word, colour = world.words[scene.subject], COLOURS[scene.background]
        q = dict(seed=seed, subject=scene.subject, style=scene.style, background=scene.background, prompt="")
        if row == "text":
            q["prompt"] = f"a {word} on a {colour} background"
            q["style"] = None
        elif row == "unseen":
            q["prompt"] = f"a {STYLES[scene.style]} {word} on a {colour} background"
        else:
            q["picture"] = self.picture(scene)
        if row in ("image-text", "image-text-plus", "custom"):
            q["background"] = self.other(len(COLOURS), scene.background)
            q["prompt"] = f"on a {COLOURS[q['background']]} background"
        if row == "style":
            q["prompt"] = f"a {word}"
        if row == "held-out":
            # The distractor differs in the subject alone: same style, background and place.
            another = int(world.held_out[self.other(len(world.held_out), i % len(world.held_out))])
            q["other"] = self.picture(Scene(another, scene.style, scene.background, scene.size, 0, scene.dx, scene.dy))
        return q


def main():
    work, count = sys.argv[1], int((sys.argv[2:] or [504])[0])
    maker = Maker(World(os.path.join(work, "data")))
    # The plus adapter is shown beside the base one; the goals are the base adapter's.
    size = lambda name: count // 3 if name.endswith("plus") else count
    rows = [dict(name=name, title=title, questions=[maker.question(name, i, 1000 + i) for i in range(size(name))]) for name, title in ROWS.items()]
    np.stack(maker.pictures).tofile(os.path.join(work, "pictures.raw"))
    with open(os.path.join(work, "questions.json"), "w") as file:
        json.dump(dict(rows=rows, subjects=len(maker.world.core)), file)


if __name__ == "__main__":
    main()
