"""LoRAs of LyCORIS's kinds and DoRA, and what diffusers makes of the small models with them, for test/lora.test.ts.

    python tools/goldens/lycoris_kinds.py

Needs lycoris-lora 4.1.3 (pip install --no-deps) beside the packages of loras.py. The changes of the weights are LyCORIS's own functions'
of the tensors as they are stored; diffusers knows these kinds only as far as peft does, which makes the last case by itself. Reads
test/golden/models/{sd15,sdxl}; writes test/golden/lycoris/ and lycoris.{json,safetensors}.
"""
import shutil

import diffusers
import peft
import torch
from diffusers.training_utils import _collate_lora_metadata
from lycoris.functional import locon, loha, lokr
from lycoris.functional.general import factorization, weight_decompose
from peft import LoraConfig
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from loras import PROMPT, open_pipeline
from store import ROOT, write_json

FOLDER = ROOT / "lycoris"
ALPHA = 3.0
CASES = [
    dict(name="loha", model="sd15", loras=[("sd15-loha", 1.0)]),
    dict(name="lokr", model="sd15", loras=[("sd15-lokr", 0.8)]),
    dict(name="locon", model="sd15", loras=[("sd15-locon", 1.0)]),
    dict(name="full", model="sd15", loras=[("sd15-full", 0.7)]),
    dict(name="mixed", model="sd15", loras=[("sd15-loha", 0.6), ("sd15-lokr", -0.5), ("sd15-full", 0.4)]),
    dict(name="dora", model="sd15", loras=[("sd15-dora", 1.0)]),
    dict(name="sdxl", model="sdxl", loras=[("sdxl-lycoris", 0.9)]),
    dict(name="peft-dora", model="sd15", loras=[("sd15-peft-dora", 0.6)]),
]
PARTS = dict(unet="lora_unet", text_encoder="lora_te", text_encoder_2="lora_te2")


def kohya_name(part, layer, sdxl):
    """transformers 5 leaves text_model. out of some models' paths; files in use have it."""
    prefix = "lora_te1" if sdxl and part == "text_encoder" else PARTS[part]
    layer = layer if part == "unet" or layer.startswith("text_model.") else f"text_model.{layer}"
    return f"{prefix}_{layer.replace('.', '_')}"


class Maker:
    """Random tensors whose change is about half as large as the weight."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)
        self.tensors = {}
        self.deltas = []  # (part, layer, change of the weight or bias)

    def randn(self, *shape):
        return torch.randn(shape, generator=self.generator)

    def put(self, part, layer, tensors, sdxl=False):
        name = kohya_name(part, layer, sdxl)
        self.tensors |= {f"{name}.{key}": value for key, value in tensors.items() if value is not None}

    def save(self, name):
        save_file({k: (v if k.endswith("alpha") else v.half()).contiguous() for k, v in self.tensors.items()}, FOLDER / f"{name}.safetensors")


def fit(tensors, last, weight):
    """Scales one tensor so that the change gets its size."""
    change = delta(tensors, weight)
    tensors[last] = tensors[last] * (0.5 * weight.std() / change.std())
    return tensors


def make_loha(maker, weight, rank, tucker):
    out, inside, *kernel = weight.shape
    first = (lambda size: (rank, size)) if tucker else (lambda size: (size, rank))
    flat = inside if tucker else weight[0].numel()
    tensors = dict(hada_w1_a=maker.randn(*first(out)), hada_w1_b=maker.randn(rank, flat), hada_w2_a=maker.randn(*first(out)), hada_w2_b=maker.randn(rank, flat))
    if tucker:
        tensors |= dict(hada_t1=maker.randn(rank, rank, *kernel), hada_t2=maker.randn(rank, rank, *kernel))
    return fit(tensors | dict(alpha=torch.tensor(ALPHA)), "hada_w2_b", weight)


def make_lokr(maker, weight, rank, layout):
    w1a = w1b = w2 = w2a = w2b = t2 = None
    out, inside, *kernel = weight.shape
    (a, b), (c, d) = (factorization(size, 4) for size in (out, inside))
    w1 = maker.randn(a, c)
    if layout == "both":
        w1, w1a, w1b = None, maker.randn(a, rank), maker.randn(rank, c)
    if layout == "whole":
        w2 = maker.randn(b, d, *kernel)
    elif layout == "tucker":
        w2a, w2b, t2 = maker.randn(rank, b), maker.randn(rank, d), maker.randn(rank, rank, *kernel)
    elif layout == "kernel":
        w2a, w2b = maker.randn(b, rank), maker.randn(rank, d, *kernel)
    else:
        w2a, w2b = maker.randn(b, rank), maker.randn(rank, d * weight[0, 0].numel())
    tensors = dict(lokr_w1=w1, lokr_w1_a=w1a, lokr_w1_b=w1b, lokr_w2=w2, lokr_w2_a=w2a, lokr_w2_b=w2b, lokr_t2=t2, alpha=torch.tensor(ALPHA))
    return fit({k: v for k, v in tensors.items() if v is not None}, "lokr_w2" if layout == "whole" else "lokr_w2_a", weight)


def make_locon(maker, weight, rank, mid):
    out, inside, *kernel = weight.shape
    ones = [1] * len(kernel)
    if mid:
        tensors = {"lora_down.weight": maker.randn(rank, inside, *ones), "lora_up.weight": maker.randn(out, rank + 1, *ones), "lora_mid.weight": maker.randn(rank + 1, rank, *kernel)}
    else:
        tensors = {"lora_down.weight": maker.randn(rank, inside, *kernel), "lora_up.weight": maker.randn(out, rank, *ones)}
    return fit(tensors | dict(alpha=torch.tensor(ALPHA)), "lora_up.weight", weight)


def delta(tensors, weight):
    """LyCORIS's change of a weight, by the tensors of its layer."""
    get = tensors.get
    alpha = float(get("alpha", torch.tensor(1.0)))
    if "hada_w1_a" in tensors:
        rank = get("hada_w1_b").shape[0]
        gamma = torch.tensor(alpha / rank)
        change = loha.diff_weight(get("hada_w1_b"), get("hada_w1_a"), get("hada_w2_b"), get("hada_w2_a"), get("hada_t1"), get("hada_t2"), gamma=gamma, backend="torch")
    elif any(key.startswith("lokr") for key in tensors):
        right = get("lokr_w2_b", get("lokr_w1_b"))
        scale = 1.0 if right is None else alpha / right.shape[0]
        change = lokr.kron_weight(*(get(f"lokr_{key}") for key in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")), scale=scale, backend="torch")
    elif "diff" in tensors or "w_norm" in tensors:
        change = get("diff", get("w_norm"))
    else:
        down = get("lora_down.weight")
        change = locon.diff_weight(down, get("lora_up.weight"), get("lora_mid.weight"), gamma=alpha / down.shape[0], backend="torch")
    return change.reshape(weight.shape)


def layers_of(module, kind):
    return [(name, layer) for name, layer in module.named_modules() if isinstance(layer, kind)]


def some(module, kind, *endings):
    return [(name, layer) for name, layer in layers_of(module, kind) if any(name.endswith(ending) for ending in endings)]


def make_files():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    linear, conv, norms = torch.nn.Linear, torch.nn.Conv2d, (torch.nn.GroupNorm, torch.nn.LayerNorm)
    pipe = open_pipeline("sd15")
    unet, text = pipe.unet, pipe.text_encoder

    maker = Maker(1)
    for name, layer in some(unet, linear, "attn2.to_q", "attn2.to_v", "ff.net.2", "time_emb_proj") + some(unet, conv, "proj_in", "conv_shortcut"):
        maker.put("unet", name, make_loha(maker, layer.weight, 2, False))
    for name, layer in some(unet, conv, "conv1", "downsamplers.0.conv"):
        maker.put("unet", name, make_loha(maker, layer.weight, 2, len(maker.tensors) % 2 == 0))
    for name, layer in some(unet, conv, "upsamplers.0.conv", "conv_in"):
        maker.put("unet", name, make_loha(maker, layer.weight, 3, True))
    for name, layer in some(text, linear, "q_proj", "fc1"):
        maker.put("text_encoder", name, make_loha(maker, layer.weight, 2, False))
    maker.save("sd15-loha")

    maker = Maker(2)
    for i, (name, layer) in enumerate(some(unet, linear, "attn1.to_q", "attn2.to_k", "to_out.0", "ff.net.0.proj")):
        maker.put("unet", name, make_lokr(maker, layer.weight, 2, ["both", "whole", "flat"][i % 3]))
    for i, (name, layer) in enumerate(some(unet, conv, "conv1", "conv2", "proj_out")):
        maker.put("unet", name, make_lokr(maker, layer.weight, 2, ["flat", "tucker", "kernel", "whole"][i % 4]))
    for i, (name, layer) in enumerate(some(text, linear, "v_proj", "out_proj", "fc2")):
        maker.put("text_encoder", name, make_lokr(maker, layer.weight, 2, ["both", "whole", "flat"][i % 3]))
    maker.save("sd15-lokr")

    maker = Maker(3)
    for i, (name, layer) in enumerate(some(unet, conv, "conv1", "conv2", "proj_in", "upsamplers.0.conv")):
        maker.put("unet", name, make_locon(maker, layer.weight, 2, i % 3 != 2))
    for name, layer in some(text, linear, "k_proj"):
        maker.put("text_encoder", name, make_locon(maker, layer.weight, 2, False))
    maker.save("sd15-locon")

    maker = Maker(4)
    for name, layer in some(unet, linear, "attn2.to_k", "ff.net.2") + some(unet, conv, "conv_shortcut", "conv_out"):
        bias = None if layer.bias is None else maker.randn(*layer.bias.shape) * 0.3
        maker.put("unet", name, dict(diff=maker.randn(*layer.weight.shape) * layer.weight.std() * 0.5, diff_b=bias))
    for name, layer in some(unet, norms, "norm2", "conv_norm_out"):
        maker.put("unet", name, dict(w_norm=maker.randn(*layer.weight.shape) * 0.3, b_norm=maker.randn(*layer.bias.shape) * 0.3))
    for name, layer in some(text, linear, "fc1"):
        maker.put("text_encoder", name, dict(diff_b=maker.randn(*layer.bias.shape) * 0.3))
    maker.save("sd15-full")

    maker = Maker(5)
    for i, (name, layer) in enumerate(some(unet, linear, "attn1.to_q", "attn1.to_v", "ff.net.0.proj") + some(unet, conv, "conv1", "proj_out") + some(text, linear, "q_proj", "fc2")):
        part = "text_encoder" if "self_attn" in name or "mlp" in name else "unet"
        weight = layer.weight
        tensors = [lambda: make_loha(maker, weight, 2, False), lambda: make_lokr(maker, weight, 2, "flat"), lambda: make_locon(maker, weight, 2, False)][i % 3]()
        outputs = i % 2 == 0
        others = tuple(dim for dim in range(weight.dim()) if dim != (0 if outputs else 1))
        norm = torch.linalg.vector_norm(weight, dim=others, keepdim=True)
        maker.put(part, name, tensors | dict(dora_scale=norm * (0.6 + maker.randn(*norm.shape).abs())))
    maker.save("sd15-dora")

    pipe = open_pipeline("sdxl")
    maker = Maker(6)
    for name, layer in some(pipe.unet, linear, "attn1.to_k", "attn2.to_v", "proj_in", "proj_out"):
        maker.put("unet", name, make_loha(maker, layer.weight, 2, False), sdxl=True)
    for i, (name, layer) in enumerate(some(pipe.text_encoder, linear, "q_proj", "fc1")):
        maker.put("text_encoder", name, make_lokr(maker, layer.weight, 2, ["both", "whole"][i % 2]), sdxl=True)
    for name, layer in some(pipe.text_encoder_2, linear, "v_proj", "fc2"):
        maker.put("text_encoder_2", name, make_locon(maker, layer.weight, 2, False), sdxl=True)
    maker.save("sdxl-lycoris")


def make_peft_dora():
    """As diffusers' trainer saves a DoRA."""
    pipe = open_pipeline("sd15")
    pipe.unet.add_adapter(LoraConfig(r=2, lora_alpha=3, use_dora=True, target_modules=["to_q", "to_out.0", "conv1", "proj_in", "ff.net.2"]))
    generator = torch.Generator().manual_seed(7)
    for name, layer in pipe.unet.named_modules():
        if not hasattr(layer, "lora_A") or "default" not in layer.lora_A:
            continue
        down, up, size = layer.lora_A["default"].weight, layer.lora_B["default"].weight, layer.lora_magnitude_vector["default"].weight
        down.copy_(torch.randn(down.shape, generator=generator))
        up.copy_(torch.randn(up.shape, generator=generator) * layer.base_layer.weight.std() / 4)
        size.mul_(0.6 + torch.randn(size.shape, generator=generator).abs())
        for tensor in (down, up, size):
            tensor.copy_(tensor.half())
    metadata = _collate_lora_metadata(dict(unet=pipe.unet))
    for config in metadata.values():
        config.pop("base_model_name_or_path")
    pipe.save_lora_weights(FOLDER, unet_lora_layers=peft.utils.get_peft_model_state_dict(pipe.unet), weight_name="sd15-peft-dora.safetensors", **metadata)
    file = FOLDER / "sd15-peft-dora.safetensors"
    metadata = safe_open(file, "pt").metadata()
    save_file({k: v.half() for k, v in load_file(file).items()}, file, metadata=metadata)


def merge(pipe, loras, sdxl):
    """Every LoRA's change is of the weights as they were."""
    files = [(load_file(FOLDER / f"{name}.safetensors"), weight) for name, weight in loras]
    used = 0
    for part in PARTS:
        for name, layer in getattr(pipe, part, torch.nn.Identity()).named_modules():
            prefix = kohya_name(part, name, sdxl) + "."
            weight_sum, bias_sum = 0, 0
            for file, scale in files:
                tensors = {k[len(prefix):]: v.float() for k, v in file.items() if k.startswith(prefix)}
                used += len(tensors)
                bias = tensors.pop("diff_b", tensors.pop("b_norm", None))
                if bias is not None:
                    bias_sum = bias_sum + scale * bias
                if not tensors:
                    continue
                change = delta(tensors, layer.weight)
                if "dora_scale" in tensors:
                    assert scale == 1
                    outputs = tensors["dora_scale"].shape[0] == layer.weight.shape[0]
                    change = weight_decompose(layer.weight + change, tensors["dora_scale"], 1, outputs, backend="torch") - layer.weight
                weight_sum = weight_sum + scale * change
            if torch.is_tensor(weight_sum):
                layer.weight += weight_sum
            if torch.is_tensor(bias_sum):
                layer.bias += bias_sum
    assert used == sum(len(file) for file, _ in files)


def run(case):
    pipe = open_pipeline(case["model"])
    if case["name"] == "peft-dora":
        (name, weight), = case["loras"]
        pipe.load_lora_weights(FOLDER, weight_name=f"{name}.safetensors", local_files_only=True, adapter_name=name)
        assert sum(hasattr(layer, "lora_magnitude_vector") and name in layer.lora_magnitude_vector for layer in pipe.unet.modules()) > 10
        pipe.unet.set_adapters([name], [weight])
    else:
        merge(pipe, case["loras"], case["model"] == "sdxl")
    pipe.scheduler = diffusers.DDIMScheduler.from_config(pipe.scheduler.config)
    return pipe(prompt=PROMPT, negative_prompt="", num_inference_steps=5, guidance_scale=4.0, width=64, height=64, output_type="latent",
                generator=torch.Generator().manual_seed(7)).images[0]


def main():
    torch.set_num_threads(1)
    make_files()
    make_peft_dora()
    save_file({f"{case['name']}.latents": run(case).contiguous() for case in CASES}, ROOT / "lycoris.safetensors")
    cases = [case | dict(loras=[dict(file=f"{name}.safetensors", weight=weight) for name, weight in case["loras"]]) for case in CASES]
    write_json(ROOT / "lycoris.json", dict(versions=dict(torch=torch.__version__.split("+")[0], diffusers=diffusers.__version__, peft=peft.__version__, lycoris="4.1.3"),
                                           prompt=PROMPT, steps=5, guidance=4.0, seed=7, cases=cases))


if __name__ == "__main__":
    with torch.no_grad():
        main()
