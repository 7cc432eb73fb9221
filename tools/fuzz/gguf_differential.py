"""Compares our reader of GGUF files with gguf.GGUFReader on mutated files.

Build test/fuzz/gguf_verdicts.cc (see test/fuzz/README.md), then:

    python tools/fuzz/gguf_differential.py PATH_OF_VERDICTS [--count N] [--seed S]

Fails when the program crashes, when we accept a file that the package refuses, or when both accept it with other names, types,
shapes, bytes or texts. Needs gguf and numpy. Counted apart, because the package refuses them for reasons of its own: keys named as the
three fields that it keeps for the start of the file (GGUF.version and so on), and tensors of type BF16 without sizes, on which its
arithmetic of shapes fails.

The known reasons why we refuse more: alignments below 8 or beyond 65536 and array elements that are arrays (TYPE), BOOL values other than
0 and 1 (TYPE), keys that are not printable ASCII (SYNTAX), empty names, names, counts and ranks beyond our limits (LIMIT), big-endian
files, types that cannot be converted and split files (UNSUPPORTED), tensors that overlap, lie apart or are not aligned (RANGE), padding
that is not zero and rows that are not whole blocks (LAYOUT), sizes beyond 2^63 (OVERFLOW), metadata that the file's end cuts short
(TRUNCATED), original shapes with another number of values (SHAPE) or that are no small integers (TYPE, LIMIT, OVERFLOW).
"""

import argparse
import collections
import random
import signal
import struct
import subprocess
import sys
import tempfile
import zlib

import gguf
import numpy as np

# Name, number, values and bytes of a block: what our reader converts, and some that it does not.
TYPES = [("F32", 0, 1, 4), ("F16", 1, 1, 2), ("Q4_0", 2, 32, 18), ("Q4_1", 3, 32, 20), ("Q5_0", 6, 32, 22), ("Q5_1", 7, 32, 24), ("Q8_0", 8, 32, 34),
         ("Q2_K", 10, 256, 84), ("Q3_K", 11, 256, 110), ("Q4_K", 12, 256, 144), ("Q5_K", 13, 256, 176), ("Q6_K", 14, 256, 210), ("I8", 24, 1, 1),
         ("I16", 25, 1, 2), ("I32", 26, 1, 4), ("I64", 27, 1, 8), ("F64", 28, 1, 8), ("BF16", 30, 1, 2), ("Q8_1", 9, 32, 36), ("IQ4_NL", 20, 32, 18)]
NUMBERS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 31, 32, 33, 64, 255, 256, 4096, 65535, 65536, 65537, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32,
           1 << 40, 1 << 61, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 32, (1 << 64) - 1]
SCALARS = [(0, "<B"), (1, "<b"), (2, "<H"), (3, "<h"), (4, "<I"), (5, "<i"), (6, "<f"), (7, "<B"), (10, "<Q"), (11, "<q"), (12, "<d")]
ORIGINAL = "comfy.gguf.orig_shape."
SECONDS = 0.3  # of computing: the package walks through an array of any declared length, value by value


def number(value: int, size: int) -> list:
    """A field that mutations know as a number."""
    return [("number", struct.pack({1: "<B", 2: "<H", 4: "<I", 8: "<Q"}[size], value & ((1 << 8 * size) - 1)))]


def text(value: bytes) -> list:
    return number(len(value), 8) + [("text", value)]


def good_value(rng: random.Random) -> list:
    kind = rng.randrange(6)
    if kind < 2:
        return number(8, 4) + text(rng.choice([b"", b"v", "é".encode(), b"sd1", rng.randbytes(rng.randrange(9))]))
    if kind < 4:
        scalar, form = rng.choice(SCALARS)
        return number(scalar, 4) + [("raw", struct.pack(form, rng.randrange(2)))]
    count = rng.randrange(4)
    if kind == 4:
        return number(9, 4) + number(8, 4) + number(count, 8) + [field for _ in range(count) for field in text(rng.choice([b"a", b"", b"bc"]))]
    scalar, form = rng.choice(SCALARS)
    return number(9, 4) + number(scalar, 4) + number(count, 8) + [("raw", struct.pack(form, rng.randrange(2))) for _ in range(count)]


def good_file(rng: random.Random) -> list:
    """A random valid file as fields, the data the last of them."""
    alignment = rng.choice([32, 32, 32, 8, 64, 256])
    keys = [text(f"{rng.choice(['a', 'general.name', 'x.y_z'])}{i}".encode()) + good_value(rng) for i in range(rng.randrange(4))]
    if alignment != 32 or rng.random() < 0.2:
        keys.append(text(b"general.alignment") + number(4, 4) + number(alignment, 4))
    tensors, data = [], b""
    for i in range(rng.choice([0, 1, 1, 2, 3, 5])):
        _, identifier, values, size = rng.choice(TYPES[:18] if rng.random() < 0.97 else TYPES)
        shape = [rng.choice([0, 1, 2, 3]) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        if values > 1 or (rng.random() < 0.5 and shape):
            shape = shape[:3] + [values * rng.choice([1, 2])]
        count = int(np.prod(shape, dtype=np.int64))
        name = (rng.choice(["w", "a.b.weight", "é", "x" * rng.randint(1, 70)]) + str(i)).encode()
        if rng.random() < 0.1 and count > 0:
            keys.append(text(ORIGINAL.encode() + name) + number(9, 4) + number(5, 4) + number(2, 8) + number(1, 4) + number(count, 4))
        tensors += text(name) + number(len(shape), 4) + [field for length in reversed(shape) for field in number(length, 8)]
        tensors += number(identifier, 4) + number(len(data), 8)
        data += rng.randbytes(count // values * size)
        data += b"\0" * (-len(data) % alignment)
    rng.shuffle(keys)
    head = [("raw", b"GGUF")] + number(rng.choice([3, 3, 3, 2]), 4) + number(sum(1 for kind, _ in tensors if kind == "text"), 8) + number(len(keys), 8)
    fields = head + [field for key in keys for field in key] + tensors
    length = sum(len(value) for _, value in fields)
    return fields + [("raw", b"\0" * (-length % alignment)), ("raw", data if rng.random() < 0.7 else data.rstrip(b"\0") or data)]


def mutate(fields: list, rng: random.Random) -> list:
    fields = list(fields)
    at = rng.randrange(len(fields))
    kind = rng.randrange(8)
    numbers = [i for i, (what, _) in enumerate(fields) if what == "number"]
    texts = [i for i, (what, _) in enumerate(fields) if what == "text"]
    if kind < 3:
        at = rng.choice(numbers)
        old = int.from_bytes(fields[at][1], "little")
        new = rng.choice(NUMBERS) if rng.random() < 0.6 else old + rng.choice([-32, -1, 1, 8, 32, 64])
        fields[at] = number(new, len(fields[at][1]))[0]
    elif kind == 3 and texts:  # another text, of the right length
        at = rng.choice(texts)
        other = rng.choice([fields[rng.choice(texts)][1], b"general.alignment", b"split.count", b"GGUF.version", b"", b"\xff", b"n" * 300, ORIGINAL.encode() + b"w0"])
        fields[at - 1:at + 1] = text(other)
    elif kind == 4:
        fields.insert(at, fields[rng.randrange(len(fields))])
    elif kind == 5:
        del fields[at]
    elif kind == 6:
        i, j = sorted(rng.randrange(len(fields)) for _ in range(2))
        fields[i], fields[j] = fields[j], fields[i]
    elif fields[at][1]:
        value = bytearray(fields[at][1])
        value[rng.randrange(len(value))] ^= 1 << rng.randrange(8)
        fields[at] = (fields[at][0], bytes(value))
    return fields


def mutant(rng: random.Random) -> bytes:
    fields = good_file(rng)
    kind = rng.randrange(12)
    whole = b"".join(value for _, value in fields)
    if kind == 0:
        return whole
    if kind == 1:
        return whole[:rng.randint(0, len(whole))]
    if kind == 2:
        return whole + rng.randbytes(rng.randint(1, 40))
    if kind == 3:
        changed = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return bytes(changed)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        fields = mutate(fields, rng)
    return b"".join(value for _, value in fields)


class TooLong(Exception):
    armed = False


def stop(*_):
    if TooLong.armed:
        raise TooLong


def theirs(file) -> str:
    TooLong.armed = True
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        reader = gguf.GGUFReader(file)
        line = ["OK"]
        for key, field in reader.fields.items():
            if field.types == [gguf.GGUFValueType.STRING]:
                line.append(f"{key.encode().hex()}={zlib.crc32(field.parts[-1].tobytes())}")
        for tensor in reader.tensors:
            sizes = list(reversed(tensor.shape.tolist()))
            original = reader.get_field(ORIGINAL + tensor.name)
            if original is not None and original.types[0] == gguf.GGUFValueType.ARRAY:
                sizes = original.contents()
            shape = "".join(f"{size}," for size in sizes)
            line.append(f"{tensor.name.encode().hex()}:{tensor.tensor_type.name}:{shape}:{zlib.crc32(tensor.data.tobytes())}")
        return " ".join([line[0], *sorted(line[1:])])
    except TooLong:
        return "too long"
    except Exception as error:  # whatever a damaged file leads to
        return f"{type(error).__name__}: {error}"
    finally:
        TooLong.armed = False
        signal.setitimer(signal.ITIMER_PROF, 0)


def of_its_own(their: str) -> str:
    """Why the package refuses a file that there is nothing wrong with; "" when that is not so."""
    if "Duplicate GGUF." in their:
        return "keys of the package's own"
    if their == "IndexError: tuple index out of range":
        return "BF16 without sizes"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("verdicts")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    signal.signal(signal.SIGPROF, stop)
    np.seterr(all="ignore")
    rng = random.Random(arguments.seed)
    inputs = [mutant(rng) for _ in range(arguments.count)]
    stream = b"".join(struct.pack("<I", len(one)) + one for one in inputs)
    run = subprocess.run([arguments.verdicts], input=stream, capture_output=True, check=False)
    ours = [" ".join(["OK", *sorted(line.split(" ")[1:])]) if line.startswith("OK") else line for line in run.stdout.decode().splitlines()]
    if run.returncode != 0 or len(ours) != len(inputs):
        print(run.stderr.decode()[-4000:])
        print(f"the program stopped with {run.returncode} after {len(ours)} of {len(inputs)} inputs")
        return 1

    counts, stricter, own, failures = collections.Counter(), collections.Counter(), collections.Counter(), []
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        for one, our in zip(inputs, ours):
            file.seek(0)
            file.truncate()
            file.write(one)
            file.flush()
            their = theirs(file.name)
            if our.startswith("OK") and their.startswith("OK"):
                counts["both accept"] += 1
                if our != their:
                    failures.append(("other contents", our, their, one))
            elif our.startswith("OK"):
                reason = of_its_own(their)
                if reason:
                    own[reason] += 1
                else:
                    failures.append(("only we accept", our, their, one))
            elif their.startswith("OK"):
                counts["only the package accepts"] += 1
                stricter[our] += 1
            else:
                counts["both refuse"] += 1
    print(f"{len(inputs)} files against gguf's GGUFReader: {dict(counts)}")
    print(f"our codes: {dict(collections.Counter(line.split(' ')[0] for line in ours))}")
    print(f"only we refuse: {dict(stricter)}")
    print(f"refused by the package for reasons of its own: {dict(own)}")
    print(f"failures: {len(failures)}")
    for what, our, their, one in failures[:10]:
        print(f"  {what}: ours {our[:300]}; theirs {their[:300]}\n    {one[:1500]!r}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
