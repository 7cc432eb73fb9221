"""Structure controls in every form that their files are found in, and Fooocus' inpaint files: small ones of the published structure, with what diffusers makes of them."""
import copy
import functools
import types

import diffusers
import torch
from diffusers import ControlNetModel, ControlNetUnionModel, T2IAdapter
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
from PIL import Image
from safetensors.torch import save_file

import adapters
import control_kinds
import inpaint
import models
import pipelines
import random_weights as weights
import references
import seamless
import single_files
import store
import unets

SCALE = 0.8
MODES = control_kinds.MODES
# Widths of the convolutions that read the picture, as published: of ordinary ControlNets, and of unions.
PICTURE, UNION_PICTURE = (16, 32, 96, 256), (48, 96, 192, 384)
KEYPOINTS = [[36, 18], [62, 17], [50, 30], [38, 44], [60, 45]]


def trunk(config, **changes):
    """What a ControlNet has of a UNet's configuration."""
    return {key: value for key, value in config.items() if key not in ("sample_size", "up_block_types")} | changes


NETS = {
    "sd15": trunk(models.SD1, conditioning_embedding_out_channels=PICTURE),
    "sd2": trunk(models.SD2, conditioning_embedding_out_channels=PICTURE),
    "sdxl": trunk(models.SDXL, conditioning_embedding_out_channels=PICTURE),
    # As the smaller ControlNets of SDXL: attentions without blocks, and none at all.
    "sdxl-mid": trunk(models.SDXL, transformer_layers_per_block=(0, 0, 1), conditioning_embedding_out_channels=PICTURE),
    "sdxl-small": trunk(models.SDXL, down_block_types=(unets.DOWN,) * 3, mid_block_type="UNetMidBlock2D", conditioning_embedding_out_channels=PICTURE),
    "union-6": trunk(models.SDXL, conditioning_embedding_out_channels=UNION_PICTURE, num_control_type=6, num_trans_channel=64, num_trans_head=8, num_trans_layer=1, num_proj_channel=64),
    "union-8": trunk(models.SDXL, conditioning_embedding_out_channels=UNION_PICTURE, num_control_type=8, num_trans_channel=64, num_trans_head=8, num_trans_layer=1, num_proj_channel=64),
}
T2I = {
    "t2i-full": dict(in_channels=3, channels=[32, 64, 64, 64], num_res_blocks=2, downscale_factor=8, adapter_type="full_adapter"),
    "t2i-light": dict(in_channels=3, channels=[32, 64, 64, 64], num_res_blocks=4, downscale_factor=8, adapter_type="light_adapter"),
    "t2i-sdxl": dict(in_channels=3, channels=[64, 64, 128, 128], num_res_blocks=2, downscale_factor=16, adapter_type="full_adapter_xl"),
}


def seed_of(name):
    return 5000 + 10 * [*NETS, *T2I].index(name)


@functools.cache
def net(name):
    """A control's folder in f16, and the network with the same weights in f32."""
    folder, generator = store.Folder(f"control-{name}"), torch.Generator().manual_seed(seed_of(name))
    if name in T2I:
        return folder.path / "net", folder.save_network(weights.randomize(T2IAdapter(**T2I[name]), generator), "net")
    kind = ControlNetUnionModel if name.startswith("union") else ControlNetModel
    network = weights.randomize(kind(**NETS[name]), generator, **pipelines.GAINS)
    # These widths would blow the picture up until nothing else counts.
    for part, value in network.controlnet_cond_embedding.named_parameters():
        if value.ndim > 1:
            value.copy_(torch.randn(value.shape, generator=generator) * (2 / value[0].numel()) ** 0.5)
    return folder.path / "net", folder.save_network(network, "net")


# --- forms ---

def original_names(network):
    """Names of a ControlNet's tensors by those of the original code, checked by diffusers' own converter."""
    state = network.state_dict()
    of_trunk = {key: value for key, value in state.items() if not key.startswith("controlnet_")}
    named = single_files.unet_names(types.SimpleNamespace(config=network.config, state_dict=lambda: of_trunk))
    original = {name.removeprefix("model.diffusion_model."): value for name, value in named.items()}
    last = len(network.config.conditioning_embedding_out_channels) * 2 - 1
    for key, value in state.items():
        if not key.startswith("controlnet_"):
            continue
        part, ending = key.rsplit(".", 1)
        place = {"controlnet_cond_embedding.conv_in": "input_hint_block.0", "controlnet_cond_embedding.conv_out": f"input_hint_block.{2 * last}",
                 "controlnet_mid_block": "middle_block_out.0"}.get(part)
        number = part.rpartition(".")[2]
        if part.startswith("controlnet_cond_embedding.blocks."):
            place = f"input_hint_block.{2 * int(number) + 2}"
        elif part.startswith("controlnet_down_blocks."):
            place = f"zero_convs.{number}.0"
        original[f"{place}.{ending}"] = value
    back = convert_controlnet_checkpoint({f"control_model.{key}": value for key, value in original.items()}, dict(network.config) | {"class_embed_type": None})
    # The converter leaves out what SDXL's has besides; single_files.py checks those names on UNets.
    known = {name for name in state if not name.startswith("add_embedding.")}
    if known - set(back) or any(not torch.equal(back[name].reshape(state[name].shape), state[name]) for name in known):
        raise ValueError(f"diffusers reads another ControlNet from the original layout: {sorted(known ^ set(back))[:5]}")
    return original


def published_t2i_names(network):
    """As TencentARC's files have them: the blocks of all levels numbered through; of light ones by level."""
    result, layers = {}, network.config.num_res_blocks
    for key, value in network.state_dict().items():
        parts = key.removeprefix("adapter.").split(".")
        if parts[0] == "body" and network.config.adapter_type == "light_adapter":
            parts = [*parts[:2], *(["body", *parts[3:]] if parts[2] == "resnets" else parts[2:])]
        elif parts[0] == "body":
            inner = parts[2] == "resnets"
            parts = ["body", str(int(parts[1]) * layers + (int(parts[3]) if inner else 0)), *parts[4 if inner else 2:]]
        result[".".join(parts)] = value
    return result


def half(state):
    return {key: value.half().contiguous() for key, value in state.items()}


def prefixed(network):
    return {f"control_model.{key}": value for key, value in original_names(network).items()}


FORMS = {
    "diffusers' names, one file": (".safetensors", lambda network: half(network.state_dict()), save_file),
    "original names": (".safetensors", lambda network: half(original_names(network)), save_file),
    "original names, `control_model.`": (".safetensors", lambda network: half(prefixed(network)), save_file),
    "original names, `.pth`": (".pth", prefixed, torch.save),
    "published names, `.pth`": (".pth", published_t2i_names, torch.save),
}


@functools.cache
def file(name, form):
    """The folder, or a file by itself, whose tensors have to tell all."""
    folder, network = net(name)
    if form == "folder":
        return folder
    ending, state, save = FORMS[form]
    path = store.ROOT / "controls" / f"{name}-{list(FORMS).index(form)}{ending}"
    path.parent.mkdir(exist_ok=True)
    save(state(network), path)
    return path


@functools.cache
def control_lora(host):
    """A file of the rank-128 layout for a UNet, at rank 8, and the ControlNet that it means: products for what the UNet has, whole tensors for the hint block and the
    convolutions to the skip connections."""
    network = ControlNetModel.from_unet(models.model(host).parts["unet"], conditioning_embedding_out_channels=PICTURE)
    generator, named = torch.Generator().manual_seed(5900 + len(host)), original_names(network)
    places = {value.data_ptr(): name for name, value in network.state_dict().items()}
    state, stored = dict(network.state_dict()), {"lora_controlnet": torch.zeros(0)}
    for key, value in named.items():
        own, (layer, part) = places[value.data_ptr()], key.rsplit(".", 1)
        if own.startswith("controlnet_"):
            drawn = torch.randn(value.shape, generator=generator) * (0.3 / max(1, value[0].numel()) ** 0.5 if value.ndim > 1 else 0.02)
            stored[key] = drawn.half()
            state[own] = stored[key].float()
        elif part == "weight" and value.ndim > 1:
            up = (torch.randn(value.shape[0], 8, generator=generator) * 0.1).half()
            down = (torch.randn(8, *value.shape[1:], generator=generator) * 0.1).half()
            stored[f"{layer}.up"], stored[f"{layer}.down"] = up, down
            state[own] = value + (up.float() @ down.float().flatten(1)).reshape(value.shape)
    path = store.ROOT / "controls" / f"control-lora-{host}.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file(stored, path)
    network.load_state_dict(state)
    return path, network.float().eval()


# --- calls ---

def pictures(count):
    return [adapters.picture(), adapters.picture(8)][:count]


def opened(paths):
    return [Image.open(path).convert("RGB") for path in paths]


def with_control(model, kind, control, **parts):
    """diffusers' pipeline `kind` of a model and a control."""
    components = references.open_pipeline(model, **parts).components
    named = "adapter" if "Adapter" in kind.__name__ else "controlnet"
    drop = ("image_encoder",) if kind is diffusers.StableDiffusionAdapterPipeline else ()
    pipe = kind(**{key: value for key, value in components.items() if key not in drop}, **{named: control}, **({"add_watermarker": False} if model.xl and named == "controlnet" else {}),
                **({} if model.xl else {"requires_safety_checker": False}))
    pipe.set_progress_bar_config(disable=True)
    return pipe


PIPELINES = {"controlnet": (diffusers.StableDiffusionControlNetPipeline, diffusers.StableDiffusionXLControlNetPipeline),
             "t2i": (diffusers.StableDiffusionAdapterPipeline, diffusers.StableDiffusionXLAdapterPipeline)}


def meeting(pipe, network, call):
    """The pipeline with edges that meet along the axes that the call names, if any. The network is the pipeline's alone."""
    axes = call.get("seamless")
    if axes:
        seamless.make_seamless([pipe.unet, pipe.vae, network], axes != "y", axes != "x")
    return pipe


def controlled(model, network, call):
    """One picture through a ControlNet or a T2I-Adapter."""
    t2i, network = isinstance(network, T2IAdapter), copy.deepcopy(network)
    pipe = meeting(with_control(model, PIPELINES["t2i" if t2i else "controlnet"][model.xl], network), network, call)
    return references.run(pipe, call, image=opened(pictures(1))[0], **{"adapter_conditioning_scale" if t2i else "controlnet_conditioning_scale": SCALE})


def united(model, network, modes, call):
    network = copy.deepcopy(network)
    pipe = meeting(with_control(model, diffusers.StableDiffusionXLControlNetUnionPipeline, network), network, call)
    scales = [SCALE] * len(modes)
    return references.run(pipe, call, control_image=opened(pictures(len(modes))), control_mode=[MODES.index(mode) for mode in modes],
                          controlnet_conditioning_scale=scales if len(modes) > 1 else SCALE)


def faced(model, network, name, call):
    """InstantID: the ControlNet reads the face's tokens, and the adapter the same face."""
    faces = control_kinds.FaceNet(**{key: value for key, value in network.config.items() if not key.startswith("_")})
    faces.load_state_dict(network.state_dict())
    pipe = meeting(with_control(model, diffusers.StableDiffusionXLControlNetPipeline, faces.eval(), image_encoder=None), faces, call)
    (both,) = adapters.reference_inputs(pipe, name)["ip_adapter_image_embeds"]
    found = {"ip_adapter_image_embeds": [both[:, :1]]}  # one face
    faces.tokens = pipe.unet.encoder_hid_proj.image_projection_layers[0](both[:, 0])
    picture = control_kinds.draw_keypoints(KEYPOINTS, references.WIDTH, references.HEIGHT)
    return references.run(pipe, call, image=picture, controlnet_conditioning_scale=SCALE, **found)


# --- Fooocus' inpainting ---

@functools.cache
def inpaint_files(host):
    """The head and the patch for a model's UNet."""
    inpaint.FOLDER.mkdir(exist_ok=True)
    unet, generator = models.model(host).parts["unet"], torch.Generator().manual_seed(2600)
    return inpaint.make_head(unet.config.block_out_channels[0], generator), inpaint.make_patch(unet, generator)


def inpainted(model, picture, mask, call):
    head, patch = inpaint_files(model.name)
    parts = references.open_pipeline(model, image_encoder=None).components
    pipe = diffusers.StableDiffusionXLInpaintPipeline(**parts, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    pipe.unet.load_state_dict(inpaint.merged(pipe.unet, patch, 1.0))
    sides = references.WIDTH, references.HEIGHT
    inpaint.add_head(pipe, head, Image.open(mask).convert("L").resize(sides, Image.LANCZOS))
    return references.run(pipe, call, image=Image.open(picture).convert("RGB").resize(sides, Image.LANCZOS), mask_image=Image.open(mask).resize(sides, Image.LANCZOS))
