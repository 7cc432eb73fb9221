"""Stages clip and vision: the text encoder and the image encoder.

clip trains both together, contrastively as CLIP does, with helper heads (thrown away) that ask for what the sentences are
about: subject, style, background, size, place and, of pictures, a thumbnail of the glyph. The text encoder is then final.
vision goes on with the image encoder alone and most of the ~940 subjects, so that its features also tell apart what the base
model never saw. The held-out subjects are in neither.
"""

import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPVisionConfig, CLIPVisionModelWithProjection

from . import tokens
from .training import Average, Optimiser, Run, images, schedule, threads
from .world import COLOUR_VALUES, COLOURS, NORMAL, PLACES, SIZES, STYLES, World

WIDTH, PROJECTION, INPUT, PATCH, THUMB = 192, 256, 64, 8, 12


def make_text(tokenizer):
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=3,
            num_attention_heads=3,
            max_position_embeddings=tokens.CONTEXT,
            projection_dim=PROJECTION,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.eos_token_id,
        )
    )


def make_vision():
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=4,
            num_attention_heads=3,
            image_size=INPUT,
            patch_size=PATCH,
            projection_dim=PROJECTION,
        )
    )


def preprocess(pictures):
    """uint8 (n, 128, 128, 3) -> float (n, 3, 64, 64) in [-1, 1]; on exact halves any antialiased filter is close to CLIP's bicubic"""
    x = images(pictures)
    return F.interpolate(x, size=(INPUT, INPUT), mode="bicubic", antialias=True).clamp(-1, 1)


def thumbnails(world):
    """(subjects, styles, 4 * THUMB²): the glyphs, alpha premultiplied"""
    out = np.empty((len(world.names), len(STYLES), 4, THUMB, THUMB), np.float32)
    for i in range(len(world.names)):
        g = torch.from_numpy(world.glyphs[NORMAL][i].astype(np.float32) / 255).permute(0, 3, 1, 2)
        g = torch.cat([g[:, :3] * g[:, 3:], g[:, 3:]], 1)
        out[i] = F.interpolate(g, size=(THUMB, THUMB), mode="area").numpy()
    return torch.from_numpy(out).flatten(2)


class Heads(nn.Module):
    def __init__(self, subjects, thumbnail):
        super().__init__()
        sizes = dict(subject=subjects, style=len(STYLES), colour=len(COLOURS), size=len(SIZES), place=len(PLACES))
        self.linear = nn.ModuleDict({k: nn.Linear(PROJECTION, n) for k, n in sizes.items()})
        self.thumbnail = nn.Sequential(nn.Linear(PROJECTION, 512), nn.GELU(), nn.Linear(512, 4 * THUMB * THUMB)) if thumbnail else None

    def loss(self, embeds, targets, weights):
        total = 0
        for key, weight in weights.items():
            total = total + weight * F.cross_entropy(self.linear[key](embeds), targets[key], ignore_index=-1)
        return total


def targets(scenes):
    pick = lambda key: torch.tensor([getattr(s, key) for s in scenes])
    return dict(subject=pick("subject"), style=pick("style"), colour=pick("background"), size=pick("size"), place=pick("place"))


def evaluate(world, text, vision, heads, tokenizer, scenes, x):
    with torch.no_grad():
        embeds = vision(x).image_embeds
        v = F.normalize(embeds, dim=-1)
        ask = lambda captions: v @ F.normalize(text(tokens.encode(tokenizer, captions)).text_embeds, dim=-1).T
        t = targets(scenes)
        subject = ask([f"a {world.words[i]}" for i in world.core]).argmax(1)
        colour = ask([f"a picture on a {c} background" for c in COLOURS]).argmax(1)
        style = ask([f"a {s} picture" for s in STYLES]).argmax(1)
        known = heads.linear["subject"](embeds).argmax(1)
    share = lambda a, b: float((a == b).float().mean())
    return dict(zero_shot=share(subject, t["subject"]), colour=share(colour, t["colour"]), style=share(style, t["style"]), head=share(known, t["subject"]))


def main():
    cli = argparse.ArgumentParser()
    cli.add_argument("folder")
    cli.add_argument("stage", choices=["clip", "vision"])
    cli.add_argument("--steps", type=int, default=1000)
    cli.add_argument("--lr", type=float, default=1e-3)
    cli.add_argument("--threads", type=int, default=1)
    args = cli.parse_args()
    threads(args.threads)
    torch.manual_seed(2)
    world = World(os.path.join(args.folder, "data"))
    tokenizer = tokens.load(args.folder)
    text, vision = make_text(tokenizer), make_vision()
    subjects = len(world.core) + len(world.wide)
    vision_heads, text_heads = Heads(subjects, True), Heads(subjects, False)
    scale = nn.Parameter(torch.tensor(2.3))
    path = lambda name: os.path.join(args.folder, name)
    joint = args.stage == "clip"
    if not joint:
        state = torch.load(path("clip.pt"))
        text.load_state_dict(state["text"])
        vision.load_state_dict(state["vision"])
        vision_heads.load_state_dict(state["heads"])
        text.requires_grad_(False)
        scale = nn.Parameter(state["scale"], requires_grad=False)
    modules = nn.ModuleDict(dict(text=text, vision=vision, vision_heads=vision_heads, text_heads=text_heads))
    if not joint:
        modules["text_heads"].requires_grad_(False)
    modules.register_parameter("logit_scale_embedding", scale)
    optimiser = Optimiser(modules.named_parameters(), args.lr)
    mean = Average(vision.named_parameters(), 0.995)
    run = Run(args.stage, args.folder, args.steps, 21 + (not joint), dict(modules=modules, optimiser=optimiser, mean=mean))
    thumbs = thumbnails(world)
    rng = np.random.default_rng(77)
    test = [world.scene(rng, world.core, trained_only=False) for _ in range(256)]
    test_x = preprocess(np.stack([world.compose(s) for s in test]))

    for step, rng in run.steps():
        if joint:
            chosen = np.concatenate([rng.choice(world.core, 24, replace=False), rng.choice(world.wide, 8, replace=False)])
        else:
            chosen = np.concatenate([rng.choice(world.core, 14, replace=False), rng.choice(world.wide, 34, replace=False)])
        scenes = [world.scene(rng, [i], trained_only=False) for i in chosen for _ in range(3 if joint else 2)]
        jitter = lambda s: None if rng.random() < 0.5 else np.clip(COLOUR_VALUES[s.background] + rng.integers(-8, 9, 3), 0, 255)
        x = preprocess(np.stack([world.compose(s, jitter(s)) for s in scenes]))
        t = targets(scenes)
        v = vision(x).image_embeds
        thumb = F.mse_loss(vision_heads.thumbnail(v), thumbs[t["subject"], t["style"]])
        loss = vision_heads.loss(v, t, dict(subject=0.6, style=0.5, colour=0.2, size=0.1, place=0.1)) + 15 * thumb
        if joint:
            captions = [world.caption(rng, s, style=0.75, name=0.93, size=0.7, background=0.8) for s in scenes]
            u = text(tokens.encode(tokenizer, captions)).text_embeds
            said = {k: value.clone() for k, value in t.items()}
            for i, caption in enumerate(captions):
                for key, told in dict(
                    subject="picture" not in caption, style=any(s in caption for s in STYLES), colour="background" in caption,
                    size="small" in caption or "large" in caption, place=" on the " in caption or " at the " in caption,
                ).items():
                    if not told:
                        said[key][i] = -1
            logits = F.normalize(v, dim=-1) @ F.normalize(u, dim=-1).T * scale.exp().clamp(max=60)
            y = torch.arange(len(logits))
            contrast = (F.cross_entropy(logits, y) + F.cross_entropy(logits.T, y)) / 2
            loss = loss + contrast + text_heads.loss(u, said, dict(subject=0.3, style=0.2, colour=0.2, size=0.1, place=0.1)).nan_to_num()
        else:
            contrast = torch.zeros(())
        loss.backward()
        optimiser.step(schedule(step, args.steps))
        mean.update(step)
        run.log(every=25, loss=loss, contrast=contrast, thumbnail=thumb)
        if (step + 1) % 100 == 0:
            mean.swap()
            run.row(**evaluate(world, text, vision, vision_heads, tokenizer, test, test_x))
            mean.swap()
    mean.swap()
    state = dict(text=text.state_dict(), vision=vision.state_dict(), heads=vision_heads.state_dict(), scale=scale.detach())
    torch.save(state, path(f"{args.stage}.pt"))


if __name__ == "__main__":
    main()
