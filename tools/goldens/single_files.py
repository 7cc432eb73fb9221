"""Models in one file under the original names, in small, and what diffusers and transformers make of their networks.

The original names are written here; that they are right is checked by diffusers' own converters, which must give back every weight.
"""
import re

import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders import single_file_utils as convert
from safetensors.torch import load_file, save_file

import networks
import unets
from store import Folder

# Real models have 32 groups a norm, 8 heads (Stable Diffusion 1) or heads of 64 channels, and text widths that are multiples of 64.
GROUPS = dict(norm_num_groups=32)
SD1 = dict(sample_size=64, block_out_channels=(32, 32), layers_per_block=1, cross_attention_dim=64, attention_head_dim=8, **GROUPS,
           down_block_types=(unets.CROSS_DOWN, unets.DOWN), up_block_types=(unets.UP, unets.CROSS_UP))
SD2 = dict(sample_size=96, block_out_channels=(32, 32), layers_per_block=1, cross_attention_dim=64, attention_head_dim=(1, 1), **GROUPS,
           use_linear_projection=True, down_block_types=(unets.CROSS_DOWN, unets.DOWN), up_block_types=(unets.UP, unets.CROSS_UP))
SDXL = dict(sample_size=128, block_out_channels=(32, 32, 32), layers_per_block=1, cross_attention_dim=128, attention_head_dim=(1, 1, 1), **GROUPS,
            transformer_layers_per_block=(1, 1, 2), use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=64 + 6 * 256, down_block_types=(unets.DOWN, unets.CROSS_DOWN, unets.CROSS_DOWN),
            up_block_types=(unets.CROSS_UP, unets.CROSS_UP, unets.UP))
# Transformer depths that differ within a level, one residual layer as mid block.
SSD = SDXL | dict(block_out_channels=(32, 32), attention_head_dim=(1, 1), mid_block_type="UNetMidBlock2D", transformer_layers_per_block=((1,), (2,)),
                  reverse_transformer_layers_per_block=((3, 1), (1, 1)), down_block_types=(unets.DOWN, unets.CROSS_DOWN), up_block_types=(unets.CROSS_UP, unets.UP))
UNETS = {"single-sd1": SD1, "single-sd2": SD2, "single-sdxl": SDXL, "single-ssd": SSD}
VAE = dict(block_out_channels=(32, 32), layers_per_block=1, norm_num_groups=32, sample_size=64)
TEXT = dict(hidden_size=64, num_attention_heads=1, intermediate_size=96, projection_dim=64, vocab_size=300, bos_token_id=298, eos_token_id=299)

INSIDE = {"norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3", "time_emb_proj": "emb_layers.1",
          "conv_shortcut": "skip_connection"}
WHOLE = {"conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2", "time_embedding.linear_1": "time_embed.0",
         "time_embedding.linear_2": "time_embed.2", "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
         "mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1", "mid_block.resnets.1": "middle_block.2"}


def unet_names(unet):
    layers, levels = unet.config.layers_per_block, len(unet.config.block_out_channels)
    blocks = dict(WHOLE)
    for i in range(levels):
        for j in range(layers):
            blocks[f"down_blocks.{i}.resnets.{j}"] = f"input_blocks.{1 + i * (layers + 1) + j}.0"
            blocks[f"down_blocks.{i}.attentions.{j}"] = f"input_blocks.{1 + i * (layers + 1) + j}.1"
        blocks[f"down_blocks.{i}.downsamplers.0.conv"] = f"input_blocks.{(i + 1) * (layers + 1)}.0.op"
        for j in range(layers + 1):
            blocks[f"up_blocks.{i}.resnets.{j}"] = f"output_blocks.{i * (layers + 1) + j}.0"
            blocks[f"up_blocks.{i}.attentions.{j}"] = f"output_blocks.{i * (layers + 1) + j}.1"
        behind = 2 if any(key.startswith(f"up_blocks.{i}.attentions.") for key in unet.state_dict()) else 1
        blocks[f"up_blocks.{i}.upsamplers.0"] = f"output_blocks.{i * (layers + 1) + layers}.{behind}"

    def name(key):
        block = max((b for b in blocks if key.startswith(b + ".")), key=len)
        rest = key[len(block):]
        if ".resnets." in block:
            part = rest.split(".")[1]
            rest = rest.replace("." + part, "." + INSIDE[part], 1)
        return "model.diffusion_model." + blocks[block] + rest

    return {name(key): value for key, value in unet.state_dict().items()}


def vae_names(vae):
    last = len(vae.config.block_out_channels) - 1
    changes = [(r"encoder\.down_blocks\.(\d)\.resnets\.", r"encoder.down.\1.block."), (r"encoder\.down_blocks\.(\d)\.downsamplers\.0\.", r"encoder.down.\1.downsample."),
               (r"decoder\.up_blocks\.(\d)\.resnets\.", lambda m: f"decoder.up.{last - int(m[1])}.block."),
               (r"decoder\.up_blocks\.(\d)\.upsamplers\.0\.", lambda m: f"decoder.up.{last - int(m[1])}.upsample."),
               (r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}"), (r"mid_block\.attentions\.0\.", "mid.attn_1."), (r"conv_shortcut", "nin_shortcut"),
               (r"conv_norm_out", "norm_out"), (r"group_norm\.", "norm."), (r"to_([qkv])\.", r"\1."), (r"to_out\.0\.", "proj_out.")]
    result = {}
    for key, value in vae.state_dict().items():
        for pattern, replacement in changes:
            key = re.sub(pattern, replacement, key)
        result["first_stage_model." + key] = value[:, :, None, None] if ".attn_1." in key and value.ndim == 2 else value
    return result


def open_clip_names(text, prefix, layers_more=0):
    """layers_more: layers behind those that diffusers keeps."""
    names = {"embeddings.token_embedding.weight": "token_embedding.weight", "embeddings.position_embedding.weight": "positional_embedding"}
    state = {key.removeprefix("text_model."): value for key, value in text.state_dict().items()}
    result = {}
    for key, value in state.items():
        if key == "text_projection.weight":
            result[prefix + "text_projection"] = value.T
        elif key in names:
            result[prefix + names[key]] = value
        elif key.startswith("final_layer_norm."):
            result[prefix + key.replace("final_layer_norm", "ln_final")] = value
        elif not re.search(r"[qkv]_proj", key) and "position_ids" not in key:
            for ours, theirs in (("encoder.layers.", "transformer.resblocks."), ("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"), ("mlp.fc1", "mlp.c_fc"),
                                 ("mlp.fc2", "mlp.c_proj"), ("self_attn.out_proj", "attn.out_proj")):
                key = key.replace(ours, theirs)
            result[prefix + key] = value
    for i in range(text.config.num_hidden_layers):
        for kind in ("weight", "bias"):
            result[f"{prefix}transformer.resblocks.{i}.attn.in_proj_{kind}"] = torch.cat(
                [state[f"encoder.layers.{i}.self_attn.{part}_proj.{kind}"] for part in "qkv"])
    for key in [key for key in result if "resblocks.0." in key]:
        for more in range(layers_more):
            result[key.replace("resblocks.0.", f"resblocks.{text.config.num_hidden_layers + more}.")] = result[key] * 0.5
    return result


def load_unet(folder):
    """As diffusers reads it from the file."""
    unet = UNet2DConditionModel(**UNETS[folder.name])
    weights = {name: value.float() for name, value in load_file(folder / "model.safetensors").items()}
    unet.load_state_dict(convert.convert_ldm_unet_checkpoint(weights, dict(unet.config)))
    return unet.eval()


def same(converted, state, what):
    state = {key: value for key, value in state.items() if "position_ids" not in key}
    if set(converted) != set(state) or not all(torch.equal(converted[key].reshape(value.shape), value) for key, value in state.items()):
        raise ValueError(f"diffusers' converter gives another {what}: {sorted(set(converted) ^ set(state))[:5]}")


def check(checkpoint, unet, vae):
    same(convert.convert_ldm_unet_checkpoint(dict(checkpoint), dict(unet.config)), unet.state_dict(), "UNet")
    same(convert.convert_ldm_vae_checkpoint(dict(checkpoint), dict(vae.config)), vae.state_dict(), "VAE")


def prefixed(state):
    return {key if key.startswith(("text_model.", "text_projection.")) else "text_model." + key: value for key, value in state.items()}


def make_family(name, unet_config, seed):
    folder = Folder(name)
    unet = unets.build(folder, unet_config, seed)
    vae = networks.build_vae(folder, VAE, seed + 1)
    checkpoint = unet_names(unet) | vae_names(vae)
    texts = []
    if name == "single-sd2":
        config = networks.text_config(**TEXT, hidden_act="gelu")
        texts = [(networks.build_text(folder, config, seed + 2), "cond_stage_model.model.", True)]
    elif name in ("single-sdxl", "single-ssd"):
        first, second = networks.text_config(**TEXT), networks.text_config(**TEXT, hidden_act="gelu")
        texts = [(networks.build_text(folder, first, seed + 2), "conditioner.embedders.0.transformer.", False),
                 (networks.build_text(folder, second, seed + 3, True, "text_encoder_2"), "conditioner.embedders.1.model.", True)]
    else:
        texts = [(networks.build_text(folder, networks.text_config(**TEXT), seed + 2), "cond_stage_model.transformer.", False)]
    for index, (text, prefix, open_clip) in enumerate(texts):
        if open_clip:
            names = open_clip_names(text, prefix, layers_more=1 if name == "single-sd2" else 0)
            kept = {key: value for key, value in names.items() if f"resblocks.{text.config.num_hidden_layers}." not in key}
            same(prefixed(convert.convert_open_clip_checkpoint(text, kept, prefix)), prefixed(text.state_dict()), "text encoder")
        else:
            names = {prefix + key: value for key, value in prefixed(text.state_dict()).items() if "position_ids" not in key}
            same(prefixed(convert.convert_ldm_clip_checkpoint(names)), prefixed(text.state_dict()), "text encoder")
        checkpoint |= names
        networks.add_text_cases(folder, text, seed + 10 + index, "text_encoder" if index == 0 else "text_encoder_2")
    check(checkpoint, unet, vae)
    unets.add_cases(folder, unet, seed + 20)
    networks.add_vae_cases(folder, vae, seed + 30, [(1, 16, 12)])
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        for file in (folder.path / part).glob("*"):
            file.unlink()
        if (folder.path / part).exists():
            (folder.path / part).rmdir()
    extra = {"cond_stage_model.logit_scale": torch.ones(1), "alphas_cumprod": torch.ones(8)}  # what real files carry besides
    save_file({key: value.half().contiguous() for key, value in (checkpoint | extra).items()}, folder.path / "model.safetensors")
    folder.close()


def make():
    for seed, (name, config) in enumerate(UNETS.items()):
        make_family(name, config, 9000 + 100 * seed)
