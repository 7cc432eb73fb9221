"""Seeds for test/fuzz/single_file_fuzz.cc: what the small models, adapters and cases of test/ show of their structure.

    python tools/fuzz/structure_seeds.py corpus

Of every safetensors file a list of its tensors (test/fuzz/listed_source.h): names, types and shapes are kept, values are not.
Small files go in as they are as well. Needs Python alone.
"""
import json
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("test/golden/models", "test/golden/loras", "test/golden/embeds", "test/cases", "models/mini")
WHOLE = 16_384


def listed(data):
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    lines = [f"={key} {value}".replace("\n", " ") for key, value in header.pop("__metadata__", {}).items()]
    lines += [" ".join([name, entry["dtype"], *map(str, entry["shape"])]) for name, entry in header.items()]
    return "list\n" + "\n".join(lines) + "\n"


def main():
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*")):
            name = str(file.relative_to(ROOT)).replace("/", "-")
            if file.suffix == ".safetensors":
                (corpus / f"{name}.list").write_text(listed(file.read_bytes()))
            if file.suffix in (".safetensors", ".bin", ".pt", ".ckpt") and file.stat().st_size <= WHOLE:
                (corpus / name).write_bytes(file.read_bytes())


if __name__ == "__main__":
    main()
