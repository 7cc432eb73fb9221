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


def load_captions(model):
    text = CLIPTextModel.from_pretrained(os.path.join(model, "text_encoder"), dtype=torch.float32)
    return tokens.Captions(tokens.load(model), text)
