"""Stage tokenizer: a CLIP byte-pair tokenizer whose merges are learnt from the world's own sentences."""

import collections
import json
import os
import re
import sys

from .world import COLOURS, STYLES, World

CONTEXT = 20
BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def byte_characters():
    """CLIP's printable stand-ins for the 256 bytes, in its order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(rest))]


def learn(counts):
    """Merges until every word is one token; ties go to the alphabetically last pair, so the result is fixed."""
    words = {w: (*w[:-1], w[-1] + "</w>") for w in counts}
    merges = []
    while True:
        pairs = collections.Counter()
        for w, parts in words.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += counts[w]
        if not pairs:
            return merges
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for w, parts in words.items():
            out, i = [], 0
            while i < len(parts):
                if parts[i : i + 2] == best:
                    out.append(parts[i] + parts[i + 1])
                    i += 2
                else:
                    out.append(parts[i])
                    i += 1
            words[w] = tuple(out)


def make(world, folder):
    counts = collections.Counter()
    for i in [*world.core, *world.wide]:
        for word in re.findall(r"[a-z]+|[0-9]|[^\sa-z0-9]+", world.words[i]):
            counts[word] += 10 if i < len(world.core) else 1
    for word in [*COLOURS, *STYLES, *"a the an small large picture emoji of with and in on at left right top bottom background gray".split()]:
        counts[word] += 50
    merges = learn(counts)
    characters = byte_characters()
    vocabulary = [*characters, *(c + "</w>" for c in characters)]
    vocabulary += [t for t in dict.fromkeys(a + b for a, b in merges) if t not in set(vocabulary)]
    vocabulary += [BEGIN, END]
    os.makedirs(folder, exist_ok=True)
    specials = dict(bos_token=BEGIN, eos_token=END, pad_token=END, unk_token=END)
    write = lambda name, value: json.dump(value, open(os.path.join(folder, name), "w"), ensure_ascii=False)
    write("vocab.json", {t: i for i, t in enumerate(vocabulary)})
    with open(os.path.join(folder, "merges.txt"), "w") as file:
        file.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    write("special_tokens_map.json", specials)
    write(
        "tokenizer_config.json",
        dict(tokenizer_class="CLIPTokenizer", model_max_length=CONTEXT, do_lower_case=True, add_prefix_space=False, errors="replace", **specials),
    )


def load(folder):
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(os.path.join(folder, "tokenizer"))


def encode(tokenizer, captions):
    return tokenizer(captions, padding="max_length", max_length=CONTEXT, truncation=True, return_tensors="pt").input_ids


class Captions:
    """A frozen text encoder, remembering what it has encoded."""

    def __init__(self, tokenizer, text):
        self.tokenizer, self.text = tokenizer, text.eval().requires_grad_(False)
        self.known = {}

    def __call__(self, captions):
        import torch

        new = sorted({c for c in captions if c not in self.known})
        if new:
            with torch.no_grad():
                states = self.text(encode(self.tokenizer, new)).last_hidden_state
            self.known.update(zip(new, states))
        return torch.stack([self.known[c] for c in captions])


if __name__ == "__main__":
    make(World(os.path.join(sys.argv[1], "data")), os.path.join(sys.argv[1], "tokenizer"))
    tokenizer = load(sys.argv[1])
    for text in ["a small glossy ice cream on the left on a red background", "on a blue background", ""]:
        print(len(tokenizer), tokenizer.tokenize(text))
