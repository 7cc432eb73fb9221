"""LoRAs laid out like the published LCM-LoRAs, and what diffusers makes with them and the LCM scheduler in four steps, for
test/lora.test.ts.

    python tools/goldens/lcm_lora.py

Needs the packages of loras.py. Reads test/golden/models/{sd15,sdxl}; writes test/golden/lcm/ and lcm.{json,safetensors}.
"""
import shutil

import diffusers
import peft
import torch
from safetensors.torch import save_file

from loras import PROMPT, add, open_pipeline
from store import ROOT, write_json

FOLDER = ROOT / "lcm"
LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2", "conv_shortcut",
          "downsamplers.0.conv", "upsamplers.0.conv", "time_emb_proj"]
CASES = [dict(name=f"{model} {guidance}", model=model, lora=f"{model}-lcm.safetensors", guidance=guidance) for model in ("sd15", "sdxl") for guidance in (1.0, 1.5)]


def make_file(model):
    """As LCM-LoRA is published: kohya's names, an alpha a layer, f16."""
    pipe = open_pipeline(model)
    tensors = {}
    for key, value in add(pipe.unet, LAYERS, 2, 1, 11).items():
        layer, kind = key.rsplit(".lora_", 1)
        layer = f"lora_unet_{layer.replace('.', '_')}"
        tensors[f"{layer}.lora_{'down' if kind.startswith('A') else 'up'}.weight"] = value.half().contiguous()
        tensors[f"{layer}.alpha"] = torch.tensor(1.0).half()
    missing = [name for name in LAYERS if not any(f"_{name.replace('.', '_')}." in key for key in tensors)]
    assert not missing, missing
    save_file(tensors, FOLDER / f"{model}-lcm.safetensors")


def run(case):
    pipe = open_pipeline(case["model"])
    pipe.load_lora_weights(FOLDER, weight_name=case["lora"], local_files_only=True, adapter_name="lcm")
    adapted = [name for name, layer in pipe.unet.named_modules() if hasattr(layer, "lora_A")]
    expected = [name for name, _ in pipe.unet.named_modules() if any(name.endswith(f".{layer}") for layer in LAYERS)]
    assert len(adapted) == len(expected), (len(adapted), len(expected))
    pipe.scheduler = diffusers.LCMScheduler.from_config(pipe.scheduler.config)
    return pipe(prompt=PROMPT, negative_prompt="blurry", num_inference_steps=4, guidance_scale=case["guidance"], width=64, height=64, output_type="latent",
                generator=torch.Generator().manual_seed(7)).images[0]


def main():
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    for model in ("sd15", "sdxl"):
        make_file(model)
    save_file({case["name"]: run(case).contiguous() for case in CASES}, ROOT / "lcm.safetensors")
    write_json(ROOT / "lcm.json", dict(versions=dict(torch=torch.__version__.split("+")[0], diffusers=diffusers.__version__, peft=peft.__version__),
                                       prompt=PROMPT, negative="blurry", steps=4, seed=7, cases=CASES))


if __name__ == "__main__":
    with torch.no_grad():
        main()
