"""Token ids as transformers' CLIPTokenizer gives them, for test/tokenizer.test.ts.

    python tools/goldens/tokenizer.py --tokenizer models/mini/tokenizer --out test/golden/tokenizer.json
    python tools/goldens/tokenizer.py --clip --out test/golden/tokenizer-clip.json

--clip: CLIP's own vocabulary, as open_clip (PyPI: open_clip_torch) builds it.
"""
import argparse
import importlib.util
import json
import tempfile
from pathlib import Path

from transformers import CLIPTokenizer

TEXTS = [
    "",
    " ",
    "\t\n\r ",
    "a photo of a cat",
    "A PHOTO of a Cat",
    "  leading and   inner \t white\nspace  ",
    "red airplane, blue background, flat style",
    "hello, world!",
    "wow!!! really?! (yes) [no] {maybe} <tag>",
    "it's we're they'll I'd don't I've I'm 'quoted'",
    "1234567890 3.14 50% 1st x2",
    "café naïve Ångström coöperate",
    "cafe\u0301 decomposed e\u0301",
    "ÉCOLE ÜBER ÇA",
    "ΟΔΟΣ οδος ΣΣ",
    "İstanbul ıI",
    "Straße ẞ",
    "一只猫坐在月亮上",
    "日本語のテキスト カタカナ",
    "한국어 문장",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "😀 🐱‍👤 👨‍👩‍👧‍👦 🇩🇪 ❤️",
    "emoji😀inside",
    "\u0000\u0001\u001f control \u007f\u0085next",
    "no\u00a0break thin\u2009space zero\u200bwidth \ufeffbom",
    "\u2028line\u2029para\u3000ideographic",
    "<|startoftext|>a<|endoftext|>b",
    "<|STARTOFTEXT|> <|EndOfText|>",
    "a<|endoftext|><|endoftext|>",
    "½ ² Ⅷ ① ٣",
    "_under_score-dash/slash\\back",
    "a" * 300,
    "ſ ﬁ ﬃ Ǆ ǅ",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐐀",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    ", , ,,",
]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--tokenizer")
parser.add_argument("--clip", action="store_true")
parser.add_argument("--out", required=True)
arguments = parser.parse_args()



def write_clip(folder):
    # The module by itself: the package's others want torchvision.
    path = Path(importlib.util.find_spec("open_clip").origin).with_name("tokenizer.py")
    spec = importlib.util.spec_from_file_location("open_clip_tokenizer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    clip = module.SimpleTokenizer()
    marks = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    merges = sorted(clip.bpe_ranks, key=clip.bpe_ranks.get)
    Path(folder, "vocab.json").write_text(json.dumps({marks.get(token, token): i for token, i in clip.encoder.items()}), encoding="utf-8")
    Path(folder, "merges.txt").write_text("\n".join(["#version: 0.2"] + [" ".join(pair) for pair in merges]) + "\n", encoding="utf-8")


folder = arguments.tokenizer
if arguments.clip:
    temporary = tempfile.TemporaryDirectory()
    folder = temporary.name
    write_clip(folder)
result = {"texts": TEXTS, "cases": []}
for pad in ("<|endoftext|>", "!"):
    tokenizer = CLIPTokenizer.from_pretrained(folder, pad_token=pad)
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    result["cases"].append({"pad": pad, "padId": tokenizer.pad_token_id, "startId": tokenizer.bos_token_id, "endId": tokenizer.eos_token_id, "ids": ids})
with open(arguments.out, "w", encoding="utf-8") as file:
    json.dump(result, file, separators=(",", ":"))
    file.write("\n")
