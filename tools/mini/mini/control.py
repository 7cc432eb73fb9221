"""Stages control and t2i: a ControlNet (Zhang et al., 2023) and a T2I-Adapter (Mou et al., 2023) for the shipped base, both for edges.

    python -m mini.control WORK MODEL [--t2i]

The base and its text encoder are read from MODEL, as they are shipped, and stay frozen. The condition of a sample is the Canny edges of
the picture that the base is to paint. Half of the sentences are left out, as in the paper, or say little, so that the edges are needed.
Some pictures stand a few pixels aside from where the base learned them: the place, too, then comes from the edges alone.
"""

import argparse
import multiprocessing
import os

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL, ControlNetModel, T2IAdapter, UNet2DConditionModel
from transformers import CLIPTextModel

from . import tokens
from .bank import encode_latents, scene_of
from .training import Average, Optimiser, Run, images, schedule, threads
from .unet import CHANNELS, Noising, latents, timesteps
from .world import World

HINT = (16, 24, 48, 64)  # channels of the network that brings the edges to the size of the latents
LOW, HIGH = 100, 200  # thresholds of the edges


def edges(picture):
    """uint8 (h, w, 3) -> uint8 (h, w), 0 or 255"""
    return cv2.Canny(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), LOW, HIGH)


def load_base(model):
    unet = UNet2DConditionModel.from_pretrained(os.path.join(model, "unet"), torch_dtype=torch.float32)
    return unet.to(memory_format=torch.channels_last).requires_grad_(False)


def make_control(unet):
    control = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=HINT)
    return control.to(memory_format=torch.channels_last)


def make_t2i():
    """The first level of the base has no attention, so its addition comes behind the downsampling, where the levels of the XL form fit. It
    reads one channel, as the published ones for edges do: nearly half of its weights would read copies of the other two."""
    channels = [*CHANNELS, CHANNELS[-1]]
    return T2IAdapter(in_channels=1, channels=channels, num_res_blocks=1, downscale_factor=16, adapter_type="full_adapter_xl").to(memory_format=torch.channels_last)


class ShippedCaptions:
    """The shipped text encoder, remembering what it has encoded."""

    def __init__(self, model):
        self.tokenizer = tokens.load(model)
        self.text = CLIPTextModel.from_pretrained(os.path.join(model, "text_encoder"), dtype=torch.float32).eval()
        self.known = {}

    @torch.no_grad()
    def __call__(self, captions):
        new = sorted({c for c in captions if c not in self.known})
        if new:
            self.known.update(zip(new, self.text(tokens.encode(self.tokenizer, new)).last_hidden_state))
        return torch.stack([self.known[c] for c in captions])


class Encoder:
    """Draws scenes, their latents and their edges; made once in each process of the pool."""

    def __init__(self, folder, model):
        threads(1)
        self.world = World(os.path.join(folder, "data"))
        self.vae = AutoencoderKL.from_pretrained(os.path.join(model, "vae"), torch_dtype=torch.float32).eval()

    def __call__(self, scenes):
        pictures = np.stack([self.world.compose(s) for s in scenes])
        lines = np.stack([np.packbits(edges(p) > 0) for p in pictures])
        return encode_latents(self.vae, images(pictures)).numpy(), lines


def start(*args):
    global encoder
    encoder = Encoder(*args)


def encode(scenes):
    return encoder(scenes)


def make_bank(folder, model, core, wide, processes=2):
    """Latents, edges and scenes: all combinations that the base was trained on; half of them stand still."""
    path = os.path.join(folder, "bank-edges.pt")
    if os.path.exists(path):
        return torch.load(path, weights_only=False)
    world, rng = World(os.path.join(folder, "data")), np.random.default_rng(131)
    scenes = [world.scene(rng, world.core, still=rng.random() < 0.5) for _ in range(core)]
    scenes += [world.scene(rng, world.wide, still=rng.random() < 0.5) for _ in range(wide)]
    parts = [scenes[i : i + 32] for i in range(0, len(scenes), 32)]
    with multiprocessing.get_context("spawn").Pool(processes, start, (folder, model)) as pool:
        made = list(pool.imap(encode, parts))
    meta = np.array([[s.subject, s.style, s.background, s.size, s.place, s.dx, s.dy] for s in scenes], np.int16)
    bank = dict(latents=torch.from_numpy(np.concatenate([m[0] for m in made])), edges=np.concatenate([m[1] for m in made]), meta=meta)
    torch.save(bank, path)
    return bank


def conditions(bank, rows, rng):
    """Edges as the networks read them, (n, 3, 128, 128) of 0 and 1."""
    x = np.unpackbits(bank["edges"][rows], axis=1).reshape(len(rows), 1, 128, 128)
    return torch.from_numpy(x).float().expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def predict(unet, net, x, t, states, hint):
    """What the base predicts under the control."""
    if isinstance(net, T2IAdapter):
        return unet(x, t, states, down_intrablock_additional_residuals=net(hint[:, :1])).sample
    down, mid = net(x, t, states, hint, return_dict=False)
    return unet(x, t, states, down_block_additional_residuals=down, mid_block_additional_residual=mid).sample


def main():
    cli = argparse.ArgumentParser()
    cli.add_argument("folder")
    cli.add_argument("model")
    cli.add_argument("--t2i", action="store_true")
    cli.add_argument("--steps", type=int, default=3000)
    cli.add_argument("--batch", type=int, default=32)
    cli.add_argument("--lr", type=float, default=1.5e-3)
    cli.add_argument("--core", type=int, default=6400)
    cli.add_argument("--wide", type=int, default=3200)
    cli.add_argument("--threads", type=int, default=2)
    args = cli.parse_args()
    threads(args.threads)
    torch.manual_seed(8)
    name = "t2i" if args.t2i else "control"
    path = lambda file: os.path.join(args.folder, file)
    world = World(path("data"))
    bank = make_bank(args.folder, args.model, args.core, args.wide)
    scenes = [scene_of(row) for row in bank["meta"]]
    captions, noising, unet = ShippedCaptions(args.model), Noising(), load_base(args.model)
    net = make_t2i() if args.t2i else make_control(unet)
    print(f"{name}: {sum(p.numel() for p in net.parameters()) / 1e6:.2f} M parameters, {len(scenes)} scenes", flush=True)
    optimiser = Optimiser(net.named_parameters(), args.lr)
    mean = Average(net.named_parameters(), 0.998)
    run = Run(name, args.folder, args.steps, 81 + args.t2i, dict(net=net, optimiser=optimiser, mean=mean), save_every=100)

    for step, rng in run.steps():
        rows = rng.choice(len(scenes), args.batch).astype(np.int64)
        texts = ["" if rng.random() < 0.3 else world.caption(rng, scenes[r], name=0.7, size=0.3) for r in rows]
        z, t = latents(bank, rows, rng), timesteps(rng, len(rows))
        x, v = noising(z, t, torch.randn(z.shape))
        with torch.autocast("cpu", torch.bfloat16):
            out = predict(unet, net, x.contiguous(memory_format=torch.channels_last), t, captions(texts), conditions(bank, rows, rng))
        loss = (out.float() - v).pow(2).mean()
        loss.backward()
        optimiser.step(schedule(step, args.steps, hold=0.4))
        mean.update(step)
        run.log(loss=loss)
        if (step + 1) % 500 == 0:
            torch.save(dict(mean.mean), path(f"{name}-latest.pt"))
    mean.swap()
    torch.save(net.state_dict(), path(f"{name}.pt"))


if __name__ == "__main__":
    main()
