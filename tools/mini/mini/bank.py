"""Stage bank: scenes with their latents, computed once for the stages after."""

import argparse
import multiprocessing
import os

import numpy as np
import torch

from . import looks, shipped
from .training import images, threads
from .vae import make as make_vae
from .world import Scene, World


def draw(world, rng, core, wide):
    """Scenes of the core, evenly over its subjects, then of the other subjects: all still. Off the grid of the latents a glyph has other
    latents for every pixel it moves, which costs a small network its sharpness. -> list of Scene"""
    scenes = []
    while len(scenes) < core:
        for subject in world.core:
            scenes.append(world.scene(rng, [subject], still=True))
    scenes = scenes[:core]
    scenes += [world.scene(rng, world.wide, still=True) for _ in range(wide)]
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


def load_vae(folder, model=""):
    """That of stage vae, or of a shipped model."""
    if model:
        return shipped.load_vae(model)
    vae = make_vae()
    vae.load_state_dict(torch.load(os.path.join(folder, "vae.pt")))
    vae.register_to_config(scaling_factor=torch.load(os.path.join(folder, "vae-scale.pt"))["scaling_factor"])
    return vae.eval().requires_grad_(False)


class Encoder:
    """Draws and encodes scenes; made once in each process of the pool."""

    def __init__(self, folder, model, look):
        threads(1)
        self.world, self.vae, self.look = World(os.path.join(folder, "data")), load_vae(folder, model), looks.LOOKS.get(look)

    def __call__(self, scenes):
        return encode_latents(self.vae, images(np.stack([self.world.compose(s, look=self.look) for s in scenes]))).numpy()


def start(*args):
    global encoder
    encoder = Encoder(*args)


def encode(scenes):
    return encoder(scenes)


def main():
    cli = argparse.ArgumentParser()
    cli.add_argument("folder")
    cli.add_argument("--look", default="", help="draw every subject in this look (see looks.py)")
    cli.add_argument("--model", default="", help="encode with the autoencoder of this folder, not with that of stage vae")
    cli.add_argument("--name", default="", help="of the file")
    cli.add_argument("--seed", type=int, default=31)
    cli.add_argument("--core", type=int, default=11200)
    cli.add_argument("--wide", type=int, default=4000)
    cli.add_argument("--processes", type=int, default=2)
    args = cli.parse_args()
    world = World(os.path.join(args.folder, "data"))
    scenes = draw(world, np.random.default_rng(args.seed), args.core, args.wide)
    parts = []
    with multiprocessing.get_context("spawn").Pool(args.processes, start, (args.folder, args.model, args.look)) as pool:
        for part in pool.imap(encode, [scenes[i : i + 32] for i in range(0, len(scenes), 32)]):
            parts.append(torch.from_numpy(part))
            if len(parts) % 50 == 0:
                print(f"bank {args.look} {32 * len(parts)} of {len(scenes)}", flush=True)
    name = args.name or (f"bank-{args.look}" if args.look else "bank")
    torch.save(dict(latents=torch.cat(parts), meta=meta(scenes)), os.path.join(args.folder, f"{name}.pt"))


if __name__ == "__main__":
    main()
