"""Stages style-first and style: two layers of the shipped image adapter learn to bring the style of a picture alone, without its subject.

    python -m mini.style WORK MODEL

They go on from the adapter of MODEL, on the base of MODEL. In a share of the batches only the layers of up.block_1 are on. The sentences of
those name the target's subject, and the picture shows another subject in the target's style. So these layers become what InstantStyle (Wang
et al., 2024) found in one block of SDXL. All other batches have all layers on. They are those of the adapter's last stage, and keep what it
knew.
"""

import argparse
import os

import numpy as np
import torch

from .adapter import ANY, Prompts, Samples, make_trained
from .bank import scene_of
from .shipped import adapter_file, load_base, load_captions, load_vision
from .training import Average, Optimiser, Run, schedule, threads
from .unet import Noising, denoising_loss
from .world import STYLES, World

STYLE_LAYERS = (1, 2)  # of down.block_1, up.block_1 (two), mid: the order of a UNet's attention processors


def load_adapter(model, unet):
    """Puts the image adapter on `unet`. -> what stage adapter trains: its projection, and its layers in the order of the UNet's"""
    parts = adapter_file(model)
    state = {f"image_proj.{k.replace('proj.', 'image_embeds.')}": v for k, v in parts["image_proj"].items()}
    # A layer's number in a file is its place among all of the UNet's attention processors.
    numbers = sorted({int(k.split(".")[0]) for k in parts["ip_adapter"]})
    for place, number in enumerate(numbers):
        for key in ("to_k_ip", "to_v_ip"):
            state[f"layers.{place}.{key}.0.weight"] = parts["ip_adapter"][f"{number}.{key}.weight"]
    trained = make_trained(unet, False)
    trained.load_state_dict(state)
    return trained.requires_grad_(True)


class StyleSamples(Samples):
    def style(self, rng, scene):
        """The subject in words, and a picture of another one. The background, too, comes from the picture where no word says it."""
        text = self.world.caption(rng, scene, style=0.05, name=1, size=0.97, background=0.4)
        style = ANY if STYLES[scene.style] in text else scene.style
        background = ANY if "background" in text else scene.background
        while True:
            other = int(rng.choice(self.world.core))
            group = self.prompts.by_traits.get((other, style, background))
            if other != scene.subject and group:
                return text, self.prompts.features[group[rng.integers(len(group))]].float()


def read_arguments():
    cli = argparse.ArgumentParser()
    cli.add_argument("folder")
    cli.add_argument("model")
    cli.add_argument("--bank", default="bank-shipped.pt")
    cli.add_argument("--steps", type=int, default=1600)
    cli.add_argument("--batch", type=int, default=48)
    cli.add_argument("--lr", type=float, default=1.4e-3)
    cli.add_argument("--hold", type=float, default=0.3)
    cli.add_argument("--wide-share", type=float, default=0.12)
    cli.add_argument("--style-share", type=float, default=0.5, help="share of batches with the layers for style alone")
    cli.add_argument("--threads", type=int, default=2)
    cli.add_argument("--float32", action="store_true", help="for processors that have no bfloat16, where it is slower")
    cli.add_argument("--name", default="style-first", help="of the stage and its files")
    cli.add_argument("--from", dest="start", default="", help="stage whose weights to begin with, in place of the shipped ones")
    return cli.parse_args()


def main():
    args = read_arguments()
    threads(args.threads)
    torch.manual_seed(9)
    path = lambda file: os.path.join(args.folder, file)
    world, bank = World(path("data")), torch.load(path(args.bank), weights_only=False)
    scenes = [scene_of(row) for row in bank["meta"]]
    known = bank["meta"][:, 0] < len(world.core)
    core_rows, wide_rows = np.nonzero(known)[0], np.nonzero(~known)[0]
    prompts = Prompts(world, load_vision(args.model), scenes, False)
    samples = StyleSamples(world, load_captions(args.model), prompts, misnamed=0.2, size=0.97)  # as in the last stage of the adapter
    noising, unet = Noising(), load_base(args.model)
    trained = load_adapter(args.model, unet)
    if args.start:
        trained.load_state_dict(torch.load(path(f"{args.start}.pt")))
    optimiser, mean = Optimiser(trained.named_parameters(), args.lr), Average(trained.named_parameters(), 0.995)
    run = Run(args.name, args.folder, args.steps, 91 + bool(args.start), dict(trained=trained, optimiser=optimiser, mean=mean), save_every=100)

    for step, rng in run.steps():
        style_only = rng.random() < args.style_share
        wide = 0 if style_only else rng.binomial(args.batch, args.wide_share)
        rows = np.concatenate([rng.choice(core_rows, args.batch - wide), rng.choice(wide_rows, wide)]).astype(np.int64)
        text, features = samples(rng, [scenes[r] for r in rows], samples.style if style_only else samples.whole)
        for i, layer in enumerate(trained["layers"]):
            layer.scale = [float(not style_only or i in STYLE_LAYERS)]
        with torch.autocast("cpu", torch.bfloat16, enabled=not args.float32):
            loss = denoising_loss(unet, noising, bank, rows, rng, (text, [trained["image_proj"](features)]))
        loss.backward()
        optimiser.step(schedule(step, args.steps, hold=args.hold))
        mean.update(step)
        run.log(**{"style_loss" if style_only else "whole_loss": loss})
        if (step + 1) % 500 == 0:
            torch.save(dict(mean.mean), path(f"{args.name}-latest.pt"))
    mean.swap()
    torch.save(trained.state_dict(), path(f"{args.name}.pt"))


if __name__ == "__main__":
    main()
