"""Structure controls: small ControlNets with random weights, and what the ControlNet pipelines of diffusers make of them.

Writes models/controls: UNets (unet-NAME), ControlNets, adapters, the names that one of them has in the original layout, and the calls. The other
parts of the models are those of models/sd15 and models/sdxl, which make.py writes before.
"""
import json

import diffusers
import numpy
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint

import control_kinds
import pictures
import random_weights as weights
import unets
from pipelines import CLASSES, GAINS, NEGATIVE, PROMPT
from source_pictures import make_mask, open_picture
from store import ROOT, Folder, write_json

CLASSES = CLASSES | {"heun": diffusers.HeunDiscreteScheduler}
SD15 = dict(sample_size=8, block_out_channels=(8, 8), layers_per_block=1, cross_attention_dim=32, attention_head_dim=4, norm_num_groups=4,
            down_block_types=(unets.CROSS_DOWN, unets.DOWN), up_block_types=(unets.UP, unets.CROSS_UP))
SDXL = dict(sample_size=16, block_out_channels=(8, 8), layers_per_block=1, cross_attention_dim=72, attention_head_dim=(2, 2), norm_num_groups=4,
            transformer_layers_per_block=(1, 1), use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=40 + 6 * 8, down_block_types=(unets.DOWN, unets.CROSS_DOWN), up_block_types=(unets.CROSS_UP, unets.UP))
UNETS = {"sd15": SD15, "sdxl": SDXL}
# By the VAE's scale: 8 and 4.
PICTURE = {"sd15": (4, 4, 8, 8), "sdxl": (4, 8, 8)}
PIPELINES = {"sd15": diffusers.StableDiffusionControlNetPipeline, "sd15-inpaint": diffusers.StableDiffusionControlNetInpaintPipeline,
             "sdxl": diffusers.StableDiffusionXLControlNetPipeline}


def trunk(config, **changes):
    """What a ControlNet has of a UNet's configuration."""
    return {key: value for key, value in config.items() if key not in ("sample_size", "up_block_types", "in_channels")} | changes


def make_nets(folder):
    nets = {
        "canny": trunk(SD15, conditioning_embedding_out_channels=PICTURE["sd15"]),
        "depth": trunk(SD15, conditioning_embedding_out_channels=PICTURE["sd15"]),
        "xl": trunk(SDXL, conditioning_embedding_out_channels=PICTURE["sdxl"]),
        # As the smaller ControlNets of SDXL: attentions without blocks, and none at all.
        "xl-mid": trunk(SDXL, transformer_layers_per_block=(0, 1), down_block_types=(unets.CROSS_DOWN,) * 2,
                        conditioning_embedding_out_channels=PICTURE["sdxl"]),
        "xl-small": trunk(SDXL, down_block_types=(unets.DOWN,) * 2, mid_block_type="UNetMidBlock2D",
                          conditioning_embedding_out_channels=PICTURE["sdxl"]),
        "sd2": dict(block_out_channels=(8, 8), layers_per_block=2, cross_attention_dim=24, attention_head_dim=1, norm_num_groups=8,
                    use_linear_projection=True, down_block_types=(unets.CROSS_DOWN, unets.DOWN),
                    conditioning_embedding_out_channels=(4, 6))}
    made = {}
    for index, (name, config) in enumerate(nets.items()):
        generator = torch.Generator().manual_seed(1100 + index)
        made[name] = folder.save_network(weights.randomize(ControlNetModel(**config), generator, **GAINS), name)
    return made


@torch.no_grad()
def add_network_cases(folder, name, net, seed):
    """The residuals alone, of a batch of two with one picture, and sides that are no multiple of anything."""
    generator = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=generator)
    config = net.config
    scale = 2 ** (len(config.conditioning_embedding_out_channels) - 1)
    batch, height, width, tokens, timestep = 2, 5, 7, 6, 421.0527
    inputs = {"sample": normal(batch, 4, height, width), "encoder_hidden_states": normal(batch, tokens, config.cross_attention_dim),
              "controlnet_cond": torch.rand(1, 3, height * scale, width * scale, generator=generator)}
    added = {}
    if config.addition_embed_type:
        added = {"text_embeds": normal(batch, 40), "time_ids": torch.tensor([[72.0, 104.0, 0.0, 8.0, 64.0, 96.0]] * batch)}
    down, mid = net(timestep=timestep, **inputs, added_cond_kwargs=added or None, return_dict=False)
    folder.add("controlnet", name, inputs | added, {**{f"down.{i}": value for i, value in enumerate(down)}, "mid": mid}, timestep=timestep)


def original_name(name):
    """Of a tensor of the net `canny`: one layer a level, two levels, attention in the first."""
    table = [("controlnet_cond_embedding.conv_in.", "input_hint_block.0."), ("controlnet_cond_embedding.conv_out.", "input_hint_block.14."),
             *((f"controlnet_cond_embedding.blocks.{i}.", f"input_hint_block.{2 * i + 2}.") for i in range(6)),
             *((f"controlnet_down_blocks.{i}.", f"zero_convs.{i}.0.") for i in range(4)), ("controlnet_mid_block.", "middle_block_out.0."),
             ("conv_in.", "input_blocks.0.0."), ("time_embedding.linear_1.", "time_embed.0."), ("time_embedding.linear_2.", "time_embed.2."),
             ("down_blocks.0.downsamplers.0.conv.", "input_blocks.2.0.op."), ("down_blocks.0.attentions.0.", "input_blocks.1.1."),
             ("mid_block.attentions.0.", "middle_block.1.")]
    for ours, theirs in table:
        if name.startswith(ours):
            return theirs + name[len(ours):]
    parts = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0", "conv2": "out_layers.3",
             "conv_shortcut": "skip_connection"}
    for ours, theirs in (("down_blocks.0.resnets.0.", "input_blocks.1.0."), ("down_blocks.1.resnets.0.", "input_blocks.3.0."),
                         ("mid_block.resnets.0.", "middle_block.0."), ("mid_block.resnets.1.", "middle_block.2.")):
        if name.startswith(ours):
            part, end = name[len(ours):].rsplit(".", 1)
            return f"{theirs}{parts[part]}.{end}"
    raise ValueError(name)


def check_original(net):
    """The names of the original layout, checked by diffusers' own converter."""
    state = dict(net.state_dict())
    original = {f"control_model.{original_name(name)}": value for name, value in state.items()}
    back = convert_controlnet_checkpoint(dict(original), dict(net.config) | {"class_embed_type": None, "addition_embed_type": None})
    if set(back) != set(state) or any(not torch.equal(back[name], state[name]) for name in state):
        raise ValueError("diffusers reads another ControlNet from the original layout")
    return {name: original_name(name) for name in state}


class Model:
    def __init__(self, folder, name, seed):
        self.folder, self.name, self.base = folder, name, name.split("-")[0]
        self.xl, self.inpaint = self.base == "sdxl", name.endswith("inpaint")
        generator = torch.Generator().manual_seed(seed)
        self.unet = weights.randomize(UNet2DConditionModel(**UNETS[self.base]), generator, **GAINS)
        if self.inpaint:
            self.read_more_channels(folder, generator)
        else:
            folder.save_network(self.unet, f"unet-{name}")
            vision = json.loads((ROOT / "models" / self.base / "image_encoder" / "config.json").read_text())
            projection = weights.base_projection(generator, vision["projection_dim"], UNETS[name]["cross_attention_dim"])
            folder.save_adapter(f"{name}-base", weights.adapter_file(projection, weights.adapter_attention(generator, self.unet)))

    def read_more_channels(self, folder, generator):
        """The UNet of text alone with another first convolution: that is all that is stored of it."""
        self.unet.load_state_dict(UNet2DConditionModel.from_pretrained(folder.path / "unet-sd15").state_dict())
        self.unet.conv_in = torch.nn.Conv2d(9, 8, 3, padding=1)
        weights.randomize(self.unet.conv_in, generator)
        self.unet.register_to_config(in_channels=9)
        self.unet.float().eval()
        folder.tensor("inpaint.conv_in.weight", self.unet.conv_in.weight)
        folder.tensor("inpaint.conv_in.bias", self.unet.conv_in.bias)

    def parts(self):
        extra = {"add_watermarker": False} if self.xl else {"safety_checker": None}
        base = (diffusers.StableDiffusionXLPipeline if self.xl else diffusers.StableDiffusionPipeline).from_pretrained(
            ROOT / "models" / self.base, torch_dtype=torch.float32, local_files_only=True, unet=self.unet, feature_extractor=pictures.processor(64), **extra)
        return dict(base.components) | ({"add_watermarker": False} if self.xl else {"requires_safety_checker": False})

    def open(self, nets, adapter, kind=None):
        pipe = (kind or PIPELINES[self.name])(**self.parts(), controlnet=nets if len(nets) > 1 else nets[0])
        pipe.set_progress_bar_config(disable=True)
        if adapter:
            pipe.load_ip_adapter(str(self.folder.path), subfolder="adapters", weight_name=f"{self.name}-base.safetensors", image_encoder_folder=None,
                                 local_files_only=True)
            unets.set_scales(pipe.unet, [adapter])
        return pipe

    def add(self, name, nets, conditions, adapter=None, scheduler="ddim", guidance=7.5, steps=6, seed=7, size=(64, 64), negative=NEGATIVE, guess=False,
            config=None):
        """`nets`: name -> network; `conditions`: (net's name, picture, {scale, start, end}); `config`: what the nets' own says otherwise."""
        for net in nets.values():
            kept = {key: net.config[key] for key in config or {}}
            net.register_to_config(**(config or {}))
        pipe = self.open([nets[net] for net, _, _ in conditions], adapter)
        pipe.scheduler = CLASSES[scheduler].from_config(pipe.scheduler.config)
        one = lambda values: values if len(values) > 1 else values[0]
        call = dict(controlnet_conditioning_scale=one([float(use.get("scale", 1.0)) for *_, use in conditions]),
                    control_guidance_start=one([use.get("start", 0.0) for *_, use in conditions]),
                    control_guidance_end=one([use.get("end", 1.0) for *_, use in conditions]), guess_mode=guess, width=size[0], height=size[1])
        found, inputs = one([open_picture(picture) for _, picture, _ in conditions]), {}
        rest = {}
        if self.inpaint:
            call |= dict(image=open_picture("wide-150x100"), mask_image=make_mask(90, 70), control_image=found, strength=1.0)
            inputs["mask"], rest["image"] = torch.from_numpy(numpy.array(call["mask_image"])), "images/wide-150x100.png"
        else:
            call["image"] = found
        if adapter:
            call["ip_adapter_image"] = open_picture("square-64")
        latents = pipe(prompt=PROMPT, negative_prompt=negative, num_inference_steps=steps, guidance_scale=guidance,
                       generator=torch.Generator().manual_seed(seed), output_type="latent", **call).images
        pipe.unet.set_default_attn_processor()
        pipe.unet.encoder_hid_proj, pipe.unet.config.encoder_hid_dim_type = None, None
        for net in nets.values():
            net.register_to_config(**kept)
        self.folder.add("pipeline", f"{self.name}-{name}", inputs, {"latents": latents}, model=self.base, unet=f"unet-{self.base}", inpaint=self.inpaint, prompt=PROMPT,
                        negative_prompt=negative, scheduler=scheduler, steps=steps, guidance=guidance, seed=seed, width=size[0], height=size[1],
                        adapter={"file": f"adapters/{self.name}-base.safetensors", "scale": adapter, "image": "images/square-64.png"} if adapter else None,
                        files=list(nets), config=config or {},
                        controls=[{"control": list(nets).index(net), "image": f"images/{picture}.png", **use, **({"guess": True} if guess else {})}
                                  for net, picture, use in conditions], **rest)
        return latents


def add_controlnets(folder, nets):
    canny, both = {"canny": nets["canny"]}, {name: nets[name] for name in ("canny", "depth")}
    wide, other = "wide-150x100", "square-64"  # Pillow 13 shrinks tall ones down first, see image/resample.h
    sd15 = Model(folder, "sd15", 1150)
    two = [("canny", wide, dict(scale=0.7, end=0.6)), ("depth", other, dict(scale=0.5, start=0.2))]
    found = [sd15.add("one", canny, [("canny", wide, dict(scale=0.8))]), sd15.add("plain", canny, [("canny", wide, {})], guidance=1.0),
             sd15.add("two", both, two, adapter=0.7), sd15.add("two-plain", both, two, adapter=0.7, guidance=1.0),
             sd15.add("window", canny, [("canny", other, dict(start=0.3, end=0.7))], scheduler="heun"),
             sd15.add("guess", canny, [("canny", wide, dict(scale=0.9))], guess=True, guidance=4.0),
             sd15.add("guess-plain", canny, [("canny", wide, dict(scale=0.9))], guess=True, guidance=1.0),
             sd15.add("bgr", canny, [("canny", wide, {})], config=dict(controlnet_conditioning_channel_order="bgr")),
             sd15.add("pooled", canny, [("canny", wide, dict(scale=0.8))], config=dict(global_pool_conditions=True)),
             sd15.add("twice", canny, [("canny", wide, dict(scale=0.6)), ("canny", other, dict(scale=0.4))], size=(72, 64))]
    inpaint = Model(folder, "sd15-inpaint", 1160)
    found += [inpaint.add("one", canny, [("canny", other, dict(scale=0.8))])]
    sdxl = Model(folder, "sdxl", 1170)
    xl = {"xl": nets["xl"]}
    found += [sdxl.add("one", xl, [("xl", wide, dict(scale=0.8))], scheduler="euler", adapter=0.6),
              sdxl.add("guess", xl, [("xl", wide, {})], guess=True, negative=None, scheduler="euler"),
              sdxl.add("sizes", {name: nets[name] for name in ("xl-mid", "xl-small")},
                       [("xl-mid", wide, dict(scale=0.7)), ("xl-small", other, dict(scale=0.6, end=0.5))], scheduler="euler")]
    found += control_kinds.add_t2i(sd15, sdxl) + control_kinds.add_unions(sdxl, trunk(SDXL, conditioning_embedding_out_channels=PICTURE["sdxl"]))
    found += control_kinds.add_image_to_image(sd15, nets["canny"])
    found += control_kinds.add_control_lora(sd15, original_name, PICTURE["sd15"]) + control_kinds.add_instantid(sdxl, nets["xl"])
    for i, a in enumerate(found):
        for b in found[:i]:
            if a.shape == b.shape and torch.allclose(a, b, atol=1e-2):
                raise ValueError(f"controls: cases {i} and an earlier one give the same picture: something has no effect")


def make():
    folder = Folder("controls", ["unet: the subfolder of this folder whose UNet takes the place of the model's own; model: the folder of the other parts",
                                 "files: the controls that are loaded; config: what their config.json says otherwise",
                                 "a control counts in model call i of n where i / n >= start and (i + 1) / n <= end"])
    nets = make_nets(folder)
    for index, name in enumerate(("canny", "xl", "sd2")):
        add_network_cases(folder, name, nets[name], 1130 + index)
    write_json(folder.path / "original-names.json", check_original(nets["canny"]))
    add_controlnets(folder, nets)
    folder.close()
