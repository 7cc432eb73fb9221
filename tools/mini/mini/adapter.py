"""Stages adapter and adapter-plus: the IP-Adapters, trained on the frozen base as in the paper (Ye et al., 2023, section 3.2).

New keys and values of every cross-attention layer, begun as copies of the text's, and an image projection: four tokens from
the image embedding, or a Resampler over the encoder's penultimate hidden states (plus). The picture is left out in 5 % of the
samples, the text in 5 %, both in 5 %.

One thing differs from the paper: the image prompt is not the target itself but another rendering of the same subject in the
same style on the same background; of any style where the sentence names one, on any background where it names one. So the
adapter learns that words override the picture and that the picture fills in what the words leave open. For the subject it is the other
way round: in the last stage some sentences name another one than the picture shows, and the picture wins at scale 1.
"""

import argparse
import os

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor2_0, IPAdapterAttnProcessor2_0
from diffusers.models.embeddings import ImageProjection, IPAdapterPlusImageProjection
from torch import nn

from .bank import scene_of
from .clip import PROJECTION, WIDTH, make_vision, preprocess
from .training import Average, Optimiser, Run, schedule, threads
from .unet import Noising, denoising_loss, load_captions, make as make_unet
from .world import COLOURS, LARGE, NORMAL, SMALL, STYLES, Scene, World

TOKENS, PLUS_TOKENS, PLUS_WIDTH, PLUS_DEPTH = 4, 16, 128, 4  # depth as published: loaders count on it
ANY = -1


def make_projection(plus):
    if not plus:
        return ImageProjection(image_embed_dim=PROJECTION, cross_attention_dim=WIDTH, num_image_text_embeds=TOKENS)
    return IPAdapterPlusImageProjection(
        embed_dims=WIDTH, output_dims=WIDTH, hidden_dims=PLUS_WIDTH, depth=PLUS_DEPTH, dim_head=64, heads=PLUS_WIDTH // 64, num_queries=PLUS_TOKENS, ffn_ratio=4
    )


def attach(unet, token_count):
    """Gives every cross-attention layer its image branch. -> ModuleList in the layers' order"""
    processors, own = {}, nn.ModuleList()
    modules = dict(unet.named_modules())
    for name in unet.attn_processors:
        layer = modules[name.removesuffix(".processor")]
        if "attn2" not in name:
            processors[name] = AttnProcessor2_0()
            continue
        p = IPAdapterAttnProcessor2_0(hidden_size=layer.inner_dim, cross_attention_dim=WIDTH, num_tokens=(token_count,), scale=1.0)
        with torch.no_grad():
            p.to_k_ip[0].weight.copy_(layer.to_k.weight)
            p.to_v_ip[0].weight.copy_(layer.to_v.weight)
        processors[name] = p
    unet.set_attn_processor(processors)
    for name, p in unet.attn_processors.items():
        if "attn2" in name:
            own.append(p)
    return own


def make_trained(unet, plus):
    """What the stages of an adapter train: its projection, and its layers, which it puts on `unet`."""
    return nn.ModuleDict(dict(image_proj=make_projection(plus), layers=attach(unet, PLUS_TOKENS if plus else TOKENS)))


class Prompts:
    """Pictures that may stand for a scene as its image prompt, as the image encoder sees them: other renderings of the subject."""

    def __init__(self, world, vision, scenes, plus):
        rng = np.random.default_rng(52)
        drawn, self.by_traits = [], {}
        for s in {(s.subject, s.style, s.background): s for s in scenes}.values():
            core = s.subject < len(world.core)
            others = [] if core else [int(rng.integers(len(COLOURS)))]
            for background in [s.background] * (2 if core else 1) + others:
                size = int(rng.choice((SMALL, NORMAL, LARGE), p=(0.1, 0.75, 0.15)))
                prompt = Scene(s.subject, s.style, background, size, 0, int(rng.integers(-2, 3)), int(rng.integers(-2, 3)))
                for style in (s.style, ANY):
                    for traits in ((s.subject, style, background), (s.subject, style, ANY)):
                        self.by_traits.setdefault(traits, []).append(len(drawn))
                drawn.append(prompt)
        parts = []
        with torch.no_grad():
            for start in range(0, len(drawn), 64):
                x = preprocess(np.stack([world.compose(s) for s in drawn[start : start + 64]]))
                parts.append(encode(vision, x, plus).half())
            self.features = torch.cat(parts)
            self.zero = encode(vision, torch.zeros_like(x[:1]), plus)[0] if plus else torch.zeros(self.features.shape[1:])

    def pick(self, rng, scene, text):
        style = ANY if STYLES[scene.style] in text else scene.style
        background = ANY if "background" in text else scene.background
        group = self.by_traits[scene.subject, style, background]
        return self.features[group[rng.integers(len(group))]].float()


class Samples:
    """What a batch is asked with: sentences, and image embeddings or hidden states. The picture is left out in 5 % of the samples, the text in
    5 %, both in 5 %."""

    def __init__(self, world, captions, prompts, misnamed, size):
        self.world, self.captions, self.prompts, self.misnamed, self.size = world, captions, prompts, misnamed, size

    def __call__(self, rng, scenes, ask=None):
        """`ask`: makes a sentence and a feature of a scene, whole() if None. -> text states, features"""
        texts, features = [], []
        for scene in scenes:
            text, feature = (ask or self.whole)(rng, scene)
            drop = rng.random()
            texts.append("" if drop < 0.05 or 0.1 <= drop < 0.15 else text)
            features.append(self.prompts.zero if 0.05 <= drop < 0.15 else feature)
        return self.captions(texts), torch.stack(features)

    def whole(self, rng, scene):
        """A share of the sentences, `misnamed`, name another subject than the picture shows, and the picture wins."""
        world = self.world
        text = world.caption(rng, scene, style=0.15, name=0.5, size=self.size, background=0.6)
        feature = self.prompts.pick(rng, scene, text)
        if self.misnamed and rng.random() < self.misnamed:
            own = world.words[scene.subject]
            text = text.replace("picture", own).replace(own, world.words[rng.choice(world.core)])
        return text, feature


def encode(vision, x, plus):
    """plus: (n, 65, WIDTH), else (n, PROJECTION)"""
    out = vision(x, output_hidden_states=plus)
    return out.hidden_states[-2] if plus else out.image_embeds


def load_vision(folder):
    vision = make_vision()
    vision.load_state_dict(torch.load(os.path.join(folder, "vision.pt"))["vision"])
    return vision.eval().requires_grad_(False)


def main():
    cli = argparse.ArgumentParser()
    cli.add_argument("folder")
    cli.add_argument("--plus", action="store_true")
    cli.add_argument("--steps", type=int, default=2000)
    cli.add_argument("--batch", type=int, default=48)
    cli.add_argument("--lr", type=float, default=2e-3)
    cli.add_argument("--wide-share", type=float, default=0.2)
    cli.add_argument("--misnamed", type=float, default=0.0, help="share of samples whose sentence names another subject than the picture shows")
    cli.add_argument("--size", type=float, default=0.7, help="how often the sentence says that a subject is small or large")
    cli.add_argument("--threads", type=int, default=2)
    cli.add_argument("--base", default="unet.pt")
    cli.add_argument("--hold", type=float, default=0.5)
    cli.add_argument("--name", default="", help="of the stage and its files")
    cli.add_argument("--from", dest="start", default="", help="stage whose weights to begin with")
    args = cli.parse_args()
    threads(args.threads)
    torch.manual_seed(5)
    name = args.name or ("adapter-plus" if args.plus else "adapter")
    path = lambda file: os.path.join(args.folder, file)
    world = World(path("data"))
    bank = torch.load(path("bank.pt"), weights_only=False)
    scenes = [scene_of(row) for row in bank["meta"]]
    core_rows = np.nonzero(bank["meta"][:, 0] < len(world.core))[0]
    wide_rows = np.nonzero(bank["meta"][:, 0] >= len(world.core))[0]
    prompts = Prompts(world, load_vision(args.folder), scenes, args.plus)
    captions, noising, unet = load_captions(args.folder), Noising(), make_unet()
    unet.load_state_dict(torch.load(path(args.base)))
    unet.requires_grad_(False)
    samples = Samples(world, captions, prompts, args.misnamed, args.size)
    trained = make_trained(unet, args.plus)
    if args.start:
        trained.load_state_dict(torch.load(path(f"{args.start}.pt")))
    trained.requires_grad_(True)
    print(f"{name}: {sum(p.numel() for p in trained.parameters()) / 1e6:.2f} M parameters", flush=True)
    optimiser = Optimiser(trained.named_parameters(), args.lr)
    mean = Average(trained.named_parameters(), 0.995)
    run = Run(name, args.folder, args.steps, 51 + args.plus + 2 * bool(args.start), dict(trained=trained, optimiser=optimiser, mean=mean))

    for step, rng in run.steps():
        wide = rng.binomial(args.batch, args.wide_share)
        rows = np.concatenate([rng.choice(core_rows, args.batch - wide), rng.choice(wide_rows, wide)])
        text, features = samples(rng, [scenes[r] for r in rows])
        loss = denoising_loss(unet, noising, bank, rows, rng, (text, [trained["image_proj"](features)]))
        loss.backward()
        optimiser.step(schedule(step, args.steps, hold=args.hold))
        mean.update(step)
        run.log(loss=loss)
        if (step + 1) % 500 == 0:
            torch.save(dict(mean.mean), path(f"{name}-latest.pt"))
    mean.swap()
    torch.save(trained.state_dict(), path(f"{name}.pt"))


if __name__ == "__main__":
    main()
