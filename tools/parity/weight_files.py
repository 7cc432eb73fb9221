"""Holds the files that `node-ip-adapter convert` writes against Python's readers and quantisers.

usage: weight_files.py [--type TYPE]... INPUT...

Every INPUT (a .safetensors, PyTorch or .gguf file) is converted to .gguf in each type and to .safetensors in f32, f16 and bf16. GGUF files
are read with gguf.GGUFReader: names in the input's order, shapes (comfy.gguf.orig_shape where a tensor was flattened), types by the
documented rule, metadata, and every byte, which must be that of gguf.quants.quantize on the input's values as safetensors, torch or gguf
give them. safetensors files are read with safetensors: names, shapes, metadata, and the bytes that torch gives. Needs the built package and
a Python with gguf, numpy, safetensors and torch.
"""
import argparse
import collections
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from safetensors import safe_open

ROOT = pathlib.Path(__file__).resolve().parents[2]
TYPES = {"f32": Type.F32, "f16": Type.F16, "bf16": Type.BF16, "q8_0": Type.Q8_0, "q5_1": Type.Q5_1, "q5_0": Type.Q5_0, "q4_1": Type.Q4_1, "q4_0": Type.Q4_0}
FILE_TYPES = {"f32": 0, "f16": 1, "bf16": 32, "q8_0": 7, "q5_1": 9, "q5_0": 8, "q4_1": 3, "q4_0": 2}
TORCH = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
INTEGERS = {torch.int8: Type.I8, torch.int16: Type.I16, torch.int32: Type.I32, torch.int64: Type.I64}
KEPT = ("position_embedding", "positional_embedding", "time_embed", "add_embedding", "label_emb", "class_embedding")
ORIGINAL = "comfy.gguf.orig_shape."


class Input:
    """Tensors of a file as torch has them, one at a time, and its texts."""

    def __init__(self, path):
        self.texts = {}
        with open(path, "rb") as file:
            start = file.read(4)
        if start == b"GGUF":
            self.reader = gguf.GGUFReader(path)
            self.tensors = {tensor.name: tensor for tensor in self.reader.tensors}
            self.names = list(self.tensors)
            self.texts = {key: field.contents() for key, field in self.reader.fields.items() if field.types == [gguf.GGUFValueType.STRING]}
            self.read = self.read_gguf
        elif start[:2] in (b"PK", b"\x80\x02"):
            self.tensors = torch.load(path, weights_only=True, map_location="cpu")
            self.tensors = dict(flatten(self.tensors.get("state_dict", self.tensors)))
            self.names = list(self.tensors)
            self.read = lambda name: (self.tensors[name].detach().contiguous(), None)
        else:
            self.file = safe_open(path, "pt")
            self.names = list(self.file.offset_keys())
            self.texts = dict(self.file.metadata() or {})
            self.read = lambda name: (self.file.get_tensor(name), None)

    def read_gguf(self, name):
        """The values, and what type of GGUF they have."""
        tensor = self.tensors[name]
        kind = tensor.tensor_type
        shape = tuple(reversed(tensor.shape.tolist()))
        original = self.reader.get_field(ORIGINAL + name)
        values = np.asarray(tensor.data)
        if kind not in (Type.I8, Type.I16, Type.I32, Type.I64, Type.F16, Type.F32, Type.F64):
            values = gguf.quants.dequantize(values, kind)
        return torch.from_numpy(np.array(values)).reshape(original.contents() if original else shape), kind


def flatten(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        elif isinstance(value, torch.Tensor):
            yield prefix + str(key), value


def planned(name, tensor, stored, wanted):
    """The type that docs/api.md gives this tensor, and the shape it has in the file."""
    kind, shape = TYPES[wanted], tuple(tensor.shape)
    if tensor.dtype in INTEGERS:
        return INTEGERS[tensor.dtype], shape
    if wanted in ("f32", "f16", "bf16"):
        return (Type.F32 if wanted == "bf16" and not shape else kind), shape
    size, count = gguf.GGML_QUANT_SIZES[kind][0], tensor.numel()
    whole = bool(shape) and shape[-1] % size == 0 and len(shape) <= 4
    possible = whole or (count > 0 and count % 256 == 0)
    if stored == kind and possible:
        return kind, shape if whole else (count // 256, 256)
    halves = tensor.dtype in (torch.float16, torch.float8_e4m3fn, torch.float8_e5m2)
    if len(shape) < 2 or count <= 1024 or any(part in name for part in KEPT):
        return (Type.F16 if halves else Type.F32), shape
    if possible:
        return kind, shape if whole else (count // 256, 256)
    brain = tensor.dtype == torch.bfloat16 or stored == Type.BF16
    return (Type.BF16 if brain else Type.F16), shape


def check(condition, *what):
    if not condition:
        raise SystemExit(f"weight_files: {' '.join(map(str, what))}")


def convert(source, target, wanted):
    subprocess.run(["node", ROOT / "dist/cli/main.js", "convert", source, target, "--type", wanted, "--force"], check=True, capture_output=True)


def check_gguf(source, target, wanted):
    reader = gguf.GGUFReader(target)
    kinds = collections.Counter()
    check([tensor.name for tensor in reader.tensors] == source.names, target, "names or their order")
    for tensor in reader.tensors:
        values, stored = source.read(tensor.name)
        kind, shape = planned(tensor.name, values, stored, wanted)
        check(tensor.tensor_type == kind, tensor.name, tensor.tensor_type, "expected", kind)
        check(tuple(reversed(tensor.shape.tolist())) == shape, tensor.name, tensor.shape, "expected", shape)
        original = reader.get_field(ORIGINAL + tensor.name)
        check((original is None) == (shape == tuple(values.shape)), tensor.name, "has an original shape without need, or none")
        if original is not None:
            check(original.types == [gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.INT32], tensor.name, "original shape's type")
            check(tuple(original.contents()) == tuple(values.shape), tensor.name, "original shape")
        if kind in INTEGERS.values():
            expected = values.numpy()
        elif stored == kind:
            expected = source.tensors[tensor.name].data
        else:
            with np.errstate(all="ignore"):
                flat = values.float().numpy().reshape(shape)
                # The quantiser takes no array without sizes.
                expected = gguf.quants.quantize(flat, kind) if shape or kind in (Type.F32, Type.F16) else flat
        check(tensor.data.tobytes() == expected.tobytes(), tensor.name, kind, "bytes")
        check(tensor.data_offset % 32 == 0, tensor.name, "is not aligned")
        kinds[kind.name] += 1
    fields = {key: field.contents() for key, field in reader.fields.items()}
    check(fields["general.file_type"] == FILE_TYPES[wanted] and fields["general.quantization_version"] == 2, target, "metadata")
    check(isinstance(fields["general.architecture"], str), target, "architecture")
    for key, text in source.texts.items():
        check(key == "general.architecture" or fields.get(key) == text, target, "lost the text", key)
    check(pathlib.Path(target).stat().st_size % 32 == 0, target, "the last tensor is not padded")
    return kinds


def check_safetensors(source, target, wanted):
    kinds = collections.Counter()
    with safe_open(target, "pt") as file:
        check(set(file.keys()) == set(source.names), target, "names")
        for name in source.names:
            values, _ = source.read(name)
            dtype = values.dtype if not values.dtype.is_floating_point else torch.float32 if wanted == "bf16" and values.dim() == 0 else TORCH[wanted]
            # As we do: through f32.
            expected = values if not values.dtype.is_floating_point else values.float().to(dtype)
            ours = file.get_tensor(name)
            check(ours.dtype == dtype and ours.shape == values.shape, name, ours.dtype, ours.shape)
            check(ours.contiguous().view(-1).view(torch.uint8).numpy().tobytes() == expected.contiguous().view(-1).view(torch.uint8).numpy().tobytes(), name, "bytes")
            kinds[str(dtype).removeprefix("torch.")] += 1
        check(dict(file.metadata()) == {"format": "pt"} | source.texts, target, "metadata")
    return kinds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--type", action="append", choices=list(TYPES))
    arguments = parser.parse_args()
    files = tensors = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in arguments.inputs:
            source = Input(path)
            for wanted in arguments.type or TYPES:
                for ending in ("gguf", "safetensors") if wanted in TORCH else ("gguf",):
                    target = f"{folder}/out.{ending}"
                    convert(path, target, wanted)
                    kinds = (check_gguf if ending == "gguf" else check_safetensors)(source, target, wanted)
                    size = pathlib.Path(target).stat().st_size
                    print(f"{path} -> {ending} {wanted}: {dict(kinds)}, {size / 1e6:.1f} MB", flush=True)
                    files, tensors = files + 1, tensors + kinds.total()
    print(f"{files} files, {tensors} tensors: all as Python has them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
