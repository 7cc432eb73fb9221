"""Cross-attention with image prompts as formulas: windows, curves, and the weight types that only ComfyUI_IPAdapter_plus has.

A reference of its own: it takes the image tokens and the adapters' keys and values from diffusers, and nothing else.
"""
import torch
import torch.nn.functional as F

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


class Rules:
    """What all attentions of a call share: the prompts in groups of one softmax each, and which call of the model it is."""

    def __init__(self, pipe, prompts):
        self.pipe, self.call, self.groups = pipe, -1, {}
        seen = {}
        for prompt in prompts:
            adapter = prompt.get("adapter", 0)
            place = seen[adapter] = seen.get(adapter, -1) + 1
            key = str([prompt.get(name) for name in STRENGTH])
            self.groups.setdefault(key, (prompt, adapter, []))[2].append(place)
        pipe.unet.register_forward_pre_hook(self.next_call)

    def next_call(self, *_):
        self.call += 1


class RuleProcessor(torch.nn.Module):
    def __init__(self, own, rules, name, index, layers):
        super().__init__()
        self.own, self.rules, self.name, self.index, self.layers = own, rules, name, index, layers

    def weights(self, prompt):
        """The weight in the half that has the picture, and the weight in the negative half where that has it instead."""
        rules = self.rules
        scale = by_block(prompt.get("scale", 1), self.name, self.index) * factor_in_call(prompt, rules.call, len(rules.pipe.scheduler.timesteps))
        if "preset" not in prompt:
            return scale, 0
        plain, contrary = PRESETS[prompt["preset"]][self.layers]
        section = self.name.split("_")[0]
        return scale * plain(self.index, section, self.layers), scale * contrary(self.index, section, self.layers)

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, **_):
        text, images = encoder_hidden_states
        q = attn.to_q(hidden_states)
        out = attend(q, attn.to_k(text), attn.to_v(text), attn.heads)
        for prompt, adapter, places in self.rules.groups.values():
            tokens = images[adapter][:, places].flatten(1, 2)
            keys, values = self.own.to_k_ip[adapter](tokens), self.own.to_v_ip[adapter](tokens)
            weight, contrary = self.weights(prompt)
            if weight:
                out = out + weight * attend(q, keys, values, attn.heads)
            if contrary and len(q) > 1:
                moved = contrary * attend(q[:1], keys[1:], values[1:], attn.heads)
                out = torch.cat([out[:1] + moved, out[1:]])
        return attn.to_out[0](out)


def install(pipe, prompts):
    rules, names = Rules(pipe, prompts), attentions_of(pipe.unet)
    processors = {}
    for name, own in pipe.unet.attn_processors.items():
        module = name.split(".transformer_blocks.")[0]
        processors[name] = RuleProcessor(own, rules, module, names.index(module), len(names)) if ".attn2." in name else own
    pipe.unet.set_attn_processor(processors)
