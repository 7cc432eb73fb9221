"""Makes models/clip-vocabulary/merges.txt.gz: the byte pair merges of CLIP's tokenizer, for models in one file, which bring none.

usage: clip-vocabulary.py OUT; reads the list that the open_clip package (PyPI: open_clip_torch, MIT licence) carries, of which CLIP uses the first 48,894.
"""
import gzip, importlib.util, os, sys

folder = os.path.dirname(importlib.util.find_spec("open_clip").origin)
with gzip.open(os.path.join(folder, "bpe_simple_vocab_16e6.txt.gz"), "rt", encoding="utf-8") as file:
    lines = file.read().split("\n")
merges = lines[1 : 49152 - 256 - 2 + 1]
assert len(merges) == 48894 and all(len(m.split()) == 2 for m in merges)
with open(sys.argv[1], "wb") as out, gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=out, mtime=0) as zipped:
    zipped.write(("\n".join(merges) + "\n").encode())
