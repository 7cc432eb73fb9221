"""The shipped model as the later stages read it: its folder in the diffusers layout, in f32, frozen."""

import os

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPVisionModelWithProjection

from . import tokens

ADAPTER = "ip-adapter.safetensors"


def load_base(model):
    unet = UNet2DConditionModel.from_pretrained(os.path.join(model, "unet"), torch_dtype=torch.float32)
    return unet.to(memory_format=torch.channels_last).requires_grad_(False)


def load_vae(model):
    return AutoencoderKL.from_pretrained(os.path.join(model, "vae"), torch_dtype=torch.float32).eval().requires_grad_(False)


def load_vision(model):
    vision = CLIPVisionModelWithProjection.from_pretrained(os.path.join(model, "image_encoder"), dtype=torch.float32)
    return vision.eval().requires_grad_(False)


def adapter_file(model):
    """The tensors of the image adapter in f32, by the two parts of a published file."""
    parts = dict(image_proj={}, ip_adapter={})
    for name, tensor in load_file(os.path.join(model, ADAPTER)).items():
        part, rest = name.split(".", 1)
        parts[part][rest] = tensor.float()
    return parts


class Captions:
    """The text encoder, remembering what it has encoded."""

    def __init__(self, model):
        self.tokenizer = tokens.load(model)
        self.text = CLIPTextModel.from_pretrained(os.path.join(model, "text_encoder"), dtype=torch.float32).eval()
        self.known = {}

    @torch.no_grad()
    def __call__(self, captions):
        new = sorted({c for c in captions if c not in self.known})
        if new:
            self.known.update(zip(new, self.text(tokens.encode(self.tokenizer, new)).last_hidden_state))
        return torch.stack([self.known[c] for c in captions])
