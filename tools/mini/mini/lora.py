"""Stage custom: a LoRA (Hu et al., 2021) that teaches the base another look (looks.py), with what it knows otherwise left alone.

Writes pytorch_lora_weights.safetensors as diffusers' own trainers do; alpha is the rank.
"""

import argparse
import os

import numpy as np
import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

from .bank import scene_of
from .training import Average, Optimiser, Run, schedule, threads
from .unet import Noising, denoising_loss, load_captions, make as make_unet
from .world import World

RANK = 16
LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv_in", "conv1", "conv2", "conv_shortcut",
          "time_emb_proj", "downsamplers.0.conv", "upsamplers.0.conv"]
FILE = "pytorch_lora_weights.safetensors"


def main():
    cli = argparse.ArgumentParser()
    cli.add_argument("folder")
    cli.add_argument("--look", default="sticker")
    cli.add_argument("--steps", type=int, default=600)
    cli.add_argument("--batch", type=int, default=48)
    cli.add_argument("--lr", type=float, default=2e-3)
    cli.add_argument("--threads", type=int, default=2)
    args = cli.parse_args()
    threads(args.threads)
    torch.manual_seed(6)
    path = lambda name: os.path.join(args.folder, name)
    world = World(path("data"))
    bank = torch.load(path(f"bank-{args.look}.pt"), weights_only=False)
    scenes = [scene_of(row) for row in bank["meta"]]
    captions, noising, unet = load_captions(args.folder), Noising(), make_unet()
    unet.load_state_dict(torch.load(path("unet.pt")))
    unet.requires_grad_(False)
    unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=LAYERS))
    trained = [(n, p) for n, p in unet.named_parameters() if p.requires_grad]
    print(f"lora: {sum(p.numel() for _, p in trained) / 1e6:.2f} M parameters, {len(scenes)} scenes", flush=True)
    optimiser = Optimiser(trained, args.lr, muon=False)
    mean = Average(trained, 0.99)
    run = Run("lora", args.folder, args.steps, 61, dict(unet=unet, optimiser=optimiser, mean=mean))

    for step, rng in run.steps():
        rows = rng.choice(len(scenes), args.batch).astype(np.int64)
        texts = ["" if rng.random() < 0.1 else world.caption(rng, scenes[r]) for r in rows]
        loss = denoising_loss(unet, noising, bank, rows, rng, captions(texts))
        loss.backward()
        optimiser.step(schedule(step, args.steps))
        mean.update(step)
        run.log(loss=loss)
    mean.swap()
    tensors = {f"unet.{k}": v.half().contiguous() for k, v in get_peft_model_state_dict(unet).items()}
    save_file(tensors, path(FILE), metadata=dict(format="pt"))


if __name__ == "__main__":
    main()
