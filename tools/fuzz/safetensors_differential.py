"""Compares our safetensors reader with the `safetensors` package on mutated files.

Build test/fuzz/safetensors_verdicts.cc (see test/fuzz/README.md), then:

    python tools/fuzz/safetensors_differential.py PATH_OF_VERDICTS [--count N] [--seed S]

Fails when we accept a file that the package refuses, or when the program crashes. Where we refuse a file that the package
accepts, our code and how often it happened are printed; the known reasons are: duplicate names (DUPLICATE), unknown members
(TYPE), names, ranks and numbers of tensors beyond our limits (LIMIT), sizes beyond 2^63 (OVERFLOW).
"""

import argparse
import collections
import json
import random
import struct
import subprocess
import sys

import safetensors

SIZES = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32,
         "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
         "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4}
NUMBERS = ["0", "1", "2", "3", "4", "7", "8", "16", "-1", "-0", "1.0", "1e1", "01", "+1", "255", "65536", "4294967296",
           "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "null", "true",
           "\"1\"", "[]", "{}", "NaN", "1e400", "4194305", "4611686018427387904"]
SNIPPETS = ["{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0077", "\\ud800", "\\ud83d\\ude00", " ", "\n", "\t", "\r", "\x0b", "\x00",
            "é", "\ufeff", "__metadata__", "dtype", "shape", "data_offsets", "null", "//", "/**/", "'", "F32", "F17", "f16",
            "\"x\":1", "\"x\":{}", ",\"a\":\"b\"", "[[[[[[", "\"dtype\":\"F32\",", "\\u0000", "\\x41", "-", "."]


def pack(header: bytes, data: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def good_parts(rng: random.Random) -> tuple[bytes, bytes]:
    """A random valid file: its header and its data."""
    entries, offset = {}, 0
    for number in range(rng.choice([0, 1, 1, 2, 3, 5])):
        dtype = rng.choice(list(SIZES))
        shape = [rng.choice([0, 1, 2, 3, 4, 8]) for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4]))]
        count = 1
        for size in shape:
            count *= size
        if count * SIZES[dtype] % 8:
            shape, count = shape + [8], count * 8
        size = count * SIZES[dtype] // 8
        name = rng.choice(["w", "a.b", "é", "x" * rng.randint(1, 40), "down.0"]) + str(number)
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    items = list(entries.items())
    rng.shuffle(items)
    whole = dict(items)
    if rng.random() < 0.4:
        whole = {"__metadata__": {"format": "pt", "k": "v"}, **whole}
    indent = rng.choice([None, None, 1])
    header = json.dumps(whole, ensure_ascii=rng.random() < 0.5, indent=indent).encode()
    header += b" " * rng.choice([0, 0, (8 - len(header) % 8) % 8])
    return header, rng.randbytes(offset)


def mutate_text(header: bytes, rng: random.Random) -> bytes:
    text = header.decode("utf-8", "surrogateescape")
    where = rng.randint(0, len(text))
    kind = rng.randrange(7)
    if kind == 0:  # replace a number
        starts = [i for i in range(len(text)) if text[i].isdigit() and (i == 0 or not text[i - 1].isdigit())]
        if starts:
            begin = end = rng.choice(starts)
            while end < len(text) and text[end].isdigit():
                end += 1
            text = text[:begin] + rng.choice(NUMBERS) + text[end:]
    elif kind == 1:
        text = text[:where] + rng.choice(SNIPPETS) + text[where:]
    elif kind == 2:
        text = text[:where] + text[where + rng.randint(1, 6):]
    elif kind == 3:  # copy a piece elsewhere: doubled members
        length = rng.randint(1, 80)
        text = text[:where] + text[where:where + length] + text[where:]
    elif kind == 4:  # double one whole member
        try:
            members = list(json.loads(text).items())
        except ValueError:
            members = []
        if members:
            name, value = rng.choice(members)
            text = "{" + json.dumps(name) + ":" + json.dumps(value) + "," + text.lstrip()[1:]
    elif kind == 5:
        return header[:where] + bytes([rng.randrange(256)]) + header[where + 1:]
    else:
        words = list(SIZES) + ["dtype", "shape", "data_offsets", "__metadata__"]
        word = rng.choice(words)
        text = text.replace(word, rng.choice(words), 1)
    return text.encode("utf-8", "surrogateescape")


def mutant(rng: random.Random) -> bytes:
    header, data = good_parts(rng)
    kind = rng.randrange(12)
    if kind == 0:
        return pack(header, data)
    if kind == 1:
        whole = pack(header, data)
        return whole[:rng.randint(0, len(whole))]
    if kind == 2:
        return pack(header, data + rng.randbytes(rng.randint(1, 9)))
    if kind == 3:
        length = rng.choice([0, 1, len(header) - 1, len(header) + 1, len(header) + len(data), 1 << 63, (1 << 64) - 1, 100_000_001])
        return pack(header, data, max(length, 0))
    if kind == 4:
        whole = bytearray(pack(header, data))
        for _ in range(rng.randint(1, 3)):
            whole[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        return bytes(whole)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        header = mutate_text(header, rng)
    return pack(header, data)


def theirs(data: bytes) -> str:
    try:
        safetensors.deserialize(data)
        return "OK"
    except safetensors.SafetensorError as error:
        return str(error).split(":")[1].strip().split("(")[0] if ":" in str(error) else "ERROR"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("verdicts")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    inputs = [mutant(rng) for _ in range(arguments.count)]
    stream = b"".join(struct.pack("<I", len(one)) + one for one in inputs)
    run = subprocess.run([arguments.verdicts], input=stream, capture_output=True, check=False)
    ours = run.stdout.decode().split()
    if run.returncode != 0 or len(ours) != len(inputs):
        print(run.stderr.decode()[-4000:])
        print(f"the program stopped with {run.returncode} after {len(ours)} of {len(inputs)} inputs")
        return 1

    stricter, laxer, agree = collections.Counter(), [], collections.Counter()
    examples = {}
    for one, our in zip(inputs, ours):
        their = theirs(one)
        if (our == "OK") == (their == "OK"):
            agree["both accept" if our == "OK" else "both refuse"] += 1
        elif our == "OK":
            laxer.append((their, one))
        else:
            stricter[our] += 1
            examples.setdefault(our, one)
    print(f"{len(inputs)} files against safetensors {safetensors.__version__}: {dict(agree)}")
    print(f"our codes: {dict(collections.Counter(ours))}")
    print(f"only we refuse: {dict(stricter)}")
    for code, one in examples.items():
        print(f"  {code}: {one[:300]!r}")
    print(f"only we accept: {len(laxer)}")
    for their, one in laxer[:10]:
        print(f"  {their}: {one[:300]!r}")
    return 1 if laxer else 0


if __name__ == "__main__":
    sys.exit(main())
