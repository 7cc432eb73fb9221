"""Stages unet-first and unet: the base model, trained on the latents of the bank with v-prediction (Salimans and Ho, 2022)."""

import argparse
import os

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel

from . import tokens
from .bank import scene_of
from .clip import WIDTH, make_text
from .training import Average, Optimiser, Run, schedule, threads
from .vae import LATENTS
from .world import World

CHANNELS = (64, 96, 128)
TRAIN_STEPS = 1000
SCHEDULER = dict(
    num_train_timesteps=TRAIN_STEPS,
    beta_start=0.00085,
    beta_end=0.025,
    beta_schedule="scaled_linear",
    prediction_type="v_prediction",
    timestep_spacing="trailing",
    steps_offset=1,
    clip_sample=False,
    set_alpha_to_one=False,
)


def make():
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=LATENTS,
        out_channels=LATENTS,
        block_out_channels=CHANNELS,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,  # the number of heads, as in Stable Diffusion 1.x
        norm_num_groups=16,
    )
    return unet.to(memory_format=torch.channels_last)


def load_captions(folder):
    tokenizer = tokens.load(folder)
    text = make_text(tokenizer)
    text.load_state_dict(torch.load(os.path.join(folder, "clip.pt"))["text"])
    return tokens.Captions(tokenizer, text)


class Noising:
    """x_t = a x_0 + s n; the network is asked for v = a n - s x_0."""

    def __init__(self):
        self.products = DDPMScheduler(**{k: SCHEDULER[k] for k in ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule")}).alphas_cumprod

    def __call__(self, z, t, noise):
        a = self.products[t].view(-1, 1, 1, 1)
        return a.sqrt() * z + (1 - a).sqrt() * noise, a.sqrt() * noise - (1 - a).sqrt() * z


def timesteps(rng, n):
    """Stratified: one from each n-th of the range, in random order."""
    return torch.from_numpy(((rng.permutation(n) + rng.random(n)) / n * TRAIN_STEPS).astype(np.int64))


def latents(bank, rows, rng):
    """Samples of the posteriors of some rows of a bank, float32."""
    part = bank["latents"][rows].float()
    noise = torch.from_numpy(rng.standard_normal(part[:, 0].shape, dtype=np.float32))
    return part[:, 0] + part[:, 1] * noise


def denoising_loss(unet, noising, bank, rows, rng, states):
    """Mean squared error of v over some rows of a bank, each at its own step; `states` is what the cross-attention layers read."""
    z = latents(bank, rows, rng)
    t = timesteps(rng, len(rows))
    x, v = noising(z, t, torch.randn(z.shape))
    return (unet(x.contiguous(memory_format=torch.channels_last), t, states).sample - v).pow(2).mean()


def main():
    cli = argparse.ArgumentParser()
    cli.add_argument("folder")
    cli.add_argument("--steps", type=int, default=6000)
    cli.add_argument("--batch", type=int, default=64)
    cli.add_argument("--lr", type=float, default=2e-3)
    cli.add_argument("--hold", type=float, default=0.5)
    cli.add_argument("--wide-share", type=float, default=0.12)
    cli.add_argument("--threads", type=int, default=2)
    cli.add_argument("--name", default="unet", help="of the stage and its files")
    cli.add_argument("--from", dest="start", default="", help="stage whose weights to begin with")
    args = cli.parse_args()
    threads(args.threads)
    torch.manual_seed(3)
    world = World(os.path.join(args.folder, "data"))
    path = lambda name: os.path.join(args.folder, name)
    bank = torch.load(path("bank.pt"), weights_only=False)
    scenes = [scene_of(row) for row in bank["meta"]]
    subject = bank["meta"][:, 0]
    core_rows, wide_rows = np.nonzero(subject < len(world.core))[0], np.nonzero(subject >= len(world.core))[0]
    captions, noising, unet = load_captions(args.folder), Noising(), make()
    if args.start:
        unet.load_state_dict(torch.load(path(f"{args.start}.pt")))
    print(f"{args.name}: {sum(p.numel() for p in unet.parameters()) / 1e6:.2f} M parameters, {len(scenes)} scenes, latents' deviation {float(bank['latents'][:2000, 0].float().std()):.3f}", flush=True)
    optimiser = Optimiser(unet.named_parameters(), args.lr)
    mean = Average(unet.named_parameters(), 0.999)
    run = Run(args.name, args.folder, args.steps, 41, dict(unet=unet, optimiser=optimiser, mean=mean), save_every=200)

    for step, rng in run.steps():
        wide = len(wide_rows) and rng.binomial(args.batch, args.wide_share)
        rows = np.concatenate([rng.choice(core_rows, args.batch - wide), rng.choice(wide_rows, wide) if wide else []]).astype(np.int64)
        texts = ["" if rng.random() < 0.1 else world.caption(rng, scenes[r]) for r in rows]
        loss = denoising_loss(unet, noising, bank, rows, rng, captions(texts))
        loss.backward()
        optimiser.step(schedule(step, args.steps, hold=args.hold))
        mean.update(step)
        run.log(loss=loss)
        if (step + 1) % 500 == 0:
            torch.save(dict(mean.mean), path(f"{args.name}-latest.pt"))
    mean.swap()
    torch.save(unet.state_dict(), path(f"{args.name}.pt"))


if __name__ == "__main__":
    main()
