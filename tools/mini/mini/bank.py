"""Stage bank: scenes with their latents, computed once for the stages after."""

import argparse
import os

import numpy as np
import torch

from . import looks
from .training import images, threads
from .vae import make as make_vae
from .world import Scene, World


def draw(world, rng, core, wide):
    """Every trained combination of the core evenly, then random scenes of the other subjects. -> list of Scene"""
    scenes = []
    while len(scenes) < core:
        for subject in world.core:
            scenes.append(world.scene(rng, [subject]))
    scenes = scenes[:core]
    scenes += [world.scene(rng, world.wide) for _ in range(wide)]
    return scenes


def meta(scenes):
    return np.array([[s.subject, s.style, s.background, s.size, s.place, s.dx, s.dy] for s in scenes], np.int16)


def scene_of(row):
    return Scene(*(int(v) for v in row))


def encode_latents(vae, x):
    """The posterior's mean and standard deviation, scaled: float16 (n, 2, channels, 16, 16)"""
    with torch.no_grad():
        posterior = vae.encode(x).latent_dist
        z = torch.stack([posterior.mean, posterior.std], 1) * vae.config.scaling_factor
    return z.half()


def load_vae(folder):
    vae = make_vae()
    vae.load_state_dict(torch.load(os.path.join(folder, "vae.pt")))
    vae.register_to_config(scaling_factor=torch.load(os.path.join(folder, "vae-scale.pt"))["scaling_factor"])
    return vae.eval().requires_grad_(False)


def main():
    cli = argparse.ArgumentParser()
    cli.add_argument("folder")
    cli.add_argument("--look", default="", help="draw every subject in this look (see looks.py)")
    cli.add_argument("--core", type=int, default=33600)
    cli.add_argument("--wide", type=int, default=8000)
    cli.add_argument("--threads", type=int, default=2)
    args = cli.parse_args()
    threads(args.threads)
    world = World(os.path.join(args.folder, "data"))
    vae = load_vae(args.folder)
    look = looks.LOOKS[args.look] if args.look else None
    scenes = draw(world, np.random.default_rng(31), args.core, args.wide)
    parts = []
    for start in range(0, len(scenes), 32):
        pictures = np.stack([world.compose(s, look=look) for s in scenes[start : start + 32]])
        parts.append(encode_latents(vae, images(pictures)))
        if start % 3200 == 0:
            print(f"bank {args.look} {start} of {len(scenes)}", flush=True)
    name = f"bank-{args.look}" if args.look else "bank"
    torch.save(dict(latents=torch.cat(parts), meta=meta(scenes)), os.path.join(args.folder, f"{name}.pt"))


if __name__ == "__main__":
    main()
