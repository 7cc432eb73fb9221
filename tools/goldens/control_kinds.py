"""Controls other than plain ControlNets: T2I-Adapters, ControlNet-Unions, a Control-LoRA and InstantID, into models/controls."""
import cv2
import diffusers
import numpy
import torch
from diffusers import ControlNetModel, ControlNetUnionModel, MultiAdapter, T2IAdapter
from diffusers.models import MultiControlNetUnionModel
from PIL import Image
from safetensors.torch import save_file

import random_weights as weights
import unets
from pipelines import CLASSES, GAINS, NEGATIVE, PROMPT
from source_pictures import open_picture

CLASSES = CLASSES | {"heun": diffusers.HeunDiscreteScheduler}

MODES = ["openpose", "depth", "hed", "canny", "normal", "segment", "tile", "repaint"]
KEYPOINTS = [[20.5, 22], [44, 20], [33, 31.7], [23, 44], [42, 45]]


def run(model, pipe, name, controls, files, adapter=None, scheduler="ddim", guidance=7.5, steps=6, seed=7, size=(64, 64), negative=NEGATIVE, inputs=None,
        rest=None, **call):
    """Runs one call and keeps it: `controls` and `files` as the API has them."""
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = CLASSES[scheduler].from_config(pipe.scheduler.config)
    if adapter and "ip_adapter_image_embeds" not in call:
        call["ip_adapter_image"] = open_picture("square-64")
    sides = {} if rest else dict(width=size[0], height=size[1])  # of a start picture the sides are its own
    latents = pipe(prompt=PROMPT, negative_prompt=negative, num_inference_steps=steps, guidance_scale=guidance, **sides,
                   generator=torch.Generator().manual_seed(seed), output_type="latent", **call).images
    pipe.unet.set_default_attn_processor()
    pipe.unet.encoder_hid_proj, pipe.unet.config.encoder_hid_dim_type = None, None
    model.folder.add("pipeline", f"{model.name}-{name}", inputs or {}, {"latents": latents}, model=model.base, unet=f"unet-{model.base}", inpaint=False,
                     prompt=PROMPT, negative_prompt=negative, scheduler=scheduler, steps=steps, guidance=guidance, seed=seed, width=size[0], height=size[1],
                     adapter=adapter, files=files, config={}, controls=controls, **(rest or {}))
    return latents


def adapter_of(model, scale):
    return {"file": f"adapters/{model.name}-base.safetensors", "scale": scale, "image": "images/square-64.png"}


def save_t2i(folder, name, seed, **config):
    return folder.save_network(weights.randomize(T2IAdapter(**config), torch.Generator().manual_seed(seed)), name)


def add_t2i(sd15, sdxl):
    folder = sd15.folder
    full = save_t2i(folder, "t2i-full", 1200, in_channels=3, channels=[8, 8], num_res_blocks=2, downscale_factor=8, adapter_type="full_adapter")
    light = save_t2i(folder, "t2i-light", 1201, in_channels=1, channels=[8], num_res_blocks=1, downscale_factor=8, adapter_type="light_adapter")
    large = save_t2i(folder, "t2i-xl", 1202, in_channels=1, channels=[8, 16, 16, 16], num_res_blocks=1, downscale_factor=8, adapter_type="full_adapter_xl")
    wide, other = open_picture("wide-150x100"), open_picture("square-64").convert("L")
    of = lambda control, picture, **use: {"control": control, "image": f"images/{picture}.png", **use}

    def open_adapters(adapters):
        parts = {key: value for key, value in sd15.parts().items() if key != "image_encoder"}
        return diffusers.StableDiffusionAdapterPipeline(**parts, adapter=adapters)

    # The channel order of a picture's own pixels is that of the network.
    found = [run(sd15, open_adapters(full), "t2i-full", [of(0, "wide-150x100", scale=0.8)], ["t2i-full"], image=wide, adapter_conditioning_scale=0.8),
             run(sd15, open_adapters(full), "t2i-plain", [of(0, "wide-150x100")], ["t2i-full"], image=wide, guidance=1.0, size=(72, 80)),
             run(sd15, open_adapters(light), "t2i-light", [of(0, "square-64", scale=0.7)], ["t2i-light"], image=other, adapter_conditioning_scale=0.7),
             run(sd15, open_adapters(MultiAdapter([full, light])), "t2i-two", [of(0, "wide-150x100", scale=0.6), of(1, "square-64", scale=0.5)],
                 ["t2i-full", "t2i-light"], image=[wide, other], adapter_conditioning_scale=[0.6, 0.5])]
    own = sdxl.unet
    base = diffusers.StableDiffusionXLPipeline.from_pretrained(str(folder.path.parent / "sdxl"), torch_dtype=torch.float32, local_files_only=True,
                                                               add_watermarker=False)
    for name, factor in (("t2i-xl", 1.0), ("t2i-xl-window", 0.5)):
        pipe = diffusers.StableDiffusionXLAdapterPipeline(**base.components, adapter=large)
        latents = run(sdxl, pipe, name, [of(0, "square-64", scale=0.8, **({"end": factor} if factor < 1 else {}))], ["t2i-xl"], scheduler="euler", image=other,
                      adapter_conditioning_scale=0.8, adapter_conditioning_factor=factor)
        folder.cases[-1]["unet"] = None
        found.append(latents)
    sdxl.unet = own
    return found


def add_image_to_image(sd15, canny):
    """The window counts the calls that the strength leaves."""
    found = []
    for name, scheduler in (("start-heun", "heun"), ("start-euler", "euler")):
        pipe = diffusers.StableDiffusionControlNetImg2ImgPipeline(**sd15.parts(), controlnet=canny)
        found.append(run(sd15, pipe, name, [{"control": 0, "image": "images/wide-150x100.png", "scale": 0.8, "start": 0.2, "end": 0.7}], ["canny"],
                         scheduler=scheduler, steps=10, image=open_picture("square-64"), control_image=open_picture("wide-150x100").resize((64, 64), Image.LANCZOS),
                         strength=0.5, controlnet_conditioning_scale=0.8, control_guidance_start=0.2, control_guidance_end=0.7,
                         rest={"image": "images/square-64.png", "strength": 0.5}))
    return found


def add_unions(sdxl, config):
    folder = sdxl.folder
    union = ControlNetUnionModel(**config, num_control_type=6, num_trans_channel=8, num_trans_head=2, num_trans_layer=1, num_proj_channel=8)
    union = folder.save_network(weights.randomize(union, torch.Generator().manual_seed(1210), **GAINS), "union")
    pictures = {name: open_picture(name) for name in ("wide-150x100", "square-64")}

    def add(name, uses, nets=1, adapter=None, guess=False, **rest):
        """uses: (control, mode, picture, scale)"""
        pipe = diffusers.StableDiffusionXLControlNetUnionPipeline(**sdxl.parts(), controlnet=union if nets == 1 else MultiControlNetUnionModel([union] * nets))
        if adapter:
            pipe.load_ip_adapter(str(folder.path), subfolder="adapters", weight_name="sdxl-base.safetensors", image_encoder_folder=None, local_files_only=True)
            unets.set_scales(pipe.unet, [adapter])
        images, modes, scales = [pictures[use[2]] for use in uses], [MODES.index(use[1]) for use in uses], [use[3] for use in uses]
        controls = [{"control": control, "mode": mode, "image": f"images/{picture}.png", "scale": scale, **({"guess": True} if guess else {})}
                    for control, mode, picture, scale in uses]
        return run(sdxl, pipe, name, controls, ["union"] * nets, adapter=adapter_of(sdxl, adapter) if adapter else None, scheduler="euler",
                   control_image=images, control_mode=modes, controlnet_conditioning_scale=scales if len(scales) > 1 else scales[0], guess_mode=guess, **rest)

    return [add("union-one", [(0, "depth", "wide-150x100", 0.8)], adapter=0.6), add("union-other", [(0, "canny", "wide-150x100", 0.8)]),
            add("union-two", [(0, "depth", "wide-150x100", 0.7), (0, "openpose", "square-64", 0.4)]),
            add("union-guess", [(0, "depth", "wide-150x100", 0.7), (0, "openpose", "square-64", 0.4)], guess=True, guidance=1.0),  # with guidance, diffusers' own call fails
            add("union-multi", [(0, "depth", "wide-150x100", 0.7), (1, "segment", "square-64", 0.4)], nets=2),
            add("union-plain", [(0, "hed", "square-64", 0.9)], guidance=1.0)]


@torch.no_grad()
def add_control_lora(sd15, original_name, widths):
    """The ControlNet that the file means, run by diffusers with whole weights."""
    net = ControlNetModel.from_unet(sd15.unet, conditioning_embedding_out_channels=widths)
    generator = torch.Generator().manual_seed(1220)
    state, stored = net.state_dict(), {"lora_controlnet": torch.zeros(0)}
    for name, value in state.items():
        layer, part = name.rsplit(".", 1)
        original = original_name(name).rsplit(".", 1)[0]
        whole = name.startswith("controlnet_") or part == "bias" and "attentions" in name
        if whole:
            value = torch.randn(value.shape, generator=generator) * (0.3 / max(1, value[0].numel()) ** 0.5 if value.ndim > 1 else 0.02)
            stored[f"{original}.{part}"] = value.half()
            state[name] = value.half().float()
        elif part == "weight" and value.ndim > 1:
            up = (torch.randn(value.shape[0], 2, generator=generator) * 0.2).half()
            down = (torch.randn(2, *value.shape[1:], generator=generator) * 0.2).half()
            stored[f"{original}.up"], stored[f"{original}.down"] = up, down
            state[name] = value + (up.float() @ down.float().flatten(1)).reshape(value.shape)
    save_file(stored, sd15.folder.path / "control-lora.safetensors")
    net.load_state_dict(state)
    pipe = diffusers.StableDiffusionControlNetPipeline(**sd15.parts(), controlnet=net.eval())
    return [run(sd15, pipe, "control-lora", [{"control": 0, "image": "images/wide-150x100.png", "scale": 0.8}], ["control-lora.safetensors"],
                image=open_picture("wide-150x100"), controlnet_conditioning_scale=0.8)]


def draw_keypoints(points, width, height):
    """Four limbs to the nose as ellipses, then five dots."""
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255)]
    picture, points = numpy.zeros((height, width, 3)), numpy.array(points)
    for end in (0, 1, 3, 4):
        (x0, y0), (x1, y1) = points[end], points[2]
        degrees = numpy.degrees(numpy.arctan2(y0 - y1, x0 - x1))
        outline = cv2.ellipse2Poly((int((x0 + x1) / 2), int((y0 + y1) / 2)), (int(numpy.hypot(x0 - x1, y0 - y1) / 2), 4), int(degrees), 0, 360, 1)
        picture = cv2.fillConvexPoly(picture, outline, colours[end])
    picture = (picture * 0.6).astype(numpy.uint8)
    for point, colour in zip(points, colours):
        picture = cv2.circle(picture, (int(point[0]), int(point[1])), 10, colour, -1)
    return Image.fromarray(picture)


class FaceNet(ControlNetModel):
    """Reads the tokens of a face in place of the text."""

    def forward(self, sample, timestep, encoder_hidden_states, **rest):
        return super().forward(sample, timestep, self.tokens, **rest)


@torch.no_grad()
def add_instantid(sdxl, net):
    folder, generator = sdxl.folder, torch.Generator().manual_seed(1230)
    projection = weights.resampler_projection(generator, 512, 72, dim=16, heads=1, tokens=16)
    folder.save_adapter("sdxl-instantid", weights.adapter_file(projection, weights.adapter_attention(generator, sdxl.unet)))
    face = torch.randn(1, 512, generator=generator) * 4
    found = []
    for name, guidance, scale in (("instantid", 5.0, 0.8), ("instantid-plain", 1.0, 0.8)):
        faces = FaceNet(**{key: value for key, value in net.config.items() if not key.startswith("_")})
        faces.load_state_dict(net.state_dict())
        pipe = diffusers.StableDiffusionXLControlNetPipeline(**sdxl.parts(), controlnet=faces.eval())
        pipe.load_ip_adapter(str(folder.path), subfolder="adapters", weight_name="sdxl-instantid.safetensors", image_encoder_folder=None,
                             local_files_only=True)
        unets.set_scales(pipe.unet, [scale])
        both = torch.stack([torch.zeros_like(face), face]) if guidance > 1 else face[None]
        faces.tokens = pipe.unet.encoder_hid_proj.image_projection_layers[0](both)
        found.append(run(sdxl, pipe, name, [{"control": 0, "faceKeypoints": KEYPOINTS, "scale": 0.7}], ["xl"],
                         adapter={"file": "adapters/sdxl-instantid.safetensors", "scale": scale, "face": "face"}, guidance=guidance, scheduler="euler",
                         image=draw_keypoints(KEYPOINTS, 64, 64), controlnet_conditioning_scale=0.7, ip_adapter_image_embeds=[both[:, :, None]],
                         inputs={"face": face[0]}))
    return found
