"""Pictures that are changed: what diffusers makes of them with inpainting and instruct UNets, and their encoder in AutoencoderTiny.

Writes models/source-pictures: the UNets (SUBFOLDERS below), an adapter for each, and the calls. The other parts of the models are those of
models/sd15 and models/sdxl, which make.py writes before.
"""
import json

import diffusers
import numpy
import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from PIL import Image

import pictures
import random_weights as weights
import unets
from pipelines import CLASSES, GAINS, NEGATIVE, PROMPT
from store import ROOT, Folder

SMALL = dict(sample_size=8, block_out_channels=(8, 16), layers_per_block=1, cross_attention_dim=32, attention_head_dim=4, norm_num_groups=8,
             down_block_types=(unets.CROSS_DOWN, unets.DOWN), up_block_types=(unets.UP, unets.CROSS_UP))
SMALL_XL = dict(sample_size=16, block_out_channels=(8, 16), layers_per_block=1, cross_attention_dim=72, attention_head_dim=(2, 4), norm_num_groups=8,
                transformer_layers_per_block=(1, 2), use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
                projection_class_embeddings_input_dim=40 + 6 * 8, down_block_types=(unets.DOWN, unets.CROSS_DOWN),
                up_block_types=(unets.CROSS_UP, unets.UP))
INPAINT, INSTRUCT = dict(in_channels=9), dict(in_channels=8)
PIPELINES = {"sd15-inpaint": diffusers.StableDiffusionInpaintPipeline, "sd15-instruct": diffusers.StableDiffusionInstructPix2PixPipeline,
             "sdxl-inpaint": diffusers.StableDiffusionXLInpaintPipeline, "sdxl-instruct": diffusers.StableDiffusionXLInstructPix2PixPipeline}
SUBFOLDERS = {"sd15-inpaint": SMALL | INPAINT, "sd15-instruct": SMALL | INSTRUCT, "sdxl-inpaint": SMALL_XL | INPAINT,
              "sdxl-instruct": SMALL_XL | INSTRUCT}


def open_picture(name):
    return Image.open(ROOT / "images" / f"{name}.png").convert("RGB")


def make_mask(width, height):
    """A grey slope from white to black around a point that is not the middle, so that halves, edges and corners all matter."""
    rows, columns = numpy.mgrid[0:height, 0:width]
    distance = numpy.hypot((columns - width * 0.6) / width, (rows - height * 0.3) / height)
    return Image.fromarray(numpy.clip(255 * (1.25 - 2 * distance), 0, 255).astype(numpy.uint8), "L")


class Model:
    def __init__(self, folder, name, seed):
        self.folder, self.name, self.base = folder, name, name.split("-")[0]
        self.xl, self.inpaint = self.base == "sdxl", name.endswith("inpaint")
        generator = torch.Generator().manual_seed(seed)
        self.unet = folder.save_network(weights.randomize(UNet2DConditionModel(**SUBFOLDERS[name]), generator, **GAINS), name)
        if name == "sdxl-instruct":
            return  # its pipeline takes no adapters
        vision = json.loads((ROOT / "models" / self.base / "image_encoder" / "config.json").read_text())
        cross = SUBFOLDERS[name]["cross_attention_dim"]
        projections = {"base": weights.base_projection(generator, vision["projection_dim"], cross)}
        if not self.xl:
            projections["plus"] = weights.resampler_projection(generator, vision["hidden_size"], cross, dim=16, heads=1, tokens=4)
        for variant, projection in projections.items():
            folder.save_adapter(f"{name}-{variant}", weights.adapter_file(projection, weights.adapter_attention(generator, self.unet)))

    def open(self, adapter=None):
        kind = PIPELINES[self.name]
        extra = {"add_watermarker": False} if self.xl else {"safety_checker": None}
        base = (diffusers.StableDiffusionXLPipeline if self.xl else diffusers.StableDiffusionPipeline).from_pretrained(
            ROOT / "models" / self.base, torch_dtype=torch.float32, local_files_only=True, unet=self.unet, feature_extractor=pictures.processor(64), **extra)
        parts = dict(base.components)
        if kind is diffusers.StableDiffusionXLInstructPix2PixPipeline:
            parts = {key: parts[key] for key in ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet", "scheduler")}
        if not self.xl:
            parts |= {"requires_safety_checker": False}
        else:
            parts |= {"add_watermarker": False}
        pipe = kind(**parts)
        pipe.set_progress_bar_config(disable=True)
        if adapter:
            pipe.load_ip_adapter(str(self.folder.path), subfolder="adapters", weight_name=f"{self.name}-{adapter}.safetensors", image_encoder_folder=None,
                                 local_files_only=True)
        return pipe

    def add(self, name, picture, size=None, mask=(90, 70), scheduler="ddim", guidance=7.5, image_guidance=None, adapter=None, scale=0.8, steps=6, seed=7,
            negative=NEGATIVE, eta=0.0, tiny=False, guided_steps=None):
        """`size`: width and height; None: the picture's own, as the instruct pipeline takes it. `tiny`: with AutoencoderTiny.
        `guided_steps`: guidance is off after so many."""
        pipe = self.open(adapter)
        if tiny:
            pipe.vae = AutoencoderTiny.from_pretrained(self.folder.path / "taesd").eval()
        pipe.scheduler = CLASSES[scheduler].from_config(pipe.scheduler.config)
        source = open_picture(picture)
        width, height = size or [side // pipe.vae_scale_factor * pipe.vae_scale_factor for side in source.size]
        call, rest, inputs = dict(eta=eta), {"image": f"images/{picture}.png"}, {}
        if self.inpaint:
            call |= dict(strength=1.0, width=width, height=height, mask_image=make_mask(*mask))
            inputs["mask"] = torch.from_numpy(numpy.array(call["mask_image"]))
        else:
            image_guidance = image_guidance or 1.5
            call["image_guidance_scale"] = rest["image_guidance"] = image_guidance
            if self.xl:
                call |= dict(width=width, height=height)
            elif size:
                source = source.resize(size, Image.LANCZOS)
        if tiny:
            rest["vae"] = "taesd"
        if guided_steps:
            rest["guidance_end"] = guided_steps / steps

            def unguided(pipe, step, _timestep, tensors):
                if step + 1 == guided_steps:
                    pipe._guidance_scale = 1.0
                    keep = slice(1, 2) if self.inpaint else slice(0, 1)  # of the batch, what follows the prompt
                    return {name: value if name == "latents" else value[keep] for name, value in tensors.items()}
                return tensors

            beside = ["mask", "masked_image_latents"] if self.inpaint else ["image_latents"]
            call |= dict(callback_on_step_end=unguided, callback_on_step_end_tensor_inputs=["latents", "prompt_embeds", *beside])
        branches = []
        if adapter:
            unets.set_scales(pipe.unet, [scale])
            call["ip_adapter_image"] = open_picture("square-64")
            branches.append({"file": f"adapters/{self.name}-{adapter}.safetensors", "scale": scale, "images": ["images/square-64.png"]})
        latents = pipe(prompt=PROMPT, negative_prompt=negative, image=source, num_inference_steps=steps, guidance_scale=guidance,
                       generator=torch.Generator().manual_seed(seed), output_type="latent", **call).images
        encoders = ["text_encoder"] + ["text_encoder_2"] * self.xl
        tokens = lambda text: {key: getattr(pipe, key.replace("text_encoder", "tokenizer"))(text, padding="max_length", max_length=16, truncation=True).input_ids
                               for key in encoders}
        self.folder.add("pipeline", f"{self.name}-{name}", inputs, {"latents": latents}, model=self.base, unet=self.name, prompt=PROMPT, negative_prompt=negative,
                        prompt_ids=tokens(PROMPT), negative_ids=None if negative is None else tokens(negative), scheduler=scheduler, sigmas="", steps=steps,
                        guidance=guidance, eta=eta, seed=seed, width=width, height=height, adapters=branches, **rest)
        pipe.unet.set_default_attn_processor()
        pipe.unet.encoder_hid_proj, pipe.unet.config.encoder_hid_dim_type = None, None
        return latents


def add_inpaint(model):
    small = dict(picture="wide-150x100", size=(64, 64))
    found = [model.add("guided", **small), model.add("plain", **small, guidance=1.0), model.add("euler_a", **small, scheduler="euler_a"),
             model.add("euler", "wide-150x100", (72, 40), scheduler="euler", mask=(72, 40)),
             model.add("base", **small, adapter="base"), model.add("base-plain", **small, adapter="base", guidance=1.0)]
    if not model.xl:
        found += [model.add("plus", "square-64", (64, 64), adapter="plus", mask=(64, 64)), model.add("tiny", **small, tiny=True),
                  model.add("interval", **small, guided_steps=3)]
    return found


def add_instruct(model):
    found = [model.add("guided", "square-64", (64, 64)), model.add("plain", "square-64", (64, 64), guidance=1.0),
             model.add("images", "square-64", (64, 64), image_guidance=2.5, scheduler="euler")]
    if model.xl:
        found.append(model.add("no-negative", "wide-150x100", (64, 48), negative=None))
    else:
        found += [model.add("own-size", "wide-150x100", scheduler="euler_a"), model.add("base", "square-64", (64, 64), adapter="base"),
                  model.add("plus", "square-64", (64, 64), adapter="plus"), model.add("base-plain", "square-64", (64, 64), adapter="base", guidance=1.0),
                  model.add("tiny", "square-64", (64, 64), tiny=True), model.add("interval", "square-64", (64, 64), guided_steps=3)]
    return found


@torch.no_grad()
def add_tiny(folder, seed):
    """Of AutoencoderTiny a picture gives the latents themselves."""
    generator = torch.Generator().manual_seed(seed)
    vae = AutoencoderTiny(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4, num_encoder_blocks=(1, 2, 1, 1),
                          num_decoder_blocks=(1, 1, 1, 1))
    vae = folder.save_network(weights.randomize(vae, generator), "taesd")
    for batch, height, width in ((1, 32, 32), (2, 24, 40), (1, 33, 47)):
        picture = torch.rand(batch, 3, height, width, generator=generator) * 2 - 1
        folder.add("vae", f"encode-{batch}x{height}x{width}", {"sample": picture}, {"latents": vae.encode(picture).latents})


def add_resizes(folder):
    """Pillow's Lanczos, as the image processor of diffusers asks for it; sizes for which Pillow 13 goes across first, as all before it did."""
    for name, size in (("wide-150x100", (64, 64)), ("wide-150x100", (144, 96)), ("wide-150x100", (40, 104)), ("square-64", (64, 96)), ("square-64", (200, 90)),
                       ("tall-75x131", (72, 128)), ("tall-75x131", (75, 40))):
        picture = open_picture(name)
        resized = torch.from_numpy(numpy.array(picture.resize(size, Image.LANCZOS)))
        grey = torch.from_numpy(numpy.array(picture.resize(size, Image.LANCZOS).convert("L")))
        folder.add("lanczos", f"{name}-to-{size[0]}x{size[1]}", {}, {"rgb": resized, "grey": grey}, image=f"images/{name}.png", width=size[0], height=size[1])


def make():
    folder = Folder("source-pictures", [
        "unet: the subfolder of this folder whose UNet takes the place of the model's own; model: the folder of the other parts",
        "inpaint: strength 1; mask u8 (h, w), white is repainted; the first draw of the seed are the initial latents, the second the sample of the masked picture's latents",
        "instruct: the picture is resized to width x height before the call, where that is not its own size rounded down to multiples of the VAE's scale"])
    add_tiny(folder, 970)
    for index, name in enumerate(PIPELINES):
        model = Model(folder, name, 950 + index)
        found = add_inpaint(model) if model.inpaint else add_instruct(model)
        for i, a in enumerate(found):
            for b in found[:i]:
                if a.shape == b.shape and torch.allclose(a, b, atol=1e-2):
                    raise ValueError(f"{name}: two cases give the same picture: something has no effect")
    add_resizes(folder)
    folder.close()
