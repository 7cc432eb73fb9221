"""Makes test/golden/gguf_types.gguf, written by the gguf package, with tensors of every type that the reader knows, and
test/golden/gguf_types.safetensors, the same names and shapes in float32 as gguf.quants dequantises them.

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


def main():
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
