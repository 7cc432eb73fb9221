"""A quick look at a checkpoint while it trains: python -m mini.probe WORK [--adapter NAME] [--count N]. Prints judged shares, writes a sheet."""

import argparse
import os

import numpy as np
import torch
from diffusers import DDIMScheduler
from torch import nn

from . import judge as judging, lora
from .adapter import PLUS_TOKENS, TOKENS, attach, encode, load_vision, make_projection
from .bank import load_vae
from .clip import preprocess
from .training import pixels, threads
from .unet import SCHEDULER, load_captions, make as make_unet
from .vae import LATENTS
from .world import COLOURS, NORMAL, STYLES, Scene, World, sheet


@torch.no_grad()
def sample(unet, vae, cond, uncond, guidance, steps, seed):
    """cond and uncond: encoder_hidden_states (a tensor, or text and list of image tokens) for n pictures -> uint8 pictures"""
    scheduler = DDIMScheduler(**SCHEDULER)
    scheduler.set_timesteps(steps)
    n = len(cond if torch.is_tensor(cond) else cond[0])
    z = torch.randn((n, LATENTS, 16, 16), generator=torch.Generator().manual_seed(seed)).contiguous(memory_format=torch.channels_last)
    for t in scheduler.timesteps:
        c, u = unet(z, t, cond).sample, unet(z, t, uncond).sample
        z = scheduler.step(u + guidance * (c - u), t, z).prev_sample
    return np.concatenate([pixels(vae.decode(part / vae.config.scaling_factor).sample) for part in z.split(16)])


def main():
    cli = argparse.ArgumentParser()
    cli.add_argument("folder")
    cli.add_argument("--unet", default="unet-latest")
    cli.add_argument("--adapter", default="", help="adapter, adapter-plus or their -latest")
    cli.add_argument("--count", type=int, default=112)
    cli.add_argument("--guidance", type=float, default=4)
    cli.add_argument("--steps", type=int, default=20)
    cli.add_argument("--text", default="on a {colour} background", help="of image prompts; {colour} is another than the picture's")
    cli.add_argument("--look", default="plain", help="what the custom LoRA, then put on, should paint")
    args = cli.parse_args()
    threads(2)
    path = lambda name: os.path.join(args.folder, name)
    world, vae, captions = World(path("data")), load_vae(args.folder), load_captions(args.folder)
    judge = judging.load(path("judge.safetensors"), len(world.core))
    unet = make_unet()
    unet.load_state_dict(torch.load(path(f"{args.unet}.pt")))
    rng = np.random.default_rng(3)
    scenes = [Scene(i % len(world.core), int(rng.integers(3)), int(rng.integers(8)), NORMAL) for i in range(args.count)]
    empty = captions([""]).expand(args.count, -1, -1)
    if args.adapter:
        plus = "plus" in args.adapter
        trained = nn.ModuleDict(dict(image_proj=make_projection(plus), layers=attach(unet, PLUS_TOKENS if plus else TOKENS)))
        trained.load_state_dict(torch.load(path(f"{args.adapter}.pt")))
        vision = load_vision(args.folder)
        with torch.no_grad():
            shown = np.stack([world.compose(s) for s in scenes])
            features = encode(vision, preprocess(shown), plus)
            zero = encode(vision, torch.zeros(1, 3, 64, 64), True) if plus else torch.zeros(1, features.shape[1])
            image, none = trained["image_proj"](features), trained["image_proj"](zero.expand_as(features))
        new = [(s.background + 1 + int(rng.integers(7))) % 8 for s in scenes]
        texts = [args.text.format(colour=COLOURS[c]) for c in new]
        background = np.array(new if "{colour}" in args.text else [s.background for s in scenes])
        cond, uncond = (captions(texts), [image]), (empty, [none])
    else:
        texts = [f"a {STYLES[s.style]} {world.words[s.subject]} on a {COLOURS[s.background]} background" for s in scenes]
        background = np.array([s.background for s in scenes])
        cond, uncond = captions(texts), empty
    if args.look != "plain":
        unet.load_lora_adapter(args.folder, weight_name=lora.FILE, prefix="unet")
    pictures = sample(unet, vae, cond, uncond, args.guidance, args.steps, 1)
    said = judging.answers(judge, pictures)
    right = said["subject"] == np.array([s.subject for s in scenes])
    good = said["background"] == background
    style = said["style"] == np.array([s.style for s in scenes])
    new = np.array([world.never_trained(s) for s in scenes])
    print(f"{args.unet} {args.adapter}: subject {right.mean():.3f} background {good.mean():.3f} both {(right & good).mean():.3f} style {style.mean():.3f} look {np.mean(said['look'] == judging.LOOK_NAMES.index(args.look)):.3f}; never trained: both {(right & good)[new].mean():.3f} of {new.sum()}")
    out = np.concatenate([np.stack([shown[:56], pictures[:56]], 1).reshape(-1, 128, 128, 3)]) if args.adapter else pictures[:112]
    sheet(out, 14).save(path(f"probe-{args.adapter or args.unet}-{args.look}.png"))


if __name__ == "__main__":
    main()
