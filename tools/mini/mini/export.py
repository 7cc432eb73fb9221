"""Stage export: the trained parts as f16 files in the diffusers layout, and the adapters under their published tensor names.

python -m mini.export WORK MODEL_FOLDER CUSTOM_FOLDER
"""

import json
import os
import shutil
import sys

import torch
from diffusers import DDIMScheduler
from safetensors.torch import save_file
from transformers import CLIPImageProcessor, CLIPTextModel

from . import lora, tokens
from .adapter import load_vision, make_trained
from .bank import load_vae
from .clip import INPUT, make_text
from .unet import SCHEDULER, make as make_unet


def write_json(path, value):
    with open(path, "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")


def save(module, folder):
    """A diffusers or transformers module in f16, its config without traces of this machine."""
    module.half().save_pretrained(folder)
    path = os.path.join(folder, "config.json")
    with open(path) as file:
        config = json.load(file)
    config.pop("_name_or_path", None)
    write_json(path, config)


PLUS_NAMES = {  # diffusers' name -> the published file's, inside layers.N.
    "ln0": "0.norm1",
    "ln1": "0.norm2",
    "attn.to_q": "0.to_q",
    "attn.to_out.0": "0.to_out",
    "ff.0": "1.0",
    "ff.1.net.0.proj": "1.1",
    "ff.1.net.2": "1.3",
}


def published_projection(state):
    """State of diffusers' projection modules -> the tensor names of published adapters."""
    out = {}
    for name, tensor in state.items():
        parts = name.split(".")
        if parts[0] == "layers":
            inner = ".".join(parts[2:-1])
            if inner in ("attn.to_k", "attn.to_v"):
                if inner == "attn.to_k":
                    value = state[name.replace("to_k", "to_v")]
                    out[f"layers.{parts[1]}.0.to_kv.weight"] = torch.cat([tensor, value])
                continue
            out[f"layers.{parts[1]}.{PLUS_NAMES[inner]}.{parts[-1]}"] = tensor
        else:
            out[name.replace("image_embeds.", "proj.")] = tensor
    return out


def adapter_tensors(path, plus=False):
    """What a stage wrote to `path`, under the published names."""
    unet = make_unet()
    trained = make_trained(unet, plus)
    trained.load_state_dict(torch.load(path))
    tensors = {f"image_proj.{k}": v for k, v in published_projection(trained["image_proj"].state_dict()).items()}
    # A layer's number is its place among all of the UNet's attention processors.
    for i, processor in enumerate(unet.attn_processors.values()):
        if hasattr(processor, "to_k_ip"):
            tensors[f"ip_adapter.{i}.to_k_ip.weight"] = processor.to_k_ip[0].weight
            tensors[f"ip_adapter.{i}.to_v_ip.weight"] = processor.to_v_ip[0].weight
    return {k: v.detach().half().contiguous() for k, v in tensors.items()}


def main():
    work, model, custom = sys.argv[1:]
    path = lambda name: os.path.join(model, name)
    for part in ("unet", "vae", "text_encoder", "tokenizer", "image_encoder", "feature_extractor", "scheduler"):
        shutil.rmtree(path(part), ignore_errors=True)
    unet = make_unet()
    unet.load_state_dict(torch.load(os.path.join(work, "unet.pt")))
    save(unet, path("unet"))
    save(load_vae(work), path("vae"))
    save(load_vision(work), path("image_encoder"))
    tokenizer = tokens.load(work)
    text = make_text(tokenizer)
    text.load_state_dict(torch.load(os.path.join(work, "clip.pt"))["text"])
    save(CLIPTextModel(text.config), path("text_encoder"))  # without the projection, as Stable Diffusion 1.x has it; for its config
    weights = {k: v.half().contiguous() for k, v in text.state_dict().items() if k.startswith("text_model.")}
    save_file(weights, path("text_encoder/model.safetensors"), metadata=dict(format="pt"))
    shutil.copytree(os.path.join(work, "tokenizer"), path("tokenizer"))
    tokenizer.backend_tokenizer.save(path("tokenizer/tokenizer.json"))
    size = dict(height=INPUT, width=INPUT)
    CLIPImageProcessor(size=dict(shortest_edge=INPUT), crop_size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3).save_pretrained(path("feature_extractor"))
    DDIMScheduler(**SCHEDULER).save_pretrained(path("scheduler"))
    for name, stage, plus in (("ip-adapter", "adapter", False), ("ip-adapter-plus", "adapter-plus", True)):
        save_file(adapter_tensors(os.path.join(work, f"{stage}.pt"), plus), path(f"{name}.safetensors"))
    shutil.copy(os.path.join(work, lora.FILE), os.path.join(custom, lora.FILE))
    total = sum(os.path.getsize(os.path.join(d, f)) for folder in (model, custom) for d, _, files in os.walk(folder) for f in files)
    print(f"{total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
