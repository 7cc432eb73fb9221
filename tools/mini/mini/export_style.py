"""Stage export of the image adapter with a style of its own: python -m mini.export_style WORK MODEL

Writes the adapter that stage style trained over that of MODEL, which it went on from.
"""

import os
import sys

from safetensors.torch import save_file

from .export import adapter_tensors
from .shipped import ADAPTER


def main():
    work, model = sys.argv[1:]
    save_file(adapter_tensors(os.path.join(work, "style.pt")), os.path.join(model, ADAPTER))


if __name__ == "__main__":
    main()
