"""Cross-attention with image prompts as formulas: windows, curves, and the weight types that only ComfyUI_IPAdapter_plus has.

A reference of its own: networks and samplers are those of diffusers, what is made of pictures, masks, scales and regions is written here.
"""
import contextlib
import math

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.image_processor import IPAdapterMaskProcessor
from PIL import Image

from store import ROOT

STRENGTH = ("adapter", "scale", "start", "end", "curve", "preset")


def only(weights):
    return lambda t, section, layers: weights.get(t, 0)


def set_of(indices, weight=1.0):
    return {index: weight for index in indices}


# A preset of SD1.5, with 16 attentions, and of SDXL, with 11: what the scale is multiplied by in attention t of `layers`; the second of a pair
# is for the attentions in which the negative half gets the picture.
SD_STYLE, SD_COMPOSITION = set_of([0, 1, 2, 3, *range(9, 16)]), {4: 0.25, 5: 1.0}
SD_BESIDES = SD_STYLE | set_of([6, 7, 8], 0.1)
XL_BESIDES = set_of([0, 1, 2, 4, 5, 7, 8, 9, 10], 0.1) | {6: 1.0}
EASE = {
    "ease-in": lambda t, section, layers: 0.05 + 0.95 * (1 - t / layers),
    "ease-out": lambda t, section, layers: 0.05 + 0.95 * t / layers,
    "ease-in-out": lambda t, section, layers: 0.05 + 0.95 * (1 - abs(t - layers / 2) / (layers / 2)),
    "reverse-in-out": lambda t, section, layers: 0.05 + 0.95 * abs(t - layers / 2) / (layers / 2),
    "weak-input": lambda t, section, layers: 0.2 if section == "down" else 1,
    "weak-middle": lambda t, section, layers: 0.2 if section == "mid" else 1,
    "weak-output": lambda t, section, layers: 0.2 if section == "up" else 1,
    "strong-middle": lambda t, section, layers: 1 if section == "mid" else 0.2,
}
NONE = only({})
PRESETS = {
    "style": {16: (only(SD_STYLE), NONE), 11: (only({6: 1}), NONE)},
    "composition": {16: (only(SD_COMPOSITION), NONE), 11: (only({3: 1}), NONE)},
    "style-composition": {16: (only(SD_STYLE | SD_COMPOSITION), NONE), 11: (only({3: 1, 6: 1}), NONE)},
    "strong-style": {16: (only(set_of(set(range(16)) - {4, 5})), NONE), 11: (only(set_of(set(range(11)) - {3})), NONE)},
    "precise-style": {16: (only(SD_STYLE), only(SD_COMPOSITION)), 11: (only({6: 1}), only({3: 1}))},
    "precise-composition": {16: (only(SD_COMPOSITION), only(SD_BESIDES)), 11: (only({3: 1}), only(XL_BESIDES))},
    **{name: {16: (rule, NONE), 11: (rule, NONE)} for name, rule in EASE.items()},
}


def attentions_of(unet):
    """The modules of cross-attention in the order in which they run."""
    names = [name.split(".transformer_blocks.")[0] for name in unet.attn_processors if ".attn2." in name]
    order = {"down": 0, "mid": 1, "up": 2}
    return sorted(dict.fromkeys(names), key=lambda name: (order[name.split("_")[0]], name))


def factor_in_call(prompt, call, calls):
    if call / calls < prompt.get("start", 0) or (call + 1) / calls > prompt.get("end", 1):
        return 0
    curve = prompt.get("curve")
    if not curve:
        return 1
    share = call / (calls - 1) if calls > 1 else 0
    if share <= curve[0][0]:
        return curve[0][1]
    for (left, low), (right, high) in zip(curve, curve[1:]):
        if share <= right:
            return low + (high - low) * (share - left) / (right - left)
    return curve[-1][1]


def by_block(scale, name, index):
    """Of one attention; a scale by block here has only what the cases of rules need: whole parts."""
    if isinstance(scale, list):
        return scale[index]
    return scale.get(name.split("_")[0], 0) if isinstance(scale, dict) else scale


def attend(q, k, v, heads):
    split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)
    return F.scaled_dot_product_attention(split(q), split(k), split(v)).transpose(1, 2).flatten(2)


def open_picture(name):
    return Image.open(ROOT / "images" / f"{name}.png").convert("RGB")


def grey(name, width, height):
    """From 0 to 1, in the size of the picture to make."""
    return torch.from_numpy(np.array(open_picture(name).convert("L").resize((width, height), Image.Resampling.LANCZOS))).float() / 255


def square(image, fit, side):
    """A picture as the image encoder's preprocessing leaves it alone."""
    if fit == "squash":
        return image.resize((side, side), Image.Resampling.BICUBIC)
    longest = max(image.size)
    small = image.resize([max(1, round(edge * side / longest)) for edge in image.size], Image.Resampling.BICUBIC)
    canvas = Image.new("RGB", (side, side))
    canvas.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    return canvas


def tiles_of(width, height):
    """Boxes: quarters of what is nearly square, else squares along the longer side."""
    if 0.75 < width / height < 4 / 3:
        w, h = width // 2, height // 2
        return [(x * w, y * h, x * w + w, y * h + h) for y in (0, 1) for x in (0, 1)]
    longer, shorter = max(width, height), min(width, height)
    count = min(4, math.ceil(longer / shorter))
    starts = [math.floor(i * (longer - shorter) / (count - 1) + 0.5) for i in range(count)]
    return [(at, 0, at + shorter, shorter) if width > height else (0, at, shorter, at + shorter) for at in starts]


def rectangle(box, of, width, height):
    mask = torch.zeros(height, width)
    edge = lambda at, side, to: math.floor(at * to / side + 0.5)
    mask[edge(box[1], of[1], height):edge(box[3], of[1], height), edge(box[0], of[0], width):edge(box[2], of[0], width)] = 1
    return mask


def combine(features, how):
    stacked = torch.stack(features).double()
    if how[0] == "weighted":
        return [(stacked.sum(0) / how[1]).float()]
    merged = {"add": lambda: stacked.sum(0), "subtract": lambda: stacked[0] - stacked[1:].mean(0), "average": lambda: stacked.mean(0),
              "norm average": lambda: (stacked / torch.norm(stacked, dim=0, keepdim=True)).mean(0)}
    return [merged[how]().float()] if how in merged else features


class Group:
    """Image prompts that share a softmax: their tokens (negative half first), and where they count."""

    def __init__(self, settings, adapter, tokens, mask=None, soft=False, region=None):
        self.settings, self.adapter, self.tokens, self.mask, self.soft, self.region = settings, adapter, tokens, mask, soft, region


class Rules:
    """What all attentions of a call share."""

    def __init__(self, model, prompts, negatives, regions, options, negative_prompt):
        self.model, self.pipe, self.call, self.negatives = model, model.pipe, -1, negatives
        self.width, self.height = options.get("width", 64), options.get("height", 64)
        self.guided = options.get("guidance", 5.0) > 1
        self.groups = self.group(prompts)
        for index, region in enumerate(regions):
            self.groups += self.group(region.get("imagePrompts", []), index)
        self.texts = [self.encode_text(region["prompt"], region.get("negativePrompt", negative_prompt)) for region in regions]
        self.maps = torch.stack([grey(region["mask"], self.width, self.height) * region.get("scale", 1) for region in regions]) if regions else None
        if regions:
            total = self.maps.sum(0)
            self.maps, self.rest = self.maps / total.clamp(min=1), (1 - total).clamp(min=0)

    def encode_text(self, prompt, negative):
        embeds = self.pipe.encode_prompt(prompt=prompt, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True, negative_prompt=negative)
        return torch.cat([embeds[1], embeds[0]])

    # The image encoder's output of one picture.
    def features(self, image, adapter, mask=None):
        pixels = self.pipe.feature_extractor(image, return_tensors="pt").pixel_values
        if mask is not None:
            shown = self.pipe.feature_extractor(mask, do_normalize=False, return_tensors="pt").pixel_values
            pixels = pixels * shown
        return self.encode(pixels, adapter)

    def encode(self, pixels, adapter):
        output = self.pipe.image_encoder(pixels, output_hidden_states=True)
        return output.image_embeds[0] if self.model.adapters[adapter] == "base" else output.hidden_states[-2][0]

    def nothing(self, adapter):
        if self.model.adapters[adapter] == "base":
            return torch.zeros(self.pipe.image_encoder.config.projection_dim)
        return self.encode(torch.zeros(1, 3, 64, 64), adapter)

    def negative(self, prompt, adapter):
        if prompt.get("kind") == "zeros":
            return self.nothing(adapter)
        image = Image.new("RGB", (64, 64)) if prompt.get("kind") == "black" else open_picture(prompt["image"])
        return self.features(image, adapter) * prompt.get("weight", 1)

    def tokens(self, features, adapter):
        negatives = [self.negative(p, adapter) for p in self.negatives if p.get("adapter", 0) == adapter] or [self.nothing(adapter)]
        project = self.pipe.unet.encoder_hid_proj.image_projection_layers[adapter]
        rows = lambda entries: torch.cat([project(entry[None]) for entry in entries], dim=1)
        halves = [rows([negatives[i % len(negatives)] for i in range(len(features))])] if self.guided else []
        return torch.cat([*halves, rows(features)])

    def group(self, prompts, region=None):
        groups = {}
        for index, prompt in enumerate(prompts):
            key = str([prompt.get(name) for name in (*STRENGTH, "combine", "kvScaling")] + [index if "mask" in prompt else None])
            groups.setdefault(key, []).append(prompt)
        made = []
        for members in groups.values():
            settings, adapter = members[0], members[0].get("adapter", 0)
            if settings.get("fit") == "tile":
                made += self.tiles(settings, adapter, region)
                continue
            features = combine([self.shown(p, adapter) * p.get("weight", 1) for p in members], self.method(members))
            mask = grey(settings["mask"], self.width, self.height) if "mask" in settings else None
            made.append(Group(settings, adapter, self.tokens(features, adapter), mask, settings.get("maskMode") == "soft", region))
        return made

    @staticmethod
    def method(members):
        # With weights, an average is by weight.
        weights = [p.get("weight", 1) for p in members]
        return members[0].get("combine", "concat") if members[0].get("combine") != "average" or set(weights) == {1} else ("weighted", sum(weights))

    def shown(self, prompt, adapter):
        image = open_picture(prompt["image"])
        mask = open_picture(prompt["imageMask"]) if "imageMask" in prompt else None
        return self.features(square(image, prompt["fit"], 64) if "fit" in prompt else image, adapter, mask)

    def tiles(self, prompt, adapter, region):
        image = open_picture(prompt["image"])
        return [Group(prompt, adapter, self.tokens([self.features(square(image.crop(box), "squash", 64), adapter)], adapter),
                      rectangle(box, image.size, self.width, self.height), True, region) for box in tiles_of(*image.size)]

    def grid(self, queries):
        h, w = self.height // self.pipe.vae_scale_factor, self.width // self.pipe.vae_scale_factor
        while h * w > queries:
            h, w = (h + 1) // 2, (w + 1) // 2
        return h, w

    def rows(self, weights, queries):
        """A weight per query, bilinear."""
        return F.interpolate(weights[None, None], size=self.grid(queries), mode="bilinear").reshape(1, -1, 1)

    def place(self, group, queries):
        rows = torch.ones(1, queries, 1)
        if group.mask is not None and group.soft:
            rows = self.rows(group.mask, queries)
        elif group.mask is not None:
            hard = (group.mask >= 0.5).float()[None]
            rows = IPAdapterMaskProcessor.downsample(hard, 1, queries, 1)
        return rows if group.region is None else rows * self.rows(self.maps[group.region], queries)

    def stand_ins(self):
        """Embeddings that no attention reads."""
        return [self.nothing(adapter)[None, None].repeat(2 if self.guided else 1, 1, *[1] * self.nothing(adapter).ndim)
                for adapter in range(len(self.model.adapters))]

    @contextlib.contextmanager
    def installed(self):
        names = attentions_of(self.pipe.unet)
        processors = {}
        for name, own in self.model.own.items():
            module = name.split(".transformer_blocks.")[0]
            processors[name] = RuleProcessor(own, self, module, names.index(module), len(names)) if ".attn2." in name else own
        self.pipe.unet.set_attn_processor(processors)
        hook = self.pipe.unet.register_forward_pre_hook(self.next_call)
        yield
        hook.remove()

    def next_call(self, *_):
        self.call += 1


class RuleProcessor(torch.nn.Module):
    def __init__(self, own, rules, name, index, layers):
        super().__init__()
        self.own, self.rules, self.name, self.index, self.layers = own, rules, name, index, layers

    def scales(self, prompt):
        """The scale in the half that has the picture, and the scale in the negative half where that has it instead."""
        scale = by_block(prompt.get("scale", 1), self.name, self.index)
        if "preset" not in prompt:
            return scale, 0
        plain, contrary = PRESETS[prompt["preset"]][self.layers]
        section = self.name.split("_")[0]
        return scale * plain(self.index, section, self.layers), scale * contrary(self.index, section, self.layers)

    def image(self, attn, q, group, scale):
        keys, values = self.own.to_k_ip[group.adapter](group.tokens), self.own.to_v_ip[group.adapter](group.tokens)
        how = group.settings.get("kvScaling", "v")
        if how == "v":
            return scale * attend(q, keys, values, attn.heads)
        weight = scale if how == "kv" else scale * keys.shape[2] / 1280
        if how == "k-mean-v-penalty":
            mean = values.mean(dim=1, keepdim=True)
            return attend(q, keys * weight, (values - mean) + mean * weight, attn.heads)
        return attend(q, keys * weight, values * weight, attn.heads)

    def text(self, attn, q, text):
        rules = self.rules
        out = attend(q, attn.to_k(text), attn.to_v(text), attn.heads)
        if rules.maps is None:
            return out
        out = out * rules.rows(rules.rest, q.shape[1])
        for context, weights in zip(rules.texts, rules.maps):
            out = out + rules.rows(weights, q.shape[1]) * attend(q, attn.to_k(context), attn.to_v(context), attn.heads)
        return out

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, **_):
        rules, q = self.rules, attn.to_q(hidden_states)
        out = self.text(attn, q, encoder_hidden_states[0])
        for group in rules.groups:
            factor = factor_in_call(group.settings, rules.call, len(rules.pipe.scheduler.timesteps))
            scale, contrary = self.scales(group.settings)
            place = factor * rules.place(group, q.shape[1])
            if factor and scale:
                out = out + place * self.image(attn, q, group, scale)
            if factor and contrary and len(q) > 1:
                moved = Group(group.settings, group.adapter, group.tokens.flip(0), group.mask, group.soft, group.region)
                out = torch.cat([out[:1] + place * self.image(attn, q, moved, contrary)[:1], out[1:]])
        return attn.to_out[0](out)
