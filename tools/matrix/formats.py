"""The same weights in every form that models are published in, written by other people's packages."""
import functools
import shutil

import gguf
import numpy as np
import torch
from diffusers.loaders import single_file_utils as convert
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize, quantize
from safetensors.torch import load_file, save_file

import single_files
import store

STEMS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model", "text_encoder_2": "model"}


def write_gguf(path, state, kind=None, arch="sd1", flatten=False):
    """Matrices in `kind` (f16 when None) where their rows are whole blocks, other weights in f16, vectors in f32; `flatten`: convolutions in `kind` too, in rows
    of 256 with their shape beside them, as city96's tools write them. Returns the values as the package reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer, values = gguf.GGUFWriter(str(path), arch), {}
    for name, tensor in state.items():
        array = tensor.detach().float().contiguous().numpy()
        shape = array.shape
        stored = Type.F32 if array.ndim < 2 else Type.F16 if kind is None else kind
        if stored not in (Type.F32, Type.F16) and (array.ndim != 2 or array.shape[1] % 32):
            if flatten and array.size % 256 == 0:
                writer.add_array(f"comfy.gguf.orig_shape.{name}", list(shape))
                array = array.reshape(-1, 256)
            else:
                stored = Type.F16
        data = array.astype(np.float16) if stored == Type.F16 else array if stored == Type.F32 else quantize(array, stored)
        writer.add_tensor(name, data, raw_dtype=stored)
        values[name] = torch.from_numpy(np.ascontiguousarray(dequantize(data, stored), np.float32).reshape(shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return values


# --- folders ---

def write_safetensors(network, folder, stem):
    network.save_pretrained(folder)


def write_fp16_variant(network, folder, stem):
    network.half().save_pretrained(folder, variant="fp16")
    network.float()


def write_shards(network, folder, stem):
    network.save_pretrained(folder, max_shard_size=sum(p.numel() for p in network.parameters()) * 4 // 3)
    if not (folder / f"{stem}.safetensors.index.json").exists():
        raise ValueError(f"{folder}: no shards were written")


def write_torch(network, folder, stem, zipped=True):
    network.save_config(folder) if hasattr(network, "save_config") else network.config.save_pretrained(folder)
    torch.save(network.half().state_dict(), folder / f"{'pytorch_model' if stem == 'model' else stem}.bin", _use_new_zipfile_serialization=zipped)
    network.float()


def write_old_torch(network, folder, stem):
    write_torch(network, folder, stem, zipped=False)


def write_gguf_parts(network, folder, stem):
    network.save_config(folder) if hasattr(network, "save_config") else network.config.save_pretrained(folder)
    write_gguf(folder / f"{stem}.gguf", network.state_dict())


FOLDERS = {"safetensors, f32": write_safetensors, "`*.fp16.safetensors`": write_fp16_variant, "sharded safetensors": write_shards,
           "`.bin` (zip)": write_torch, "`.bin` (older form)": write_old_torch, "GGUF, f16": write_gguf_parts}


def copy_without_weights(model, name):
    """A folder of the model's configurations and tokenizers."""
    target = store.ROOT / "formats" / f"{model.name}-{name}"
    shutil.copytree(model.path, target, ignore=shutil.ignore_patterns("*.safetensors", "adapters", "image_encoder", "golden.json"))
    return target


def write_folder(model, form):
    target = copy_without_weights(model, f"folder-{list(FOLDERS).index(form)}")
    for part, network in model.parts.items():
        (target / part).mkdir(exist_ok=True)
        FOLDERS[form](network, target / part, STEMS[part])
    return target


# --- one file ---

def text_prefixes(model):
    """part -> (prefix in the file, named as open_clip does, layers that diffusers leaves out)."""
    if model.name == "sdxl-refiner":
        return {"text_encoder_2": ("conditioner.embedders.0.model.", True, 0)}
    if model.xl:
        return {"text_encoder": ("conditioner.embedders.0.transformer.", False, 0), "text_encoder_2": ("conditioner.embedders.1.model.", True, 0)}
    if model.parts["text_encoder"].config.hidden_act == "gelu":
        return {"text_encoder": ("cond_stage_model.model.", True, 1)}
    return {"text_encoder": ("cond_stage_model.transformer.", False, 0)}


def original_names(model):
    """The whole model under the names of the original code."""
    state = single_files.unet_names(model.parts["unet"]) | single_files.vae_names(model.parts["vae"])
    for part, (prefix, open_clip, more) in text_prefixes(model).items():
        text = model.parts[part]
        state |= (single_files.open_clip_names(text, prefix, layers_more=more) if open_clip else
                  {prefix + key: value for key, value in single_files.prefixed(text.state_dict()).items() if "position_ids" not in key})
    return state


def diffusers_states(model, checkpoint):
    """part -> the file's weights as diffusers' own converters name them."""
    states = {"unet": convert.convert_ldm_unet_checkpoint(dict(checkpoint), dict(model.parts["unet"].config)),
              "vae": convert.convert_ldm_vae_checkpoint(dict(checkpoint), dict(model.parts["vae"].config))}
    for part, (prefix, open_clip, _) in text_prefixes(model).items():
        text = model.parts[part]
        kept = {key: value for key, value in checkpoint.items() if f"resblocks.{text.config.num_hidden_layers}." not in key}
        found = single_files.prefixed(convert.convert_open_clip_checkpoint(text, kept, prefix) if open_clip else
                                      convert.convert_ldm_clip_checkpoint({key: value for key, value in kept.items() if key.startswith(prefix)}))
        states[part] = {key: found[key if key in found else "text_model." + key] for key in text.state_dict() if "position_ids" not in key}
    for part, state in states.items():
        shapes = model.parts[part].state_dict()
        states[part] = {key: value.reshape(shapes[key].shape).float().contiguous() for key, value in state.items()}
    return states


def write_one_safetensors(path, state, model):
    if getattr(model, "scheduler", {}).get("prediction_type") == "v_prediction" and model.xl:
        state = state | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}  # how such fine-tunes of SDXL say so
    save_file(half(state), path)


def write_checkpoint(path, state, model):
    torch.save({"state_dict": {key: value.half() for key, value in state.items()}, "global_step": 470000, "epoch": 6}, path)


def write_plain_checkpoint(path, state, model):
    torch.save({key: value.half() for key, value in state.items()}, path)


def write_f32_gguf(path, state, model):
    write_gguf(path, state, Type.F32)


def write_f16_gguf(path, state, model):
    write_gguf(path, state)


def write_q8_gguf(path, state, model):
    return write_gguf(path, state, Type.Q8_0)


# Text encoders as stable-diffusion.cpp calls them: of both kinds as transformers does.
CPP_PREFIXES = {"conditioner.embedders.0.transformer.": "cond_stage_model.transformer.", "conditioner.embedders.1.model.": "cond_stage_model.1.transformer.text_model.",
                "conditioner.embedders.0.model.": "cond_stage_model.transformer.text_model.", "cond_stage_model.model.": "cond_stage_model.transformer.text_model."}
CPP_PARTS = {"token_embedding.": "embeddings.token_embedding.", "positional_embedding": "embeddings.position_embedding.weight", "ln_final.": "final_layer_norm.",
             "transformer.resblocks.": "encoder.layers.", "attn.in_proj_": "self_attn.in_proj.", "attn.out_proj.": "self_attn.out_proj.", "ln_1.": "layer_norm1.", "ln_2.": "layer_norm2.",
             "mlp.c_fc.": "mlp.fc1.", "mlp.c_proj.": "mlp.fc2."}


def cpp_names(state, split, folder):
    """split: q, k and v one by one, as its versions until 2025 wrote them; folder: made of a model in diffusers' layout, whose shapes it keeps."""
    result = {}
    for key, value in state.items():
        prefix = next((p for p in CPP_PREFIXES if key.startswith(p)), None)
        if folder and ".mid.attn_1." in key and value.ndim == 4:
            value = value[:, :, 0, 0]
        if prefix is None:
            result[key] = value
            continue
        rest = key.removeprefix(prefix)
        for theirs, ours in CPP_PARTS.items() if prefix.endswith(".model.") else ():
            rest = rest.replace(theirs, ours)
        if folder and rest == "text_projection":
            value = value.T
        parts = zip("qkv", value.chunk(3)) if split and ".in_proj." in rest else [("in", value)]
        result |= {CPP_PREFIXES[prefix] + rest.replace("in_proj", f"{part}_proj"): tensor for part, tensor in parts}
    return result


def write_cpp_gguf(path, state, model):
    write_gguf(path, cpp_names(state, False, False))


def write_older_cpp_gguf(path, state, model):
    write_gguf(path, cpp_names(state, True, False))


def write_cpp_gguf_of_folder(path, state, model):
    write_gguf(path, cpp_names(state, True, True))


def write_scaled_fp8(path, state, model):
    """All matrices in fp8 with a scale beside each, as ComfyUI's files have it."""
    stored, values = {"scaled_fp8": torch.zeros(2).to(torch.float8_e4m3fn)}, {}
    for key, value in state.items():
        if not key.endswith(".weight") or value.ndim < 2 or "embedding" in key:
            stored[key], values[key] = value.half(), value
            continue
        scale = value.abs().max().float() / 448
        small = (value / scale).to(torch.float8_e4m3fn)
        stored |= {key: small, key.removesuffix("weight") + "scale_weight": scale, key.removesuffix("weight") + "scale_input": torch.ones(())}
        values[key] = small.float() * scale
    save_file({key: value.contiguous() for key, value in stored.items()}, path)
    return values


FILES = {"one file, `.safetensors`": (".safetensors", write_one_safetensors), "one file, `.ckpt` with `state_dict`": (".ckpt", write_checkpoint),
         "one file, `.ckpt` without": (".ckpt", write_plain_checkpoint), "one file, GGUF, f32": (".gguf", write_f32_gguf), "one file, GGUF, f16": (".gguf", write_f16_gguf),
         "one file, GGUF, Q8_0": (".gguf", write_q8_gguf), "one file, GGUF, stable-diffusion.cpp's names": (".gguf", write_cpp_gguf),
         "the same, by older versions": (".gguf", write_older_cpp_gguf), "the same, of a folder of diffusers": (".gguf", write_cpp_gguf_of_folder),
         "one file, fp8 with scales": (".safetensors", write_scaled_fp8)}


def write_file(model, form):
    """Returns the path and, where the form rounds the weights, part -> the rounded weights as diffusers names them."""
    state = original_names(model)
    for part, found in diffusers_states(model, state).items():
        single_files.same(found, model.parts[part].state_dict(), f"{model.name} {part}")
    ending, write = FILES[form]
    path = store.ROOT / "formats" / f"{model.name}-{list(FILES).index(form)}{ending}"
    path.parent.mkdir(exist_ok=True)
    rounded = write(path, state, model)
    return path, diffusers_states(model, rounded) if rounded else None


# --- types ---

TYPES = {"bf16": torch.bfloat16, "fp8 e4m3": torch.float8_e4m3fn, "fp8 e5m2": torch.float8_e5m2}


@functools.cache
def write_typed_unet(model, form):
    """A folder with the UNet stored in another type, and its weights widened again."""
    folder = store.ROOT / "formats" / f"{model.name}-unet-{form.replace(' ', '-')}"
    folder.mkdir(parents=True)
    shutil.copy(model.path / "unet" / "config.json", folder)
    stored = {key: value.to(TYPES[form]) for key, value in model.parts["unet"].state_dict().items()}
    save_file(stored, folder / "diffusion_pytorch_model.safetensors")
    return folder, {key: value.float() for key, value in load_file(folder / "diffusion_pytorch_model.safetensors").items()}


def write_typed_file(model, form):
    """One file with the UNet stored in another type, as fp8 checkpoints are published."""
    path = store.ROOT / "formats" / f"{model.name}-{form.replace(' ', '-')}.safetensors"
    path.parent.mkdir(exist_ok=True)
    kind = lambda key: TYPES[form] if key.startswith("model.diffusion_model.") else torch.float16
    save_file({key: value.to(kind(key)).contiguous() for key, value in original_names(model).items()}, path)
    return path


# --- a UNet in a file of its own ---

QUANTISED = [Type.Q8_0, Type.Q5_1, Type.Q5_0, Type.Q4_1, Type.Q4_0]
PREFIX = "model.diffusion_model."


def write_unet_file(model, form):
    """Returns the path and, where the form rounds the weights, the rounded ones as diffusers names them."""
    path = store.ROOT / "formats" / f"{model.name}-unet-{list(UNET_FILES).index(form)}.{'gguf' if 'GGUF' in form else 'safetensors'}"
    path.parent.mkdir(exist_ok=True)
    unet = model.parts["unet"]
    values = UNET_FILES[form](path, single_files.unet_names(unet), unet)
    if not values:
        return path, None
    shapes, state = unet.state_dict(), convert.convert_ldm_unet_checkpoint({PREFIX + key: value for key, value in values.items()}, dict(unet.config))
    return path, {key: value.reshape(shapes[key].shape).contiguous() for key, value in state.items()}


def half(state):
    return {key: value.half().contiguous() for key, value in state.items()}


def without_prefix(state):
    return {key.removeprefix(PREFIX): value for key, value in state.items()}


UNET_FILES = {"original names": lambda path, state, unet: save_file(half(state), path), "original names, no prefix": lambda path, state, unet: save_file(half(without_prefix(state)), path),
              "diffusers' names": lambda path, state, unet: save_file(half(unet.state_dict()), path)}
for kind in QUANTISED:
    UNET_FILES[f"original names, no prefix, GGUF {kind.name}"] = lambda path, state, unet, kind=kind: write_gguf(path, without_prefix(state), kind, flatten=True)


# --- VAEs ---

def write_vae_file(network, form):
    state = {key.removeprefix("first_stage_model."): value.half().contiguous() for key, value in single_files.vae_names(network).items()}
    path = store.ROOT / "formats" / f"vae-{list(VAE_FILES).index(form)}.{'ckpt' if 'ckpt' in form else 'safetensors'}"
    path.parent.mkdir(exist_ok=True)
    VAE_FILES[form](state, path)
    return path


VAE_FILES = {"`.safetensors`": lambda state, path: save_file(state, path),
             "`.safetensors`, `first_stage_model.`": lambda state, path: save_file({"first_stage_model." + key: value for key, value in state.items()}, path),
             "`.ckpt` with `state_dict`": lambda state, path: torch.save({"state_dict": state}, path)}
