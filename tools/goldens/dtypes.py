"""Makes test/golden/dtypes.safetensors: for every storage type NAME a tensor `NAME.stored` and, as PyTorch converts it to
float32, `NAME.f32`; and for the writer `half.input` (float32) with `half.output` (float16).

Run with a Python that has torch and safetensors: python tools/goldens/dtypes.py [OUTPUT]
"""

import pathlib
import sys

import torch
from safetensors.torch import save_file


def patterns(bits: int, step: int) -> torch.Tensor:
    """Bit patterns of a small type: every `step`-th, and all around the ends and zero."""
    top = 1 << bits
    chosen = set(range(0, top, step)) | set(range(0, min(40, top))) | set(range(max(0, top - 40), top))
    if bits == 16:
        for edge in (0x0400, 0x7C00, 0x7F80, 0x8000, 0x8400, 0xFC00, 0xFF80):  # subnormals, infinities, NaN, -0
            chosen |= set(range(edge - 4, edge + 5))
    signed = [c - top if c >= top // 2 else c for c in sorted(chosen)]
    return torch.tensor(signed, dtype=torch.int16 if bits == 16 else torch.int8)


def integers(dtype: torch.dtype, generator: torch.Generator) -> torch.Tensor:
    """Edges, values that f32 must round (ties included), and random ones of every magnitude."""
    info = torch.iinfo(dtype)
    values = {0, 1, 2, info.max, info.max - 1, info.min, info.min + 1}
    for power in range(1, info.bits):
        for near in (-1, 0, 1):
            values.add((1 << power) + near)
        if power > 25:
            unit = 1 << (power - 23)  # one unit in the last place of an f32 of this magnitude
            values |= {(1 << power) + unit // 2, (1 << power) + unit + unit // 2, (1 << power) + unit // 2 + 1}
    for _ in range(200):
        bits = int(torch.randint(1, info.bits + 1, (1,), generator=generator))
        value = int(torch.randint(0, 1 << 62, (1,), generator=generator)) * 4 % (1 << bits)
        values |= {value, -value}
    kept = sorted(v for v in values if info.min <= v <= info.max)
    return torch.tensor(kept, dtype=dtype)


def main() -> None:
    default = pathlib.Path(__file__).resolve().parents[2] / "test" / "golden" / "dtypes.safetensors"
    output = sys.argv[1] if len(sys.argv) > 1 else str(default)
    generator = torch.Generator().manual_seed(7)
    stored = {
        "BOOL": torch.tensor([False, True, True, False]),
        "U8": torch.arange(256).to(torch.uint8),
        "I8": patterns(8, 1),
        "F8_E4M3": patterns(8, 1).view(torch.float8_e4m3fn),
        "F8_E5M2": patterns(8, 1).view(torch.float8_e5m2),
        "I16": patterns(16, 11),
        "U16": patterns(16, 13).view(torch.uint16),
        "F16": patterns(16, 7).view(torch.float16),
        "BF16": patterns(16, 17).view(torch.bfloat16),
        "I32": integers(torch.int32, generator),
        "U32": integers(torch.uint32, generator),
        "I64": integers(torch.int64, generator),
        "U64": integers(torch.uint64, generator),
        "F32": torch.cat([torch.randn(30, generator=generator), torch.tensor([0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1e-45])]),
    }
    scale = torch.tensor(10.0, dtype=torch.float64) ** torch.randint(-50, 50, (200,), generator=generator)
    wide = torch.randn(200, dtype=torch.float64, generator=generator) * scale
    ties = torch.tensor([1 + 2.0**-24, 1 + 3 * 2.0**-24, 1 + 2.0**-24 + 2.0**-50, 2.0**-150, 1.5 * 2.0**-149, 3.5e38, -3.5e38, float("nan"), float("inf"), -0.0], dtype=torch.float64)
    stored["F64"] = torch.cat([wide, ties])

    tensors = {}
    for name, tensor in stored.items():
        tensors[name + ".stored"] = tensor.contiguous()
        tensors[name + ".f32"] = tensor.to(torch.float32, copy=True).contiguous()

    half_values = patterns(16, 29).view(torch.float16)
    half_values = half_values[torch.isfinite(half_values)].float()
    # Just under, on and just over the middle between neighbouring halves, where rounding decides.
    bits = half_values.view(torch.int32)
    middle = (bits + 0x1000).view(torch.float32)
    inputs = torch.cat([
        half_values, middle, (bits + 0x0FFF).view(torch.float32), (bits + 0x1001).view(torch.float32),
        torch.randn(500, generator=generator) * 2.0 ** torch.randint(-30, 20, (500,), generator=generator),
        torch.arange(0, 64).float() * 2.0**-26,
        torch.tensor([65504.0, 65519.99, 65520.0, 65536.0, 1e30, float("inf"), float("-inf"), float("nan"), 0.0, -0.0, 1e-45]),
    ]).contiguous()
    tensors["half.input"] = inputs
    tensors["half.output"] = inputs.to(torch.float16)
    save_file(tensors, output)


if __name__ == "__main__":
    main()
