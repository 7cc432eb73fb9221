"""IP-Adapter files of every published variant in every form they are found in, and the image prompts to use them with."""
import functools

import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import faces
import formats
import models
import pictures
import random_weights as weights
import source_pictures
import store
import unets

SCALE = 0.8


def base(generator, cross, encoder):
    return weights.base_projection(generator, encoder["projection_dim"], cross)


def plus(generator, cross, encoder):
    return weights.resampler_projection(generator, encoder["hidden_size"], cross, dim=64, heads=1)


def full(generator, cross, encoder):
    return weights.full_projection(generator, encoder["hidden_size"], cross)


def faceid(generator, cross, encoder):
    return faces.face_projection(generator, cross)


def faceid_plus(generator, cross, encoder):
    return faces.plus_projection(generator, cross, encoder["hidden_size"])


def portrait(generator, cross, encoder):
    return faces.face_projection(generator, cross, 16)


def unnorm(generator, cross, encoder):
    return weights.resampler_projection(generator, 512, cross, dim=64, heads=1)


# Published file -> model, projection, image encoder.
FILES = {
    "ip-adapter_sd15": ("sd15", base, "vit-h"),
    "ip-adapter_sd15_light": ("sd15", base, "vit-h"),
    "ip-adapter_sd15_vit-G": ("sd15", base, "vit-g"),
    "ip-adapter-plus_sd15": ("sd15", plus, "vit-h"),
    "ip-adapter-plus-face_sd15": ("sd15", plus, "vit-h"),
    "ip-adapter-full-face_sd15": ("sd15", full, "vit-h"),
    "ip_plus_composition_sd15": ("sd15", plus, "vit-h"),
    "ip-adapter_sdxl": ("sdxl", base, "vit-g"),
    "ip-adapter_sdxl_vit-h": ("sdxl", base, "vit-h"),
    "ip-adapter-plus_sdxl_vit-h": ("sdxl", plus, "vit-h"),
    "ip-adapter-plus-face_sdxl_vit-h": ("sdxl", plus, "vit-h"),
    "ip_plus_composition_sdxl": ("sdxl", plus, "vit-h"),
    "noobIPAMARK1_mark1": ("sdxl-v", base, "vit-g"),
    "ip-adapter-faceid_sd15": ("sd15", faceid, "vit-h"),
    "ip-adapter-faceid-plus_sd15": ("sd15", faceid_plus, "vit-h"),
    "ip-adapter-faceid-plusv2_sd15": ("sd15", faceid_plus, "vit-h"),
    "ip-adapter-faceid-portrait_sd15": ("sd15", portrait, "vit-h"),
    "ip-adapter-faceid_sdxl": ("sdxl", faceid, "vit-h"),
    "ip-adapter-faceid-plusv2_sdxl": ("sdxl", faceid_plus, "vit-h"),
    "ip-adapter-faceid-portrait_sdxl": ("sdxl", portrait, "vit-h"),
    "ip-adapter-faceid-portrait_sdxl_unnorm": ("sdxl", unnorm, "vit-h"),
}


@functools.cache
def published(name):
    """The file as published, in safetensors."""
    model_name, projection, encoder = FILES[name]
    unet = models.model(model_name).parts["unet"]
    generator = torch.Generator().manual_seed(3000 + list(FILES).index(name))
    attention = weights.adapter_attention(generator, unet)
    if projection in (faceid, faceid_plus):
        attention |= faces.lora(generator, unet)
    state = weights.adapter_file(projection(generator, unet.config.cross_attention_dim, models.ENCODERS[encoder]), attention)
    path = store.ROOT / "adapters" / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    # This one is published in f32.
    save_file({key: value.float() for key, value in state.items()} if name.startswith("noob") else state, path)
    return path


# --- forms ---

def write_torch(state, name, path):
    parts = {"image_proj": {}, "ip_adapter": {}}
    for key, value in state.items():
        part, rest = key.split(".", 1)
        parts[part][rest] = value
    torch.save(parts, path)


def write_gguf(state, name, path):
    formats.write_gguf(path, state, arch="ip-adapter")


def write_modules(state, name, path):
    save_file({key.replace("ip_adapter.", "adapter_modules.", 1): value for key, value in state.items()}, path)


def training_names(state, name):
    """As the training scripts save everything they hold: the UNet, the attention layers' weights in it under their processors' names."""
    unet = models.model(FILES[name][0]).parts["unet"]
    processors = list(unet.attn_processors)
    result = {f"unet.{key}": value.half() for key, value in unet.state_dict().items()}
    for key, value in state.items():
        part, rest = key.split(".", 1)
        if part == "image_proj":
            result[f"image_proj_model.{rest}"] = value
        else:
            index, layer = rest.split(".", 1)
            result[f"unet.{processors[int(index)]}.{layer}"] = value
    return result


def write_training(state, name, path):
    """Names of both kinds for the same weights, as torch.save has them."""
    modules = {key.replace("ip_adapter.", "adapter_modules.", 1): value for key, value in state.items() if key.startswith("ip_adapter.")}
    torch.save(training_names(state, name) | modules, path)


def write_training_safetensors(state, name, path):
    """safetensors keeps weights with two names once."""
    save_file(training_names(state, name), path)


FORMS = {"`.bin`": ("bin", write_torch), "GGUF, f16": ("gguf", write_gguf), "`adapter_modules.`": ("safetensors", write_modules),
         "training, `.bin`": ("bin", write_training), "training, safetensors": ("safetensors", write_training_safetensors)}


def file(name, form):
    source = published(name)
    if form == "safetensors":
        return source
    ending, write = FORMS[form]
    path = store.ROOT / "adapters" / f"form-{list(FORMS).index(form)}" / f"{name}.{ending}"
    path.parent.mkdir(exist_ok=True)
    write(load_file(source), name, path)
    return path


# --- image prompts ---

@functools.cache
def picture(seed=7):
    path = store.ROOT / f"picture-{seed}.png"
    Image.fromarray(pictures.picture(150, 100, seed, 6)).save(path)
    return path


@functools.cache
def mask():
    path = store.ROOT / "mask.png"
    source_pictures.make_mask(150, 100).save(path)
    return path


def face(name):
    """One face; portrait adapters take several."""
    projection = FILES[name][1]
    generator = torch.Generator().manual_seed(11)
    if projection is unnorm:
        return torch.randn(2, 512, generator=generator) * 4
    return faces.normed(generator, 2 if projection is portrait else 1)


def reference_inputs(pipe, name):
    """Loads the adapter with diffusers' loader; returns the pipeline's arguments for the image prompt."""
    projection, path = FILES[name][1], published(name)
    pipe.load_ip_adapter(str(path.parent), subfolder="", weight_name=path.name, image_encoder_folder=None, local_files_only=True)
    unets.set_scales(pipe.unet, [SCALE])
    if projection in (base, plus, full):
        return {"ip_adapter_image": Image.open(picture()).convert("RGB")}
    found = face(name)
    both = torch.stack([torch.zeros_like(found), found])
    if projection is unnorm:
        both = both[:, :, None]  # a face is the one hidden state of a picture
    if projection is faceid_plus:
        pixels = pipe.feature_extractor(Image.open(picture()).convert("RGB"), return_tensors="pt").pixel_values
        states = pipe.image_encoder(torch.cat([torch.zeros_like(pixels), pixels]), output_hidden_states=True).hidden_states[-2]
        layer = pipe.unet.encoder_hid_proj.image_projection_layers[0]
        layer.clip_embeds, layer.shortcut = states[:, None], "plusv2" in name
    return {"ip_adapter_image_embeds": [both]}


def our_prompt(name):
    projection = FILES[name][1]
    prompt = {"scale": SCALE}
    if projection in (base, plus, full, faceid_plus):
        prompt["image"] = str(picture())
    if projection in (faceid, faceid_plus, portrait, unnorm):
        prompt["faceEmbeds"] = face(name).flatten().tolist()
    return prompt
