"""Random weights for reference models: seeded, every affine and bias visible, the same in every run.

Used by the small reference models of this folder and by the full-size ones of ../parity.
"""
import math

import torch


def perturb(module, generator):
    """Moves norms and biases off 1 and 0, so that a forgotten affine or bias changes the output."""
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, (torch.nn.GroupNorm, torch.nn.LayerNorm)):
                part.weight.add_(torch.randn(part.weight.shape, generator=generator) * 0.1)
                part.bias.add_(torch.randn(part.bias.shape, generator=generator) * 0.1)
            elif isinstance(getattr(part, "bias", None), torch.nn.Parameter):
                part.bias.add_(torch.randn(part.bias.shape, generator=generator) * 0.02)
    return module


def randomize(module, generator, gain=1.0, attention_gain=1.6, branch_gain=1.0):
    """Fills every weight with normal numbers of standard deviation gain / sqrt(fan in), then perturbs norms and biases.

    Query and key weights get a larger gain: attention that is nearly uniform would hide a wrong scale or a wrong order.
    branch_gain scales the last weight of every residual branch: below 1 the network is tamer, so that a guided trajectory of
    twenty steps does not blow rounding up.
    """
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim < 2:
                continue
            fan_in = parameter[0].numel()
            sharp = name.endswith(("to_q.weight", "to_k.weight", "q_proj.weight", "k_proj.weight"))
            last = name.endswith(("conv2.weight", "to_out.0.weight", "net.2.weight", "proj_out.weight"))
            deviation = (attention_gain if sharp else branch_gain if last else gain) / math.sqrt(fan_in)
            if "embedding" in name and "linear" not in name and "patch" not in name:
                deviation = 0.5
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * deviation)
        for name, parameter in module.named_parameters():
            if parameter.ndim == 1 and name.endswith("bias"):
                parameter.zero_()
            elif name.endswith("class_embedding"):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    return perturb(module, generator)


def sharpen_vision(encoder, attention=3.0, branch=3.0):
    """Makes a freshly initialised CLIP vision tower depend clearly on its picture (the plain initialisation barely does)."""
    with torch.no_grad():
        for layer in encoder.vision_model.encoder.layers:
            for projection in (layer.self_attn.q_proj, layer.self_attn.k_proj):
                projection.weight.mul_(attention)
            for projection in (layer.self_attn.v_proj, layer.self_attn.out_proj, layer.mlp.fc1, layer.mlp.fc2):
                projection.weight.mul_(branch)
        encoder.vision_model.embeddings.patch_embedding.weight.mul_(branch)
    return encoder


def linear(rows, columns, generator, gain=1.0):
    return torch.randn(rows, columns, generator=generator) * (gain / math.sqrt(columns))


def norm(prefix, size, generator):
    return {f"{prefix}.weight": 1 + torch.randn(size, generator=generator) * 0.1,
            f"{prefix}.bias": torch.randn(size, generator=generator) * 0.1}


def base_projection(generator, embed, cross, tokens=4):
    """One linear layer: an image embedding (embed) becomes `tokens` rows of `cross`, each normalised."""
    return {"proj.weight": linear(tokens * cross, embed, generator), "proj.bias": torch.randn(tokens * cross, generator=generator) * 0.3,
            **norm("norm", cross, generator)}


def resampler_projection(generator, embed, cross, dim, heads, tokens=16):
    """Resampler of the plus adapters: `tokens` learned queries attend to hidden states (n, embed). Head size is 64."""
    inner, depth, ratio = heads * 64, 4, 4
    state = {"latents": torch.randn(1, tokens, dim, generator=generator) * 0.5,
             "proj_in.weight": linear(dim, embed, generator), "proj_in.bias": torch.randn(dim, generator=generator) * 0.1,
             "proj_out.weight": linear(cross, dim, generator), "proj_out.bias": torch.randn(cross, generator=generator) * 0.1,
             **norm("norm_out", cross, generator)}
    for index in range(depth):
        at = f"layers.{index}"
        state |= {**norm(f"{at}.0.norm1", dim, generator), **norm(f"{at}.0.norm2", dim, generator),
                  f"{at}.0.to_q.weight": linear(inner, dim, generator, 1.6), f"{at}.0.to_kv.weight": linear(2 * inner, dim, generator, 1.6),
                  f"{at}.0.to_out.weight": linear(dim, inner, generator),
                  **norm(f"{at}.1.0", dim, generator),
                  f"{at}.1.1.weight": linear(ratio * dim, dim, generator), f"{at}.1.3.weight": linear(dim, ratio * dim, generator)}
    return state


def full_projection(generator, embed, cross):
    """Two-layer perceptron on every hidden state (n, embed); n image tokens."""
    return {"proj.0.weight": linear(embed, embed, generator), "proj.0.bias": torch.randn(embed, generator=generator) * 0.1,
            "proj.2.weight": linear(cross, embed, generator), "proj.2.bias": torch.randn(cross, generator=generator) * 0.1,
            **norm("proj.3", cross, generator)}


def adapter_attention(generator, unet, gain=1.0):
    """Key and value weights of every cross-attention layer, numbered as the published files are: the position among all attention
    processors in the order down, up, mid. Self-attention takes the even numbers."""
    state = {}
    for index, name in enumerate(unet.attn_processors):
        if "attn2" not in name:
            continue
        width, cross = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape
        state[f"{index}.to_k_ip.weight"] = linear(width, cross, generator, gain)
        state[f"{index}.to_v_ip.weight"] = linear(width, cross, generator, gain)
    return state


def adapter_file(projection, attention):
    """Joins both parts under the published prefixes, in f16."""
    state = {f"image_proj.{name}": value for name, value in projection.items()}
    state |= {f"ip_adapter.{name}": value for name, value in attention.items()}
    return {name: value.half().contiguous() for name, value in state.items()}
