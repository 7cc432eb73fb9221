"""Stage export of the controls: python -m mini.export_controls WORK MODEL FOLDER

Writes the trained ControlNet and T2I-Adapter as f16 folders in the diffusers layout. MODEL is the base that they were trained on. A
network that was not trained in WORK stays as it is in FOLDER.
"""

import os
import shutil
import sys

import torch

from .control import make_control, make_t2i
from .export import save
from .shipped import load_base


def main():
    work, model, folder = sys.argv[1:]
    for name, net, state in (("controlnet-edges", make_control(load_base(model)), "control.pt"), ("t2i-adapter-edges", make_t2i(), "t2i.pt")):
        if not os.path.exists(os.path.join(work, state)):
            continue
        net.load_state_dict(torch.load(os.path.join(work, state)))
        path = os.path.join(folder, name)
        shutil.rmtree(path, ignore_errors=True)
        save(net.to(memory_format=torch.contiguous_format), path)
    print(f"{sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(folder) for f in files) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
