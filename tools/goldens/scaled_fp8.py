"""Makes test/cases/scaled-fp8/: networks of the small model single-sd1 in 8 bits with scales, as ComfyUI and its tools write them, and what
torch makes of every weight.

    scaled-PART.safetensors    the whole model in fp8 with NAME.scale_weight, NAME.scale_input and `scaled_fp8`, in parts that a test joins
    quantised.safetensors      its VAE in fp8 with NAME.weight_scale (one per tensor, or one per row), NAME.input_scale and NAME.comfy_quant
    int8.safetensors           its VAE in bytes with NAME.weight_scale and NAME.comfy_quant
    values.json                {file: {tensor: SHA-256 of its f32 values in little endian}}

Run with a Python that has torch and safetensors: python tools/goldens/scaled_fp8.py
"""
import hashlib
import json
import re
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

TEST = Path(__file__).resolve().parents[2] / "test"
OUT = TEST / "cases" / "scaled-fp8"
LARGEST = 448.0
# Beginnings of names; what is left is the last part.
PARTS = ("first_stage_model.", "model.diffusion_model.output_blocks.", "model.diffusion_model.")


def is_layer(name, value):
    return name.endswith(".weight") and value.ndim >= 2 and value.numel() >= 512 and "embedding" not in name


def marker(**stored):
    return torch.tensor(list(json.dumps(stored).encode()), dtype=torch.uint8)


def digest(value):
    return hashlib.sha256(value.contiguous().numpy().astype("<f4").tobytes()).hexdigest()


def scales(value, top, rows):
    amount = value.abs().amax(dim=tuple(range(1, value.ndim)), keepdim=True) if rows else value.abs().amax()
    return (amount / top).clamp(min=1e-12).float()


def make(state, kind):
    stored, values = {}, {}
    for index, (name, value) in enumerate(state.items()):
        value = value.float()
        layer = name.removesuffix(".weight")
        if not is_layer(name, value):
            stored[name], values[name] = value.half(), digest(value.half().float())
            continue
        rows = kind != "scaled" and index % 2 == 1
        if kind == "int8":
            scale = scales(value, 127, rows)
            small = (value / scale).round().clamp(-127, 127).to(torch.int8)
            stored[layer + ".comfy_quant"] = marker(format="int8_tensorwise")
        else:
            scale = scales(value, LARGEST, rows)
            dtype = torch.float8_e5m2 if kind == "quantised" and index % 3 == 0 else torch.float8_e4m3fn
            small = (value / scale).to(dtype)
        stored[name] = small
        values[name] = digest(small.float() * scale)
        # A scale per row is found as a column, and without the ones behind.
        flat = scale.reshape(-1) if rows and index % 4 == 1 else scale
        if kind == "scaled":
            stored[layer + ".scale_weight"] = flat
            stored[layer + ".scale_input"] = torch.ones(())
        else:
            stored[layer + ".weight_scale"] = flat
        if kind == "quantised":
            stored[layer + ".input_scale"] = torch.tensor(0.7)
            stored[layer + ".comfy_quant"] = marker(format=str(dtype).removeprefix("torch."), full_precision_matrix_mult=True)
    if kind == "scaled":
        stored["model.diffusion_model.scaled_fp8"] = torch.zeros(2).to(torch.float8_e4m3fn)
        stored["scaled_fp8"] = torch.zeros(0).to(torch.float8_e4m3fn)
    return stored, values


def main():
    state = load_file(TEST / "golden" / "models" / "single-sd1" / "model.safetensors")
    OUT.mkdir(parents=True, exist_ok=True)
    every = {}
    for kind in ("scaled", "quantised", "int8"):
        part = state if kind == "scaled" else {name: value for name, value in state.items() if re.match(r"first_stage_model\.", name)}
        stored, every[kind] = make(part, kind)
        stored = {name: value.contiguous() for name, value in stored.items()}
        if kind != "scaled":
            save_file(stored, OUT / f"{kind}.safetensors")
            continue
        of = {name: next((i for i, beginning in enumerate(PARTS) if name.startswith(beginning)), len(PARTS)) for name in stored}
        for i in range(len(PARTS) + 1):
            save_file({name: value for name, value in stored.items() if of[name] == i}, OUT / f"scaled-{i}.safetensors")
    (OUT / "values.json").write_text(json.dumps(every, indent=0) + "\n")


if __name__ == "__main__":
    main()
