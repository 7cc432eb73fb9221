"""Image encoders in one file without a configuration, in the names of transformers and of OpenCLIP, and what both libraries make of them.

    python tools/goldens/vision_files.py

Writes test/golden/models/vision-file/. Needs open_clip 3.
"""
import importlib.machinery
import sys
import types

import torch
from safetensors.torch import save_file

import networks
import random_weights as weights
from store import Folder
from transformers import CLIPVisionModelWithProjection

SIZE = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=1, image_size=24, patch_size=8, projection_dim=40)


def open_clip_encoder():
    """OpenCLIP's network; its module asks for torchvision, of which it needs nothing here."""
    for name in ("torchvision", "torchvision.ops", "torchvision.ops.misc", "torchvision.transforms", "torchvision.transforms.functional"):
        sys.modules.setdefault(name, types.ModuleType(name))
        sys.modules[name].__spec__ = importlib.machinery.ModuleSpec(name, None)
    sys.modules["torchvision.ops.misc"].FrozenBatchNorm2d = torch.nn.BatchNorm2d
    for missing in ("Normalize", "Compose", "RandomResizedCrop", "InterpolationMode", "ToTensor", "Resize", "CenterCrop", "ColorJitter", "Grayscale"):
        setattr(sys.modules["torchvision.transforms"], missing, type(missing, (), {"BICUBIC": 3, "BILINEAR": 2, "NEAREST": 0}))
    sys.modules["torchvision.transforms"].functional = sys.modules["torchvision.transforms.functional"]
    package = types.ModuleType("open_clip")
    package.__path__ = [importlib.machinery.PathFinder.find_spec("open_clip").submodule_search_locations[0]]
    sys.modules["open_clip"] = package
    from open_clip.transformer import VisionTransformer

    return VisionTransformer(image_size=SIZE["image_size"], patch_size=SIZE["patch_size"], width=SIZE["hidden_size"], layers=SIZE["num_hidden_layers"],
                             heads=SIZE["num_attention_heads"], mlp_ratio=SIZE["intermediate_size"] / SIZE["hidden_size"], output_dim=SIZE["projection_dim"])


def open_clip_state(state, layers):
    base = {"embeddings.class_embedding": "class_embedding", "embeddings.patch_embedding.weight": "conv1.weight", "embeddings.position_embedding.weight": "positional_embedding",
            "pre_layrnorm.weight": "ln_pre.weight", "pre_layrnorm.bias": "ln_pre.bias", "post_layernorm.weight": "ln_post.weight", "post_layernorm.bias": "ln_post.bias"}
    result = {theirs: state["vision_model." + ours] for ours, theirs in base.items()} | {"proj": state["visual_projection.weight"].T}
    for i in range(layers):
        ours, theirs = f"vision_model.encoder.layers.{i}.", f"transformer.resblocks.{i}."
        for kind in ("weight", "bias"):
            result[f"{theirs}attn.in_proj_{kind}"] = torch.cat([state[f"{ours}self_attn.{part}_proj.{kind}"] for part in "qkv"])
            for a, b in (("self_attn.out_proj", "attn.out_proj"), ("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"), ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj")):
                result[f"{theirs}{b}.{kind}"] = state[f"{ours}{a}.{kind}"]
    return result


@torch.no_grad()
def main():
    folder = Folder("vision-file", ["the same encoder in clip_vision.safetensors and open_clip.safetensors, f16"])
    model = weights.randomize(CLIPVisionModelWithProjection(networks.vision_config(**SIZE)), torch.Generator().manual_seed(340)).half().float().eval()
    networks.add_vision_cases(folder, model, 341)
    state = {key: value for key, value in model.state_dict().items() if "position_ids" not in key}
    theirs = open_clip_encoder().eval()
    theirs.load_state_dict(open_clip_state(state, SIZE["num_hidden_layers"]))
    pixels = torch.randn(2, 3, SIZE["image_size"], SIZE["image_size"], generator=torch.Generator().manual_seed(342))
    torch.testing.assert_close(theirs(pixels), model(pixel_values=pixels).image_embeds, rtol=1e-4, atol=1e-5)
    for name, tensors in (("clip_vision", state), ("open_clip", {"visual." + key: value for key, value in theirs.state_dict().items()})):
        save_file({key: value.half().contiguous().clone() for key, value in tensors.items()}, folder.path / f"{name}.safetensors")
        (folder.path / f"{name}.safetensors").chmod(0o644)
    folder.close()


if __name__ == "__main__":
    main()
