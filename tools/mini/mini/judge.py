"""Stage judge: the classifiers of the evaluation, trained on renderings only and on none of the generator's pictures.

One small convolutional network with three answers: the subject (of the core), the drawing style, and the look (plain or one
of looks.py). The background is judged without a network, by the colour of the picture's rim.
"""

import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from .looks import LOOKS
from .training import Optimiser, Run, images, schedule, threads
from .world import COLOUR_VALUES, STYLES, World

LOOK_NAMES = ["plain", *LOOKS]
SIDE = 64


class Judge(nn.Module):
    def __init__(self, subjects):
        super().__init__()
        widths = (3, 32, 64, 128, 160)
        layers = []
        for a, b in zip(widths, widths[1:]):
            layers += [nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU(), nn.Conv2d(b, b, 3, 1, 1, groups=b // 32), nn.BatchNorm2d(b), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.heads = nn.ModuleDict(dict(subject=nn.Linear(2 * widths[-1], subjects), style=nn.Linear(2 * widths[-1], len(STYLES)), look=nn.Linear(2 * widths[-1], len(LOOK_NAMES))))

    def forward(self, x):
        h = self.body(x)
        h = torch.cat([h.mean((2, 3)), h.amax((2, 3))], 1)
        return {k: head(h) for k, head in self.heads.items()}


def shrink(pictures):
    return F.interpolate(images(pictures), size=(SIDE, SIDE), mode="area")


def blemish(x, rng):
    """Noise, blur and shifts of colour, so that small faults of a generator do not decide."""
    x = x + torch.randn_like(x) * float(rng.uniform(0, 0.15))
    if rng.random() < 0.4:
        small = F.interpolate(x, scale_factor=float(rng.uniform(0.45, 0.9)), mode="bilinear", antialias=True)
        x = F.interpolate(small, size=(SIDE, SIDE), mode="bilinear")
    gain = torch.from_numpy(rng.uniform(0.9, 1.1, (len(x), 3, 1, 1)).astype(np.float32))
    return x * gain + torch.from_numpy(rng.uniform(-0.06, 0.06, (len(x), 3, 1, 1)).astype(np.float32))


def background(pictures):
    """The nearest of the named colours to each picture's rim (median of four pixels' width). -> int (n,)"""
    p = np.asarray(pictures).astype(np.float32)
    rim = np.concatenate([p[:, :4].reshape(len(p), -1, 3), p[:, -4:].reshape(len(p), -1, 3), p[:, :, :4].reshape(len(p), -1, 3), p[:, :, -4:].reshape(len(p), -1, 3)], 1)
    return ((np.median(rim, 1)[:, None] - COLOUR_VALUES) ** 2).sum(-1).argmin(1)


def load(path, subjects):
    judge = Judge(subjects)
    judge.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()})
    return judge.eval()


@torch.no_grad()
def answers(judge, pictures):
    """uint8 pictures -> dict of int arrays: subject, style, look, background"""
    out = {}
    for start in range(0, len(pictures), 256):
        for k, v in judge(shrink(pictures[start : start + 256])).items():
            out.setdefault(k, []).append(v.argmax(1).numpy())
    return dict({k: np.concatenate(v) for k, v in out.items()}, background=background(pictures))


def scenes(world, rng, n, trained_only=False):
    made = [world.scene(rng, world.core, trained_only=trained_only) for _ in range(n)]
    looks = rng.integers(len(LOOK_NAMES), size=n) * (rng.random(n) < 0.6)
    pictures = np.stack([world.compose(s, look=LOOKS.get(LOOK_NAMES[k])) for s, k in zip(made, looks)])
    truth = dict(subject=[s.subject for s in made], style=[s.style for s in made], look=list(looks), background=[s.background for s in made])
    return pictures, {k: np.array(v) for k, v in truth.items()}


def main():
    cli = argparse.ArgumentParser()
    cli.add_argument("folder")
    cli.add_argument("--steps", type=int, default=1200)
    cli.add_argument("--threads", type=int, default=1)
    args = cli.parse_args()
    threads(args.threads)
    torch.manual_seed(7)
    world = World(os.path.join(args.folder, "data"))
    judge = Judge(len(world.core))
    optimiser = Optimiser(judge.named_parameters(), 2e-3)
    run = Run("judge", args.folder, args.steps, 71, dict(judge=judge, optimiser=optimiser))
    held, truth = scenes(world, np.random.default_rng(70), 1000)
    for step, rng in run.steps():
        pictures, t = scenes(world, rng, 64)
        out = judge(blemish(shrink(pictures), rng))
        loss = sum(w * F.cross_entropy(out[k], torch.from_numpy(t[k]), label_smoothing=0.05) for k, w in dict(subject=1.0, style=0.5, look=0.3).items())
        loss.backward()
        optimiser.step(schedule(step, args.steps))
        run.log(loss=loss)
        if (step + 1) % 200 == 0:
            judge.eval()
            said = answers(judge, held)
            run.row(**{k: float((said[k] == truth[k]).mean()) for k in truth})
            judge.train()
    save_file({k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in judge.state_dict().items()}, os.path.join(args.folder, "judge.safetensors"))


if __name__ == "__main__":
    main()
