"""What diffusers makes of the shipped model and its controls, for test/mini.test.ts: latents and pictures of a few calls, in f32 on the CPU.

    python tools/goldens/mini.py

Writes test/golden/mini.safetensors and mini.json. Run it again when models/ changes. Needs
peft and opencv-python-headless beside torch, diffusers and transformers.
"""
import json
from pathlib import Path

import cv2
import diffusers
import numpy as np
import torch
from diffusers import ControlNetModel, StableDiffusionAdapterPipeline, StableDiffusionControlNetPipeline, StableDiffusionPipeline, T2IAdapter
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPImageProcessor

ROOT = Path(__file__).resolve().parents[2]
MODEL, CUSTOM, PICTURE = ROOT / "models/mini", ROOT / "models/mini-custom", ROOT / "examples/images/red-apple.png"
CONTROLS = ROOT / "models/mini-controls"
CASES = [
    dict(name="text", prompt="a flat cat on a yellow background", seed=3),
    dict(name="picture", prompt="on a blue background", seed=4, adapter="ip-adapter", scale=1.0),
    dict(name="picture-plus", prompt="on a green background", seed=5, adapter="ip-adapter-plus", scale=0.8),
    dict(name="custom", prompt="on a purple background", seed=6, adapter="ip-adapter", scale=1.0, lora=0.9),
    dict(name="controlnet", prompt="on a green background", seed=7, adapter="ip-adapter", scale=0.7, control="controlnet-edges"),
    # diffusers' pipeline for T2I-Adapters has no image prompts.
    dict(name="t2i-adapter", prompt="a red apple on a blue background", seed=8, control="t2i-adapter-edges"),
]
STEPS, GUIDANCE = 12, 4.0


def on_white(picture):
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA")).convert("RGB")


def edges():
    """White on black, of the example at the size of the model's pictures."""
    grey = on_white(Image.open(PICTURE)).resize((128, 128), Image.BOX).convert("L")
    return Image.fromarray(cv2.Canny(np.asarray(grey), 100, 200))


def load(case):
    """The pipeline of a case, and what its call takes beside the common."""
    common = dict(torch_dtype=torch.float32, safety_checker=None, local_files_only=True,
                  feature_extractor=CLIPImageProcessor.from_pretrained(MODEL / "feature_extractor"))
    control = case.get("control")
    if control is None:
        return StableDiffusionPipeline.from_pretrained(MODEL, **common), {}
    folder = CONTROLS / control
    if control.startswith("t2i"):
        common.pop("feature_extractor")
        return StableDiffusionAdapterPipeline.from_pretrained(MODEL, adapter=T2IAdapter.from_pretrained(folder), feature_extractor=None, **common), dict(image=edges())
    return StableDiffusionControlNetPipeline.from_pretrained(MODEL, controlnet=ControlNetModel.from_pretrained(folder), **common), dict(image=edges().convert("RGB"))


def run(case):
    pipe, extra = load(case)
    pipe.set_progress_bar_config(disable=True)
    if "lora" in case:
        pipe.load_lora_weights(CUSTOM, adapter_name="custom", local_files_only=True)
        pipe.set_adapters(["custom"], adapter_weights=[case["lora"]])
    if "adapter" in case:
        pipe.load_ip_adapter(str(MODEL.parent), subfolder=MODEL.name, weight_name=f"{case['adapter']}.safetensors", image_encoder_folder=None,
                             local_files_only=True)
        pipe.set_ip_adapter_scale(case["scale"])
        # At the encoder's own size, so that no resize is compared here.
        extra["ip_adapter_image"] = on_white(Image.open(PICTURE)).resize((64, 64), Image.BOX)
    call = dict(prompt=case["prompt"], num_inference_steps=STEPS, guidance_scale=GUIDANCE, output_type="latent")
    latents = pipe(**call, generator=torch.Generator().manual_seed(case["seed"]), **extra).images
    with torch.no_grad():
        image = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample
    rgb = ((image[0] / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
    made = {"latents": latents[0], "image": rgb.contiguous()}
    if "adapter" in case:
        made["picture"] = torch.from_numpy(np.array(extra["ip_adapter_image"]))
    if "control" in case:
        made["edges"] = torch.from_numpy(np.array(edges()))
    return made


def main():
    tensors = {f"{case['name']}.{key}": value for case in CASES for key, value in run(case).items()}
    save_file(tensors, ROOT / "test/golden/mini.safetensors")
    index = dict(versions=dict(torch=torch.__version__.split("+")[0], diffusers=diffusers.__version__), steps=STEPS, guidance=GUIDANCE, cases=CASES)
    (ROOT / "test/golden/mini.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    with torch.no_grad():
        main()
