"""Attention maps of image prompts and text: whole calls of diffusers' pipelines whose attention processors are watched, for
test/attention-maps.test.ts.

    python tools/goldens/attention_maps.py

Writes test/golden/attention-maps.safetensors and .json. Needs the models that make.py writes and the pictures of image_prompts.py. A watch stands
before diffusers' own attention processor, and computes from the same inputs what that never has in memory: the probabilities by
Attention.get_attention_scores, and the norms of what text and pictures add.
"""
import torch
import torch.nn.functional as F
from diffusers.image_processor import IPAdapterMaskProcessor
from safetensors.torch import save_file

from attention_rules import attentions_of
from image_prompts import GUIDANCE, LEFT, RIGHT, SEED, SQUARE, STEPS, TALL, WIDE, by_diffusers, case, prompt
from pipelines import NEGATIVE, PROMPT
from store import ROOT, VERSIONS, write_json

TOKENS = [0, 1, 4, 5, 11, 15]  # columns of the text that are kept
IMAGE_TOKENS = [0, 1, 3]       # columns of each image prompt's
CASES = [
    case("a picture", prompt(SQUARE, scale=0.7)),
    case("without guidance", prompt(SQUARE, scale=0.7), guidance=1),
    case("a sampler of two calls a step", prompt(SQUARE), scheduler="heun"),
    case("two pictures in one softmax", prompt(SQUARE, scale=0.6), prompt(TALL, scale=0.6)),
    case("two masks", prompt(SQUARE, scale=0.7, mask=LEFT), prompt(TALL, scale=0.9, mask=RIGHT), width=96, height=64),
    case("two adapters", prompt(SQUARE, scale=0.5), prompt(WIDE, adapter=1, scale=-0.9), adapters=["base", "plus"]),
    case("two pictures of SDXL", prompt(SQUARE, scale=0.6), prompt(WIDE, scale=0.6), model="sdxl", scheduler="euler", adapters=["plus"]),
    case("a mask of SDXL, by block", prompt(SQUARE, scale={"up": {"block_0": [0, 1, 0.5]}}, mask=LEFT), model="sdxl", scheduler="euler"),
]


class Watch:
    """An attention processor that keeps maps of the conditional half, which comes last in the batch."""
    def __init__(self, own, sources):
        self.own, self.sources, self.calls = own, sources, 0
        self.text, self.images, self.strengths = 0, {}, {}

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None, scale=1.0, ip_adapter_masks=None):
        text, images = encoder_hidden_states
        query = attn.head_to_batch_dim(attn.to_q(hidden_states[-1:]))

        def look(key, value):
            weights = attn.get_attention_scores(query, attn.head_to_batch_dim(key))
            return weights.mean(0), weights, attn.head_to_batch_dim(value)

        def add(weights, value):
            return attn.batch_to_head_dim(torch.bmm(weights, value))[0]

        mean, weights, value = look(attn.to_k(text[-1:]), attn.to_v(text[-1:]))
        self.text = self.text + mean
        norm = add(weights, value).norm(dim=-1)
        self.calls += 1
        masks = ip_adapter_masks or [None] * len(images)
        for states, scales, to_k, to_v, mask, sources in zip(images, self.own.scale, self.own.to_k_ip, self.own.to_v_ip, masks, self.sources):
            count = states.shape[1]
            scales = scales if isinstance(scales, list) else [scales] * count
            groups = [[i] for i in range(count)] if mask is not None else [list(range(count))]
            for group in groups:
                tokens = states[-1:, group].flatten(1, 2)
                mean, weights, value = look(to_k(tokens), to_v(tokens))
                each = tokens.shape[1] // len(group)
                for place, i in enumerate(group):
                    if scales[i] == 0:
                        continue
                    own = slice(place * each, place * each + each)
                    added = scales[i] * add(weights[..., own], value[:, own])
                    if mask is not None:
                        added = added * IPAdapterMaskProcessor.downsample(mask[:, i], 1, added.shape[0], added.shape[1])[0]
                    source = sources[i]
                    self.images[source] = self.images.get(source, 0) + mean[:, own]
                    self.strengths[source] = self.strengths.get(source, 0) + added.norm(dim=-1) / norm
        return self.own(attn, hidden_states, encoder_hidden_states, attention_mask, temb, scale, ip_adapter_masks)


def mean_over(maps, shapes):
    """Each (channels, queries) brought to the size of the largest by torch's bilinear interpolation, and the mean."""
    size = max(shapes)
    grids = [F.interpolate(values.unflatten(-1, shape)[None], size=size, mode="bilinear", align_corners=False)[0] for values, shape in zip(maps, shapes)]
    return torch.stack(grids).mean(0)


def compute(name, model, adapters, imagePrompts, options, **rest):
    sources = [[i for i, own in enumerate(imagePrompts) if own.get("adapter", 0) == index] for index in range(len(adapters))]
    watches, modules = {}, []

    def watch_all(unet):
        modules.extend(attentions_of(unet))
        own = unet.attn_processors
        watches.update({key: Watch(processor, sources) for key, processor in own.items() if ".attn2." in key})
        unet.set_attn_processor({**own, **watches})

    latents = by_diffusers(model, adapters, imagePrompts=imagePrompts, options=options, watch=watch_all, **rest)
    height, width = latents.shape[-2:]
    tensors, shapes = {}, []
    text, images, strengths = [], {}, {}
    for module in modules:
        own = [watch for key, watch in watches.items() if key.startswith(module + ".")]
        mean = lambda of: sum(of(watch) / watch.calls for watch in own) / len(own)
        text.append(mean(lambda watch: watch.text).T)
        half = next(k for k in range(8) if (-(-height // 2**k)) * (-(-width // 2**k)) == text[-1].shape[-1])
        shapes.append((-(-height // 2**half), -(-width // 2**half)))
        for source in range(len(imagePrompts)):
            acts = source in own[0].strengths
            zeros = torch.zeros(text[-1].shape[-1])
            strengths.setdefault(source, []).append(mean(lambda watch: watch.strengths[source]) if acts else zeros)
            images.setdefault(source, []).append(mean(lambda watch: watch.images[source]).T if acts else None)
    tensors["text"] = mean_over(text, shapes)[TOKENS]
    for source in images:
        present = [i for i, own in enumerate(images[source]) if own is not None]
        tensors[f"image {source}"] = mean_over([images[source][i] for i in present], [shapes[i] for i in present])[IMAGE_TOKENS]
        tensors[f"strength {source}"] = mean_over([own[None] for own in strengths[source]], shapes)[0]
    for index in (0, len(modules) - 1):
        tensors[f"text in {modules[index]}"] = text[index][TOKENS]
        for source in images:
            tensors[f"strength {source} in {modules[index]}"] = strengths[source][index]
    return {f"{name}/{key}": value.contiguous() for key, value in tensors.items()} | {f"{name}/latents": latents.contiguous()}


def main():
    torch.set_num_threads(1)
    tensors = {}
    for entry in CASES:
        tensors |= compute(**entry)
    file = ROOT / "attention-maps.safetensors"
    save_file(tensors, file)
    file.chmod(0o644)
    versions = {key: VERSIONS[key] for key in ("torch", "diffusers")}
    write_json(ROOT / "attention-maps.json", dict(versions=versions, prompt=PROMPT, negative=NEGATIVE, steps=STEPS, guidance=GUIDANCE, seed=SEED,
                                                  tokens=TOKENS, imageTokens=IMAGE_TOKENS, cases=CASES))


if __name__ == "__main__":
    with torch.no_grad():
        main()
