"""Stages control and t2i: a ControlNet (Zhang et al., 2023) and a T2I-Adapter (Mou et al., 2023) for the shipped base, both for edges.

    python -m mini.control WORK MODEL [--t2i]

The base and its text encoder are read from MODEL, as they are shipped, and stay frozen. The condition of a sample is the Canny edges of
the picture that the base is to paint. Half of the sentences are left out, as in the paper, or say little, so that the edges are needed.
Some pictures stand a few pixels aside from where the base learned them: the place, too, then comes from the edges alone.

With --image-prompts some batches have the shipped image adapter on the base, frozen too. The picture shown is another one of the same
subject, mostly in the middle and of normal size, so the network learns that the edges win where the two differ. With --early the noisy
steps are drawn more often, as T2I-Adapter's paper does: structure is decided there. With --consistency some predictions are decoded, and their
edges compared with the control's (see consistency.py).
"""

import argparse
import multiprocessing
import os

import cv2
import numpy as np
import torch
from diffusers import ControlNetModel, T2IAdapter

from .adapter import Prompts
from .bank import encode_latents, scene_of
from .consistency import Consistency
from .shipped import adapter_file, load_base, load_captions, load_vae, load_vision
from .training import Average, Optimiser, Run, images, schedule, threads
from .unet import CHANNELS, TRAIN_STEPS, Noising, latents, timesteps
from .world import World

HINT = (16, 24, 48, 64)  # channels of the network that brings the edges to the size of the latents
LOW, HIGH = 100, 200  # thresholds of the edges


def edges(picture):
    """uint8 (h, w, 3) -> uint8 (h, w), 0 or 255"""
    return cv2.Canny(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), LOW, HIGH)


def make_control(unet):
    control = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=HINT)
    return control.to(memory_format=torch.channels_last)


def make_t2i():
    """The first level of the base has no attention, so its addition comes behind the downsampling, where the levels of the XL form fit. It
    reads one channel, as the published ones for edges do: nearly half of its weights would read copies of the other two."""
    channels = [*CHANNELS, CHANNELS[-1]]
    return T2IAdapter(in_channels=1, channels=channels, num_res_blocks=1, downscale_factor=16, adapter_type="full_adapter_xl").to(memory_format=torch.channels_last)


class Encoder:
    """Draws scenes, their latents and their edges; made once in each process of the pool."""

    def __init__(self, folder, model):
        threads(1)
        self.world = World(os.path.join(folder, "data"))
        self.vae = load_vae(model)

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


class ShippedAdapter:
    """The shipped image adapter on the base, and pictures to show it. It must be put on after a ControlNet has been made of the base."""

    def __init__(self, model, unet, world, scenes):
        unet._load_ip_adapter_weights([adapter_file(model)], low_cpu_mem_usage=False)
        unet.requires_grad_(False)
        self.layers = [p for p in unet.attn_processors.values() if hasattr(p, "to_k_ip")]
        self.prompts = Prompts(world, load_vision(model), scenes, False)

    def switch(self, on):
        for layer in self.layers:
            layer.scale = [float(on)]

    def show(self, rng, scenes, texts):
        """The image prompt of each sample: (n, 1, width). A tenth has none: guidance compares with that."""
        self.switch(True)
        show = lambda s, text: self.prompts.zero if rng.random() < 0.1 else self.prompts.pick(rng, s, text)
        return torch.stack([show(*pair) for pair in zip(scenes, texts)])[:, None]

    def hide(self, n):
        self.switch(False)
        return self.prompts.zero.expand(n, 1, -1)


class Samples:
    """What a batch is asked with: sentences, and image prompts where the adapter is on."""

    def __init__(self, world, captions, adapter, share):
        self.world, self.captions, self.adapter, self.share = world, captions, adapter, share

    def __call__(self, rng, scenes):
        """-> text states, image embeddings or None"""
        if self.adapter is None:
            return self.captions(self.texts(rng, scenes)), None
        if rng.random() >= self.share:
            return self.captions(self.texts(rng, scenes)), self.adapter.hide(len(scenes))
        texts = self.texts(rng, scenes, name=0.1, size=0.1)
        return self.captions(texts), self.adapter.show(rng, scenes, texts)

    def texts(self, rng, scenes, name=0.7, size=0.3):
        return ["" if rng.random() < 0.3 else self.world.caption(rng, s, name=name, size=size) for s in scenes]


def early_timesteps(rng, n):
    """T2I-Adapter's cubic sampling, section 3.4 of the paper: (1 - u^3) of the range, u stratified as in timesteps()."""
    u = timesteps(rng, n).double() / TRAIN_STEPS
    return ((1 - u**3) * (TRAIN_STEPS - 1)).long()


def predict(unet, net, inputs, hint, pictures=None):
    """What the base predicts under the control. `inputs`: noisy latents, steps, text states."""
    more = {} if pictures is None else dict(added_cond_kwargs=dict(image_embeds=[pictures]))
    if isinstance(net, T2IAdapter):
        return unet(*inputs, down_intrablock_additional_residuals=net(hint[:, :1]), **more).sample
    down, mid = net(*inputs, hint, return_dict=False)
    return unet(*inputs, down_block_additional_residuals=down, mid_block_additional_residual=mid, **more).sample


def begin(net, start, folder):
    """Weights of another stage of `folder`, or of a folder in the diffusers layout, as the package has them."""
    if os.path.isdir(start):
        state = type(net).from_pretrained(start, torch_dtype=torch.float32).state_dict()
    else:
        state = torch.load(os.path.join(folder, f"{start}.pt"))
    net.load_state_dict(state)


def read_arguments():
    cli = argparse.ArgumentParser()
    cli.add_argument("folder")
    cli.add_argument("model")
    cli.add_argument("--t2i", action="store_true")
    cli.add_argument("--steps", type=int, default=3000)
    cli.add_argument("--batch", type=int, default=32)
    cli.add_argument("--lr", type=float, default=1.5e-3)
    cli.add_argument("--hold", type=float, default=0.4)
    cli.add_argument("--core", type=int, default=6400)
    cli.add_argument("--wide", type=int, default=3200)
    cli.add_argument("--threads", type=int, default=2)
    cli.add_argument("--early", action="store_true", help="draw the noisy steps more often")
    cli.add_argument("--image-prompts", type=float, default=0.0, help="share of batches with the image adapter on")
    cli.add_argument("--consistency", type=float, default=0.0, help="weight of the term that compares edges in pixels")
    cli.add_argument("--decoded", type=int, default=8, help="samples of a batch that it decodes")
    cli.add_argument("--float32", action="store_true", help="for processors that have no bfloat16, where it is slower")
    cli.add_argument("--name", default="", help="of the stage and its files")
    cli.add_argument("--from", dest="start", default="", help="stage, or folder of weights, to begin with")
    return cli.parse_args()


def main():
    args = read_arguments()
    threads(args.threads)
    torch.manual_seed(8)
    name = args.name or ("t2i" if args.t2i else "control")
    path = lambda file: os.path.join(args.folder, file)
    world = World(path("data"))
    bank = make_bank(args.folder, args.model, args.core, args.wide)
    scenes = [scene_of(row) for row in bank["meta"]]
    noising, unet = Noising(), load_base(args.model)
    net = make_t2i() if args.t2i else make_control(unet)
    if args.start:
        begin(net, args.start, args.folder)
    adapter = ShippedAdapter(args.model, unet, world, scenes) if args.image_prompts else None
    samples = Samples(world, load_captions(args.model), adapter, args.image_prompts)
    print(f"{name}: {sum(p.numel() for p in net.parameters()) / 1e6:.2f} M parameters, {len(scenes)} scenes", flush=True)
    consistency = Consistency(args.model, noising.products) if args.consistency else None
    optimiser = Optimiser(net.named_parameters(), args.lr)
    mean = Average(net.named_parameters(), 0.998)
    run = Run(name, args.folder, args.steps, 81 + args.t2i + 2 * bool(args.start), dict(net=net, optimiser=optimiser, mean=mean), save_every=100)

    for step, rng in run.steps():
        rows = rng.choice(len(scenes), args.batch).astype(np.int64)
        states, shown = samples(rng, [scenes[r] for r in rows])
        z, t = latents(bank, rows, rng), (early_timesteps if args.early else timesteps)(rng, len(rows))
        x, v = noising(z, t, torch.randn(z.shape))
        hint = conditions(bank, rows, rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=not args.float32):
            out = predict(unet, net, (x.contiguous(memory_format=torch.channels_last), t, states), hint, shown).float()
        terms = dict(loss=(out - v).pow(2).mean())
        if consistency:
            pictures = np.stack([world.compose(scenes[r]) for r in rows[: args.decoded]])
            terms["consistency"] = consistency(x, t, out, pictures, hint)
        (terms["loss"] + args.consistency * terms.get("consistency", 0)).backward()
        optimiser.step(schedule(step, args.steps, hold=args.hold))
        mean.update(step)
        run.log(**terms)
        if (step + 1) % 500 == 0:
            torch.save(dict(mean.mean), path(f"{name}-latest.pt"))
    mean.swap()
    torch.save(net.state_dict(), path(f"{name}.pt"))


if __name__ == "__main__":
    main()
