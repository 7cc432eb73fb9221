"""Makes test/golden anew: python tools/goldens/make.py [--only STEP].

Takes about two minutes on one core. test/golden/README.md says what comes out and with which versions it was made.
"""
import argparse
import importlib.util
import os
import subprocess
import sys
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
warnings.filterwarnings("ignore")

import diffusers  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

import controls  # noqa: E402
import networks  # noqa: E402
import pictures  # noqa: E402
import pipelines  # noqa: E402
import single_files  # noqa: E402
import source_pictures  # noqa: E402
import unets  # noqa: E402
from store import ROOT  # noqa: E402

HERE = Path(__file__).resolve().parent


def script(name, *arguments, needs=None):
    """A step that is a program of its own; left out, with a word, when the package it needs is not installed."""
    def run():
        if needs and importlib.util.find_spec(needs) is None:
            print(f"  left out: {name} needs {needs}")
        else:
            subprocess.run([sys.executable, HERE / name, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    return run


STEPS = {
    "pictures": lambda: (pictures.make_pictures(), pictures.make_resizes()),
    "resize-orders": pictures.make_orders,
    "unets": unets.make_alone,
    "networks": networks.make_alone,
    "pipelines": pipelines.make,
    "single-files": single_files.make,
    "source-pictures": source_pictures.make,
    "controls": controls.make,
    "faces": script("faces.py", needs="peft"),
    "hand-over": script("hand_over.py", needs="torchsde"),
    "schedulers": script("schedulers.py", "--out", ROOT, needs="torchsde"),
    "add-noise": script("add_noise.py", needs="torchsde"),
    "start-pictures": script("start_pictures.py", needs="torchsde"),
    "mask-crop": script("mask_crop.py"),
    "inpaint": script("inpaint.py", needs="torchsde"),
    "second-pass": script("second_pass.py"),
    "seamless": script("seamless.py"),
    "prompt-embeds": script("prompt_embeds.py"),
    "flatten": script("flatten.py", needs="cv2"),
    "samplers": script("samplers.py", needs="torchsde"),
    "attention-maps": script("attention_maps.py"),
    "predictions": script("predictions.py", needs="torchsde"),
    "scaled-fp8": script("scaled_fp8.py"),
    "torch": script("torch_files.py"),
    "vision-files": script("vision_files.py", needs="open_clip"),
    "preprocessors": script("preprocessors.py", needs="cv2"),
    "control-inpaint": script("control_inpaint.py", needs="cv2"),
    "control-sd2": script("control_sd2.py"),
    "embeds": script("embeds.py"),
    "dtypes": script("dtypes.py", ROOT / "dtypes.safetensors"),
    "tokenizer": script("tokenizer.py", "--tokenizer", HERE / "small-tokenizer", "--out", ROOT / "tokenizer.json"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=STEPS)
    only = parser.parse_args().only
    torch.set_num_threads(1)  # the order of additions, and with it the last bit, must not depend on the machine's cores
    torch.use_deterministic_algorithms(True)
    ROOT.mkdir(parents=True, exist_ok=True)
    for name, step in STEPS.items():
        if only in (None, name):
            print("making", name, flush=True)
            torch.manual_seed(0)
            step()
    files = [file for file in ROOT.rglob("*") if file.is_file()]
    for file in files:
        file.chmod(0o644)
    print(f"test/golden: {sum(file.stat().st_size for file in files) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
