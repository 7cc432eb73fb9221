"""Compares our reader of PyTorch files with torch.load(weights_only=True) on mutated files.

Build test/fuzz/torch_verdicts.cc (see test/fuzz/README.md), then:

    python tools/fuzz/torch_differential.py PATH_OF_VERDICTS [--count N] [--seed S]

Fails when the program crashes, when both accept a file with other tensors, or when we accept what torch refuses with other tensors
than the file had before it was damaged. Needs torch and numpy. The known reasons why we refuse more: bytes behind an archive
(TRUNCATED) or a storage (LAYOUT), checksums (LAYOUT), keys and names that occur twice (DUPLICATE), values left on the pickle's stack and
keys that are no plain values (SYNTAX), compressed members, opcodes and archives beyond what torch.save writes (UNSUPPORTED), tensors with
more elements than their storage and names beyond our limits (LIMIT), negative or non-decimal storage keys (RANGE).
"""

import argparse
import collections
import io
import pickletools
import random
import resource
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections import OrderedDict

import torch

TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64", torch.int64: "I64", torch.int32: "I32",
         torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}
NUMBERS = [0, 1, 2, 3, 4, 5, 7, 8, 16, 255, 256, 65535, 65536, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 62, (1 << 63) - 1, -1, -2, -(1 << 63)]
SNIPPETS = [b"(", b"}", b"]", b")", b"N", b"\x88", b"\x89", b"K\x00", b"K\x02", b"t", b"\x85", b"\x86", b"\x87", b"u", b"s", b"a", b"e", b"R", b"Q", b"b",
            b"h\x00", b"h\x01", b"h\x05", b"q\x01", b"q\x00", b".", b"2", b"0", b"1", b"J\xff\xff\xff\xff", b"X\x01\x00\x00\x00a", b"X\x00\x00\x00\x00",
            b"ccollections\nOrderedDict\n", b"cos\nsystem\n", b"ctorch\nFloatStorage\n", b"ctorch\nHalfStorage\n", b"ctorch\nSize\n",
            b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_parameter\n", b"ctorch\nfloat32\n", b"\x8a\x01\x05", b"G" + b"\x00" * 8]


def tensor(rng: random.Random) -> torch.Tensor:
    dtype = rng.choice(list(TYPES))
    shape = [rng.choice([0, 1, 2, 3, 5]) for _ in range(rng.choice([0, 1, 2, 2, 3]))]
    values = torch.tensor([rng.randrange(100) for _ in range(max(1, int(torch.Size(shape).numel())))])
    made = values[: torch.Size(shape).numel()].reshape(shape).to(dtype)
    kind = rng.randrange(5)
    if kind == 0 and made.dim() > 1:
        made = made.transpose(0, 1)
    elif kind == 1 and made.dim() > 0:
        made = made[::2]
    elif kind == 2 and made.is_floating_point():
        made = torch.nn.Parameter(made)
    return made


def good_tree(rng: random.Random) -> dict | list | torch.Tensor:
    tensors = [tensor(rng) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.2:  # without names
        return rng.choice([tensors[0], tensors, tuple(tensors)])
    tree = OrderedDict() if rng.random() < 0.5 else {}
    for i in range(rng.randint(1, 4)):
        tree[rng.choice(["w", "b", "a.b", "é"]) + str(i)] = rng.choice(tensors)
    if rng.random() < 0.5:
        tree = {"image_proj": tree, "ip_adapter": {"1.to_k_ip.weight": rng.choice(tensors)}}
    if rng.random() < 0.2:
        tree = {"state_dict": tree, "epoch": 3, "names": ["a", 1.5, (1, 2), None, True], "big": 1 << 40}
    return tree


def save(tree, zipped: bool) -> bytes:
    out = io.BytesIO()
    torch.save(tree, out, _use_new_zipfile_serialization=zipped)
    return out.getvalue()


def mutate_pickle(data: bytes, rng: random.Random) -> bytes:
    """Changes between opcodes or of their numbers, so that most of the pickle still makes sense."""
    places = [place for _, _, place in pickletools.genops(data)] + [len(data)]
    at = rng.randrange(1, len(places) - 1)
    begin, end = places[at], places[at + 1]
    kind = rng.randrange(6)
    if kind == 0:
        return data[:begin] + rng.choice(SNIPPETS) + data[begin:]
    if kind == 1:
        return data[:begin] + data[end:]
    if kind == 2:
        return data[:begin] + rng.choice(SNIPPETS) + data[end:]
    if kind == 3:  # an integer's value
        numbers = [i for i in range(len(places) - 1) if data[places[i]:places[i] + 1] in (b"K", b"M", b"J", b"\x8a")]
        if numbers:
            i = rng.choice(numbers)
            value = rng.choice(NUMBERS) if rng.random() < 0.5 else rng.randrange(12)
            return data[:places[i]] + b"\x8a\x08" + struct.pack("<q", value) + data[places[i + 1]:]
    if kind == 4:  # one piece again, elsewhere
        other = rng.randrange(1, len(places) - 1)
        stop = min(other + rng.randint(1, 8), len(places) - 1)
        return data[:begin] + data[places[other]:places[stop]] + data[begin:]
    where = rng.randrange(len(data))
    return data[:where] + bytes([rng.randrange(256)]) + data[where + 1:]


def rebuild_zip(whole: bytes, rng: random.Random) -> bytes:
    """A zip with right checksums around a changed pickle, sometimes with a changed, missing or doubled member."""
    source = zipfile.ZipFile(io.BytesIO(whole))
    members = [(info.filename, source.read(info)) for info in source.infolist()]
    kind, chosen = rng.randrange(10), rng.choice(members)[0]
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if kind == 0 else zipfile.ZIP_STORED) as target:
        warnings.simplefilter("ignore")
        for name, data in members:
            if name.endswith("data.pkl") and kind != 1:
                for _ in range(rng.choice([1, 1, 2])):
                    try:
                        data = mutate_pickle(data, rng)
                    except Exception:  # the pickle no longer comes apart
                        break
            elif kind == 1 and name == chosen:
                data = rng.choice([b"", data[:-1], data + b"x", b"big", b"1", b"99"])
            elif kind == 2 and name == chosen:
                continue
            elif kind == 3 and name == chosen:
                name = name[:-1] + rng.choice("0123x/")
            target.writestr(name, data)
            if kind == 4 and name == chosen:
                target.writestr(name, data[::-1])
    return out.getvalue()


def rebuild_legacy(whole: bytes, rng: random.Random) -> bytes:
    pickles, rest = [], whole
    for _ in range(5):
        for _, _, place in pickletools.genops(rest):
            pass
        pickles.append(rest[:place + 1])
        rest = rest[place + 1:]
    which = rng.choice([3, 3, 3, 4, 2])
    pickles[which] = mutate_pickle(pickles[which], rng)
    return b"".join(pickles) + rest


def mutant(whole: bytes, zipped: bool, rng: random.Random) -> bytes:
    kind = rng.randrange(10)
    if kind == 0:
        return whole
    if kind == 1:
        return whole[:rng.randint(0, len(whole))]
    if kind == 2:
        return whole + rng.randbytes(rng.randint(1, 30))
    if kind == 3:
        changed = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return bytes(changed)
    return rebuild_zip(whole, rng) if zipped else rebuild_legacy(whole, rng)


def describe(tree) -> str:
    """As torch_verdicts.cc prints the tensors, in any order."""
    def walk(node, prefix):
        for key, value in node.items():
            if isinstance(value, torch.Tensor):
                data = value.detach()
                flat = torch.empty(data.numel(), dtype=data.dtype).copy_(data.reshape(-1))
                raw = bytes(flat.view(torch.uint8).numpy()) if data.numel() else b""
                shape = "".join(f"{size}," for size in data.shape)
                yield f"{(prefix + key).encode().hex()}:{TYPES.get(data.dtype)}:{shape}:{zlib.crc32(raw)}"
            elif isinstance(value, dict):
                yield from walk(value, f"{prefix}{key}.")
            elif prefix == "" and isinstance(value, (list, tuple)) and len(value) == 3 and all(isinstance(one, torch.Tensor) for one in value):
                yield from walk({str(i): one for i, one in enumerate(value)}, f"{key}.")
    if isinstance(tree, torch.Tensor):
        tree = {"tensor": tree}
    elif isinstance(tree, (list, tuple)):
        tree = {str(i): one for i, one in enumerate(tree)}
    if isinstance(tree.get("state_dict"), dict):
        tree = tree["state_dict"]
    return " ".join(["OK", *sorted(walk(tree, ""))])


def theirs(data: bytes) -> str:
    try:
        return describe(torch.load(io.BytesIO(data), weights_only=True, map_location="cpu"))
    except MemoryError:
        return "MemoryError"
    except Exception as error:  # whatever a damaged file leads to
        return type(error).__name__


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("verdicts")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rng = random.Random(arguments.seed)
    inputs, originals = [], []
    while len(inputs) < arguments.count:
        tree, zipped = good_tree(rng), rng.random() < 0.6
        whole = save(tree, zipped)
        for _ in range(20):
            inputs.append(mutant(whole, zipped, rng))
            originals.append(describe(tree))
    stream = b"".join(struct.pack("<I", len(one)) + one for one in inputs)
    run = subprocess.run([arguments.verdicts], input=stream, capture_output=True, check=False)
    ours = [" ".join(["OK", *sorted(line.split(" ")[1:])]) if line.startswith("OK") else line for line in run.stdout.decode().splitlines()]
    if run.returncode != 0 or len(ours) != len(inputs):
        print(run.stderr.decode()[-4000:])
        print(f"the program stopped with {run.returncode} after {len(ours)} of {len(inputs)} inputs")
        return 1

    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))  # for torch, which believes what a file says of sizes
    counts, stricter, failures = collections.Counter(), collections.Counter(), []
    for one, our, original in zip(inputs, ours, originals):
        their = theirs(one)
        if our.startswith("OK") and their.startswith("OK"):
            counts["both accept"] += 1
            if our != their:
                failures.append(("other tensors", our, their, one))
        elif our.startswith("OK"):
            counts["only we accept"] += 1
            if our != original:
                failures.append(("only we accept", our, their, one))
        elif their.startswith("OK"):
            counts["only torch accepts"] += 1
            stricter[our] += 1
        else:
            counts["both refuse"] += 1
    print(f"{len(inputs)} files against torch {torch.__version__}: {dict(counts)}")
    print(f"our codes: {dict(collections.Counter(line.split(' ')[0] for line in ours))}")
    print(f"only we refuse: {dict(stricter)}")
    print(f"failures: {len(failures)}")
    for what, our, their, one in failures[:10]:
        print(f"  {what}: ours {our[:300]}; torch {their[:300]}\n    {one[:1500]!r}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
