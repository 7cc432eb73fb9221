"""Makes test/golden/gguf_types.gguf, written by the gguf package, with tensors of every type that the reader knows, and
test/golden/gguf_types.safetensors, the same names and shapes in float32 as gguf.quants dequantises them.

For the other direction, test/golden/gguf_quantised.safetensors: `values`, ordinary blocks and awkward ones, and under each type's name the
bytes that gguf.quants.quantize makes of them; `specials` (NaN, infinities and numbers at the ends of f16 and bf16) for the types of 16 bits.

Run with a Python that has gguf (0.19.0), numpy and safetensors: python tools/goldens/gguf_types.py
"""
import pathlib

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize, quantize
from safetensors.numpy import save_file

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "test" / "golden"
QUANTISED = (Type.F16, Type.BF16, Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1)
# The package quantises none of these: random bytes with the offsets of their f16 scales, which are made finite.
K_SCALES = {Type.Q2_K: (80, 82), Type.Q3_K: (108,), Type.Q4_K: (0, 2), Type.Q5_K: (0, 2), Type.Q6_K: (208,)}


def random_blocks(kind, count, generator):
    blocks = generator.integers(0, 256, (count, gguf.GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
    for offset in K_SCALES[kind]:
        scales = (generator.standard_normal((count, 1)) * 2.0 ** generator.integers(-18, 4, (count, 1))).astype(np.float16)
        blocks[:, offset:offset + 2] = scales.view(np.uint8)
    return blocks


def awkward_blocks(generator):
    noise = generator.uniform(-1, 1, (8, 32)).astype(np.float32)
    tiny = generator.integers(-8_000_000, 8_000_000, (4, 32)).astype(np.int32)
    subnormal = np.where(tiny < 0, (-tiny).astype(np.uint32) | 0x80000000, tiny.astype(np.uint32)).astype(np.uint32).view(np.float32)
    rows = [np.zeros(32), -np.zeros(32), np.full(32, 0.3), np.full(32, -0.3), np.full(32, 1e-45), np.full(32, -1e-39)]
    rows += [*subnormal, subnormal[0] / 1000, noise[0] * 1e-38, noise[1] * 1e-7]  # scales that are subnormal in f32, or 0 in f16
    rows += [noise[2] * 6e4, noise[3] * 1e6, noise[4] * 1e9, noise[5] * 3.4e38]  # up to scales that f16 does not hold
    one = np.zeros(32)
    one[5] = -2.5
    rows += [one, -one, np.where(np.arange(32) % 2 == 0, 1.0, -1.0), np.where(np.arange(32) % 2 == 0, -1.0, 1.0)]  # which extreme is first
    # Values halfway between two codes, in every type: the scale becomes 1 or -1.
    for most, other in ((127, 0), (-8, 0), (8, 0), (-16, 0), (0, 15), (-3, 12), (0, 31), (-7, 24)):
        halves = np.clip(np.arange(32) / 2 - 7.75, min(most, other), max(most, other))
        halves[0], halves[1] = most, other
        rows.append(halves)
    rows += [noise[6] + 100, noise[7] - 100]
    return np.stack(rows).astype(np.float32)


def quantised():
    generator = np.random.default_rng(12)
    ordinary = (generator.standard_normal((96, 32)) * 2.0 ** generator.integers(-24, 16, (96, 1))).astype(np.float32)
    values = np.concatenate([awkward_blocks(generator), ordinary])
    with np.errstate(all="ignore"):  # numbers without an f16, an integer or an inverse are what this is about
        out = {"values": values} | {kind.name: quantize(values, kind) for kind in QUANTISED[2:]}
        specials = np.float32([np.nan, np.inf, -np.inf, 0.0, -0.0, 65504, 65519.996, 65520, -65520, 3.3895314e38, 3.4028235e38, 1e-45, -1e-45, 5.9604645e-08,
                               2.9802322e-08, 2.9802326e-08, 8.940697e-08, 6.097555e-05, 6.1035156e-05, 1.00048828125, 1.00146484375, 1.00390625, 1.01171875, 1e-41])
        out["specials"] = specials
        out |= {kind.name: quantize(specials, kind).view(np.uint8) for kind in QUANTISED[:2]}
    save_file({name: np.ascontiguousarray(value) for name, value in out.items()}, GOLDEN / "gguf_quantised.safetensors")


def main():
    quantised()
    generator = np.random.default_rng(11)
    writer = gguf.GGUFWriter(str(GOLDEN / "gguf_types.gguf"), "sd1")
    writer.add_custom_alignment(64)
    writer.add_string("general.name", "every type")
    writer.add_array("some.words", ["one", "two"])
    expected = {}
    values = (generator.standard_normal((3, 5, 64)) * 2.0 ** generator.integers(-20, 6, (3, 5, 1))).astype(np.float32)
    values[0, 0] = 0  # blocks of zeros, where the scale is zero
    writer.add_tensor("F32", values)
    expected["F32"] = values
    for kind in QUANTISED:
        stored = quantize(values, kind)
        writer.add_tensor(kind.name, stored, raw_dtype=kind)
        expected[kind.name] = dequantize(stored, kind)
    for kind in K_SCALES:
        stored = random_blocks(kind, 6, generator).reshape(3, -1)
        writer.add_tensor(kind.name, stored, raw_dtype=kind)
        expected[kind.name] = dequantize(stored, kind)
    # city96's tools flatten convolutions whose rows are no whole blocks and keep the shape beside them.
    conv = generator.standard_normal((8, 4, 3, 3)).astype(np.float32)
    stored = quantize(conv.reshape(-1, 32), Type.Q8_0)
    writer.add_array("comfy.gguf.orig_shape.conv.weight", list(conv.shape))
    writer.add_tensor("conv.weight", stored, raw_dtype=Type.Q8_0)
    expected["conv.weight"] = dequantize(stored, Type.Q8_0).reshape(conv.shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file({name: np.ascontiguousarray(value, np.float32) for name, value in expected.items()}, GOLDEN / "gguf_types.safetensors")


if __name__ == "__main__":
    main()
