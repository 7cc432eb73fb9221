"""Token ids as transformers' CLIPTokenizer gives them with added_tokens.json beside vocab.json, for test/tokenizer.test.ts.

    python tools/goldens/tokenizer_added.py --tokenizer models/mini/tokenizer --out test/golden/tokenizer-added.json
"""
import argparse
import json
import shutil
import tempfile
from pathlib import Path

from transformers import CLIPTokenizer

ADDED = {"<cat-toy>": 2832, "<cat-toy>_1": 2833, "Midjourney Style": 2834, "ÉTÉ": 2835}
TEXTS = [
    "a photo of <cat-toy>",
    "<cat-toy> <cat-toy>_1, <Cat-Toy>",
    "<cat-toy><cat-toy>_1<cat-toy>_2",
    "in midjourney style",
    "in Midjourney  Style",
    "unmidjourney styles",
    "un été, ETE\u0301",
    "<cat-toy",
]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--tokenizer", required=True)
parser.add_argument("--out", required=True)
arguments = parser.parse_args()

with tempfile.TemporaryDirectory() as folder:
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        shutil.copy(Path(arguments.tokenizer, name), folder)
    Path(folder, "added_tokens.json").write_text(json.dumps(ADDED), encoding="utf-8")
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    result = {"added": ADDED, "texts": TEXTS, "ids": [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]}
with open(arguments.out, "w", encoding="utf-8") as file:
    json.dump(result, file, separators=(",", ":"))
    file.write("\n")
