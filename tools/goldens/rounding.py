"""What 16 bits cost diffusers itself on the small models of test/golden, against their own references in f32. Writes the worst of each
model to test/golden/rounding.json: networks and calls on a GPU may be off by as much (test/native/golden_case.h).

    python tools/goldens/rounding.py [--cases NAME ...]

Prints, for each UNet and each call: the largest error of its latents relative to the largest latent, and the PSNR of its picture, where all of the
pipeline is in float16 or bfloat16, latents included, and where the networks are but latents and the scheduler stay in float32 as in
this project's engine. On the CPU, where torch sums products of halves in f32.
"""
import argparse
import json
import math
import warnings

warnings.filterwarnings("ignore")

import diffusers  # noqa: E402
import torch  # noqa: E402
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

import pipelines  # noqa: E402
import single_files  # noqa: E402
import unets  # noqa: E402
from store import ROOT  # noqa: E402

CASES = ["ddim-4steps", "euler-4steps", "euler-negative", "pndm-guidance7.5", "ddim-guidance7.5", "base-square", "plus-wide", "base+plus"]
TYPES = {"f16": torch.float16, "bf16": torch.bfloat16}


class InHalves(torch.nn.Module):
    """A network in 16 bits between callers in f32."""

    def __init__(self, network, dtype):
        super().__init__()
        self.network, self.kept = network.to(dtype), dtype

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.network, name)

    @property
    def dtype(self):
        return torch.float32

    def forward(self, *arguments, **named):
        def change(value, dtype):
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                return value.to(dtype)
            if isinstance(value, dict):
                return {key: change(item, dtype) for key, item in value.items()}
            return type(value)(change(item, dtype) for item in value) if type(value) in (list, tuple) else value
        return change(self.network(*change(arguments, self.kept), **change(named, self.kept)), torch.float32)


def load(model, entry, dtype, around):
    kind = StableDiffusionXLPipeline if model == "sdxl" else StableDiffusionPipeline
    folder = ROOT / "models" / model
    pipe = kind.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True, **({} if model == "sdxl" else dict(safety_checker=None)))
    pipe.set_progress_bar_config(disable=True)
    changes = {"use_karras_sigmas": True} if entry["sigmas"] else {}
    pipe.scheduler = pipelines.CLASSES[entry["scheduler"]].from_config(json.loads((folder / "scheduler/scheduler_config.json").read_text()), **changes)
    files = [adapter["file"].split("/")[-1] for adapter in entry["adapters"]]
    if files:
        pipe.load_ip_adapter([str(folder)] * len(files), subfolder=["adapters"] * len(files), weight_name=files, image_encoder_folder=None,
                             local_files_only=True)
        unets.set_scales(pipe.unet, [adapter["scale"] for adapter in entry["adapters"]])
    if around:
        for name in ("unet", "text_encoder", "text_encoder_2", "image_encoder"):
            if getattr(pipe, name, None) is not None:
                getattr(pipe, name).to(dtype)
        pipe.unet = InHalves(pipe.unet, dtype)
    else:
        pipe.to(dtype)
    return pipe


def run(model, entry, dtype, around):
    pipe = load(model, entry, dtype, around)
    call = dict(prompt=entry["prompt"], negative_prompt=entry["negative_prompt"], num_inference_steps=entry["steps"],
                guidance_scale=entry["guidance"], width=entry["width"], height=entry["height"], eta=entry["eta"])
    if entry["adapters"]:
        call["ip_adapter_image"] = [[Image.open(ROOT / picture).convert("RGB") for picture in adapter["images"]] for adapter in entry["adapters"]]
    latents = pipe(generator=torch.Generator().manual_seed(entry["seed"]), output_type="latent", **call).images
    with torch.no_grad():
        vae = pipe.vae.float()
        decoded = vae.decode(latents.float() / vae.config.scaling_factor).sample
    return latents.float(), ((decoded[0].permute(1, 2, 0) / 2 + 0.5).clamp(0, 1) * 255).round()


def load_unet(folder, entry):
    if folder.name in single_files.UNETS:
        return single_files.load_unet(folder)
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet", local_files_only=True)
    if not entry.get("adapters"):
        return unet
    states = []
    for adapter in entry["adapters"]:
        state = {}
        for name, value in load_file(folder / adapter["file"]).items():
            group, rest = name.split(".", 1)
            state.setdefault(group, {})[rest] = value
        states.append(state)
    unet._load_ip_adapter_weights(states, low_cpu_mem_usage=False)
    unets.set_scales(unet, [adapter["scale"] for adapter in entry["adapters"]])
    return unet


def run_unet(folder, entry, tensors, dtype):
    """The largest error of a UNet that is all in `dtype`, relative to the largest result."""
    unet = load_unet(folder, entry).to(dtype)
    inputs = {name: tensors[place] for name, place in entry["inputs"].items()}
    embeds = [inputs[name].to(dtype) for name in sorted(inputs) if name.startswith("image_embeds")]
    # Sizes are turned into sinusoids in f32, and then rounded.
    inputs = {name: value.to(dtype) if value.is_floating_point() and name != "time_ids" else value for name, value in inputs.items()}
    return error_of(unets.run(unet, inputs, entry["timestep"], embeds or None), tensors[entry["outputs"]["sample"]])


def error_of(ours, exact):
    return ((ours.float() - exact.float()).abs().max() / exact.float().abs().max()).item()


def measure_unets():
    """Of each model's UNet, the worst of its cases, by type."""
    worst = {}
    for file in sorted((ROOT / "models").glob("*/golden.json")):
        entries = [entry for entry in json.loads(file.read_text())["cases"] if entry["network"] == "unet"]
        if not entries or not ((file.parent / "unet/config.json").exists() or file.parent.name in single_files.UNETS):
            continue
        tensors = load_file(file.parent / "golden.safetensors")
        worst[file.parent.name] = {name: max(run_unet(file.parent, entry, tensors, dtype) for entry in entries) for name, dtype in TYPES.items()}
        print(f"| {file.parent.name} | UNet | | " + " | ".join(f"{error:.1e} |" for error in worst[file.parent.name].values()), flush=True)
    return worst


def measure_call(model, entry, tensors):
    """By type: errors of latents and pictures, all in 16 bits and with the networks alone."""
    found = {}
    for name, dtype in TYPES.items():
        for around in (False, True):
            latents, picture = run(model, entry, dtype, around)
            measured = {"latents": error_of(latents, tensors[entry["outputs"]["latents"]])}
            if "image" in entry["outputs"]:
                squares = (picture - tensors[entry["outputs"]["image"]].float()).square().mean().item()
                measured["psnr"] = 10 * math.log10(255 * 255 / squares) if squares else 99
            found.setdefault(name, []).append(measured)
    return found


def measure_calls(wanted):
    """Of each model, the worst of its calls, by type."""
    worst = {}
    for model in ("sd15", "sdxl", "sd2"):
        index = json.loads((ROOT / "models" / model / "golden.json").read_text())
        tensors = load_file(ROOT / "models" / model / "golden.safetensors")
        for entry in index["cases"]:
            if entry["network"] != "pipeline" or entry["name"] not in wanted:
                continue
            found = measure_call(model, entry, tensors)
            shown = [f"{one['latents']:.1e}" + (f", {one['psnr']:.0f} dB" if "psnr" in one else "") for both in found.values() for one in both]
            print(f"| {model} | {entry['name']} | {entry['steps']} | " + " | ".join(shown) + " |", flush=True)
            for name, both in found.items():
                so_far = worst.setdefault(model, {}).setdefault(name, {"latents": 0, "psnr": 99})
                so_far["latents"] = max(so_far["latents"], *(one["latents"] for one in both))
                so_far["psnr"] = min(so_far["psnr"], *(one.get("psnr", 99) for one in both))
    return worst


def rounded(value):
    return {key: rounded(item) for key, item in value.items()} if isinstance(value, dict) else float(f"{value:.3g}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=CASES)
    wanted = parser.parse_args().cases
    diffusers.utils.logging.set_verbosity_error()
    torch.set_num_threads(1)
    print("| model | call | steps | " + " | ".join(f"{name}, {where}" for name in TYPES for where in ("all", "networks")) + " |")
    print("|---|---|---|" + "---|" * 4)
    worst = {"unets": measure_unets(), "calls": measure_calls(wanted)}
    (ROOT / "rounding.json").write_text(json.dumps(rounded(worst), indent=1) + "\n")


if __name__ == "__main__":
    with torch.no_grad():
        main()
