"""Stage vae: the autoencoder. 128 x 128 pixels <-> latents of 16 x 16 x LATENTS (a latent covers 8 pixels along a side)."""

import argparse
import os

import numpy as np
import torch
from diffusers import AutoencoderKL

from .training import Average, Optimiser, Run, images, pixels, schedule, threads
from .world import World, sheet

LATENTS = 8
CHANNELS = (16, 24, 48, 96)


def make():
    n = len(CHANNELS)
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * n,
        up_block_types=["UpDecoderBlock2D"] * n,
        block_out_channels=CHANNELS,
        layers_per_block=1,
        latent_channels=LATENTS,
        norm_num_groups=8,
        sample_size=128,
    )
    with torch.no_grad():  # start almost without noise: half of the outputs are log-variances
        vae.quant_conv.bias[LATENTS:] = -6
        vae.quant_conv.weight[LATENTS:] *= 0.1
    return vae.to(memory_format=torch.channels_last)


def pictures(world, rng, n, subjects):
    scenes = [world.scene(rng, subjects, trained_only=False) for _ in range(n)]
    return np.stack([world.compose(s, (rng.integers(0, 256, 3) if rng.random() < 0.1 else None)) for s in scenes])


def crops(batch, rng, side):
    """One random crop of each picture, more often near the middle, on the grid of the latents."""
    spots = np.clip(rng.normal(0.5, 0.25, (len(batch), 2)), 0, 1) * (batch.shape[1] - side)
    spots = spots.round().astype(int)
    return np.stack([p[y : y + side, x : x + side] for p, (y, x) in zip(batch, spots)])


def psnr(vae, x):
    with torch.no_grad():
        y = torch.cat([vae.decode(vae.encode(part).latent_dist.mode()).sample for part in x.split(16)]).clamp(-1, 1)
    return float((-10 * torch.log10(((y - x) / 2).pow(2).mean((1, 2, 3)))).mean()), y


def loss_terms(x, y):
    l1 = (y - x).abs().mean()
    l2 = (y - x).pow(2).mean()
    d = y - x
    edges = (d[..., 1:, :] - d[..., :-1, :]).abs().mean() + (d[..., 1:] - d[..., :-1]).abs().mean()
    return l1, l2, edges


def main():
    cli = argparse.ArgumentParser()
    cli.add_argument("folder")
    cli.add_argument("--steps", type=int, default=5000)
    cli.add_argument("--batch", type=int, default=16)
    cli.add_argument("--lr", type=float, default=3e-3)
    cli.add_argument("--threads", type=int, default=2)
    args = cli.parse_args()
    threads(args.threads)
    torch.manual_seed(1)
    world = World(os.path.join(args.folder, "data"))
    vae = make()
    trained = np.concatenate([world.core, world.wide])
    optimiser = Optimiser(vae.named_parameters(), args.lr)
    mean = Average(vae.named_parameters(), 0.998)
    run = Run("vae", args.folder, args.steps, 11, dict(vae=vae, optimiser=optimiser, mean=mean))
    rng = np.random.default_rng(99)
    known, unknown = (images(pictures(world, rng, 32, s)) for s in (world.core, world.held_out))
    for step, rng in run.steps():
        subjects = world.core if rng.random() < 0.5 else trained
        # Small crops first: many more optimiser steps for the same arithmetic.
        side, batch = (32, args.batch) if step < 0.75 * args.steps else (64, args.batch // 2)
        x = images(crops(pictures(world, rng, batch, subjects), rng, side))
        posterior = vae.encode(x).latent_dist
        y = vae.decode(posterior.sample()).sample
        l1, l2, edges = loss_terms(x, y)
        kl = 0.5 * (posterior.mean.pow(2) + posterior.var - 1 - posterior.logvar).mean()
        (l1 + 3 * l2 + 0.5 * edges + 2e-4 * kl).backward()
        optimiser.step(schedule(step, args.steps))
        mean.update(step)
        run.log(l1=l1, mse=l2, edges=edges, kl=kl)
        if (step + 1) % 200 == 0:
            mean.swap()
            run.row(psnr_known=psnr(vae, known)[0], psnr_unknown=psnr(vae, unknown)[0])
            mean.swap()
    mean.swap()
    with torch.no_grad():
        z = torch.cat([vae.encode(part).latent_dist.sample() for part in known.split(16)])
    torch.save(dict(scaling_factor=1 / float(z.std())), os.path.join(args.folder, "vae-scale.pt"))
    torch.save(vae.state_dict(), os.path.join(args.folder, "vae.pt"))
    out = [t for x in (known, unknown) for t in (x[:12], psnr(vae, x)[1][:12])]
    sheet(pixels(torch.cat(out)), 12).save(os.path.join(args.folder, "vae.png"))


if __name__ == "__main__":
    main()
