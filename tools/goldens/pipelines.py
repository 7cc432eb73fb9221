"""Three small whole models (SD1.5, SDXL and SD2 in small) and what the pipelines of diffusers make of them."""
import shutil
from pathlib import Path

import diffusers
import torch
from PIL import Image

import networks
import pictures
import random_weights as weights
import unets
from store import ROOT, Folder, write_json

TOKENIZER = Path(__file__).resolve().parent / "small-tokenizer"  # 1252 tokens, context of 16
MEAN, DEVIATION = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
PROMPT, NEGATIVE = "a photo of a red cat on a blue background", "a small dog, yellow"

# As the published models ship them: what is not said here is left to each scheduler's own default.
SCHEDULERS = {
    "sd15": dict(_class_name="PNDMScheduler", _diffusers_version="0.6.0", beta_end=0.012, beta_schedule="scaled_linear", beta_start=0.00085,
                 num_train_timesteps=1000, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1, trained_betas=None, clip_sample=False),
    "sdxl": dict(_class_name="EulerDiscreteScheduler", _diffusers_version="0.19.0", beta_end=0.012, beta_schedule="scaled_linear",
                 beta_start=0.00085, clip_sample=False, interpolation_type="linear", num_train_timesteps=1000, prediction_type="epsilon",
                 sample_max_value=1.0, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1, timestep_spacing="leading",
                 trained_betas=None, use_karras_sigmas=False),
    "sd2": dict(_class_name="DDIMScheduler", _diffusers_version="0.8.0", beta_end=0.012, beta_schedule="scaled_linear", beta_start=0.00085,
                clip_sample=False, num_train_timesteps=1000, prediction_type="v_prediction", set_alpha_to_one=False, skip_prk_steps=True,
                steps_offset=1, trained_betas=None),
}
# of the UNets' random weights: with these, f32 stays within 1e-5 of f64 over twenty guided steps (with gains of 1 it is 4e-2)
GAINS = dict(attention_gain=1.2, branch_gain=0.7)
CLASSES = {"ddim": diffusers.DDIMScheduler, "pndm": diffusers.PNDMScheduler, "euler": diffusers.EulerDiscreteScheduler,
           "euler_a": diffusers.EulerAncestralDiscreteScheduler, "dpm++2m": diffusers.DPMSolverMultistepScheduler,
           "unipc": diffusers.UniPCMultistepScheduler, "lcm": diffusers.LCMScheduler}
VAES = {
    "sd15": dict(block_out_channels=(8, 16, 16, 16), layers_per_block=1, norm_num_groups=8, sample_size=64, scaling_factor=0.18215),
    "sdxl": dict(block_out_channels=(8, 16, 24), layers_per_block=2, norm_num_groups=8, sample_size=64, scaling_factor=0.13025,
                 force_upcast=True),
    "sd2": dict(block_out_channels=(8, 12, 16), layers_per_block=1, norm_num_groups=4, sample_size=32, scaling_factor=0.26640465967302435,
                use_quant_conv=False, use_post_quant_conv=False),
}


def write_index(folder, xl, scheduler=None):
    scheduler = scheduler or SCHEDULERS[folder.name]
    parts = {"image_encoder": "CLIPVisionModelWithProjection", "feature_extractor": "CLIPImageProcessor", "text_encoder": "CLIPTextModel",
             "tokenizer": "CLIPTokenizer"}
    if xl:
        parts |= {"text_encoder_2": "CLIPTextModelWithProjection", "tokenizer_2": "CLIPTokenizer"}
    index = {"_class_name": "StableDiffusionXLPipeline" if xl else "StableDiffusionPipeline", "_diffusers_version": "0.42.1"}
    index |= {"force_zeros_for_empty_prompt": True} if xl else {"requires_safety_checker": False, "safety_checker": [None, None]}
    index |= {name: ["transformers", kind] for name, kind in parts.items()}
    index |= {"scheduler": ["diffusers", scheduler["_class_name"]], "unet": ["diffusers", "UNet2DConditionModel"],
              "vae": ["diffusers", "AutoencoderKL"]}
    write_json(folder.path / "model_index.json", index)
    write_json(folder.path / "scheduler" / "scheduler_config.json", scheduler)
    write_json(folder.path / "feature_extractor" / "preprocessor_config.json", dict(
        image_processor_type="CLIPImageProcessor", crop_size=64, size=64, do_center_crop=True, do_convert_rgb=True, do_normalize=True,
        do_resize=True, resample=3, image_mean=MEAN, image_std=DEVIATION))


def copy_tokenizer(folder, name, pad, source=TOKENIZER, context=16):
    target = folder.path / name
    target.mkdir()
    for file in ("vocab.json", "merges.txt"):
        shutil.copyfile(source / file, target / file)
    special = dict(bos_token="<|startoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>", pad_token=pad)
    write_json(target / "special_tokens_map.json", special)
    write_json(target / "tokenizer_config.json",
               dict(tokenizer_class="CLIPTokenizer", model_max_length=context, do_lower_case=True, add_prefix_space=False, **special))


class Model:
    """One small model: its folder, its networks, its pipeline."""

    def __init__(self, name, unet, seed, cross, vision=None):
        self.folder, self.xl = Folder(name), name == "sdxl"
        self.unet = unets.build(self.folder, unet, seed, **GAINS)
        self.vae = networks.build_vae(self.folder, VAES[name], seed + 1)
        self.vision = networks.build_vision(self.folder, networks.vision_config(**(vision or {})), seed + 2)
        self.texts = {"text_encoder": networks.build_text(self.folder, networks.text_config(hidden_act="gelu" if name == "sd2" else "quick_gelu"),
                                                          seed + 3)}
        copy_tokenizer(self.folder, "tokenizer", "<|endoftext|>")
        if self.xl:
            second = networks.text_config(hidden_size=40, num_attention_heads=5, hidden_act="gelu", projection_dim=40)
            self.texts["text_encoder_2"] = networks.build_text(self.folder, second, seed + 4, True, "text_encoder_2")
            copy_tokenizer(self.folder, "tokenizer_2", "!")
        write_index(self.folder, self.xl)
        self.adapters = self.make_adapters(torch.Generator().manual_seed(seed + 5), cross)

    def make_adapters(self, generator, cross):
        hidden, embed = self.vision.config.hidden_size, self.vision.config.projection_dim
        positions = (self.vision.config.image_size // self.vision.config.patch_size) ** 2 + 1
        projections = {
            "base": (weights.base_projection(generator, embed, cross), (embed,)),
            "plus": (weights.resampler_projection(generator, hidden, cross, dim=32, heads=2 if self.xl else 1, tokens=8),
                     (positions, hidden)),
            "full": (weights.full_projection(generator, hidden, cross), (positions, hidden))}
        return {name: (self.folder.save_adapter(name, weights.adapter_file(projection, weights.adapter_attention(generator, self.unet))), shape)
                for name, (projection, shape) in projections.items()}

    def add_network_cases(self, seed):
        unets.add_cases(self.folder, self.unet, seed)
        unets.add_adapter_cases(self.folder, self.unet, self.adapters, seed + 1)
        networks.add_projection_cases(self.folder, self.adapters, seed + 2)
        for index, (name, model) in enumerate(self.texts.items()):
            networks.add_text_cases(self.folder, model, seed + 3 + index, name)
        networks.add_vision_cases(self.folder, self.vision, seed + 5, batch=1)
        networks.add_vae_cases(self.folder, self.vae, seed + 6, [(1, 32, 32), (2, 24, 40), (1, 33, 47)])

    def open_pipeline(self, adapters=()):
        """A fresh pipeline from the stored folder, in f32, with adapter files loaded by diffusers' own loader."""
        kind = diffusers.StableDiffusionXLPipeline if self.xl else diffusers.StableDiffusionPipeline
        extra = {"add_watermarker": False} if self.xl else {"safety_checker": None}
        self.pipe = kind.from_pretrained(self.folder.path, torch_dtype=torch.float32, local_files_only=True, feature_extractor=pictures.processor(64), **extra)
        self.pipe.set_progress_bar_config(disable=True)
        self.stored_scheduler, self.loaded = self.pipe.scheduler.config, list(adapters)
        if adapters:
            self.pipe.load_ip_adapter(str(self.folder.path), subfolder="adapters", weight_name=[f"{name}.safetensors" for name in adapters],
                                      image_encoder_folder=None, local_files_only=True)
        return self

    def token_ids(self, text):
        return {name: getattr(self.pipe, name.replace("text_encoder", "tokenizer"))(
            text, padding="max_length", max_length=16, truncation=True).input_ids for name in self.texts}

    def add(self, name, scheduler="ddim", karras=False, steps=20, guidance=7.5, seed=7, width=64, height=64, images=None, embeds=None, scales=(),
            prompt=PROMPT, negative=NEGATIVE, image=True, eta=0.0):
        """Runs one call. images: one list of picture names per adapter; embeds: one [negative, positive] pair per adapter."""
        changes = {"use_karras_sigmas": True} if karras else {}
        self.pipe.scheduler = CLASSES[scheduler].from_config(self.stored_scheduler, **changes)
        if self.loaded:
            unets.set_scales(self.pipe.unet, scales)
        call = dict(prompt=prompt, negative_prompt=negative, num_inference_steps=steps, guidance_scale=guidance, width=width, height=height, eta=eta)
        inputs, branches = {}, []
        for index, adapter in enumerate(self.loaded):
            branch = {"file": f"adapters/{adapter}.safetensors", "scale": scales[index]}
            if images:
                branch["images"] = [f"images/{picture}.png" for picture in images[index]]
            else:
                inputs[f"image_embeds.{index}"] = embeds[index][1]
                branch["embeds"] = f"image_embeds.{index}"
            branches.append(branch)
        if images:
            call["ip_adapter_image"] = [[Image.open(ROOT / "images" / f"{picture}.png").convert("RGB") for picture in group] for group in images]
        elif embeds:
            call["ip_adapter_image_embeds"] = [torch.cat([zero[None], one[None]]) if guidance > 1 else one[None] for zero, one in embeds]
        latents = self.pipe(generator=torch.Generator().manual_seed(seed), output_type="latent", **call).images
        outputs = {"latents": latents}
        if image:
            with torch.no_grad():
                decoded = self.pipe.vae.decode(latents / self.pipe.vae.config.scaling_factor).sample
            outputs["image"] = ((decoded[0].permute(1, 2, 0) / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        self.folder.add("pipeline", name, inputs, outputs, prompt=prompt, prompt_ids=self.token_ids(prompt), negative_prompt=negative,
                        negative_ids=None if negative is None and self.xl else self.token_ids(negative or ""), scheduler=scheduler,
                        sigmas="karras" if karras else "", steps=steps, guidance=guidance, eta=eta, seed=seed, width=width, height=height,
                        prediction_type=self.stored_scheduler.get("prediction_type", "epsilon"), adapters=branches)
        return latents

    @torch.no_grad()
    def negative_features(self, variant, count):
        """Image features of `count` pictures for the unconditional half, after the published rule; checked against the pipeline."""
        pixels = self.pipe.feature_extractor(Image.open(ROOT / "images" / "square-64.png"), return_tensors="pt").pixel_values
        found = self.pipe.encode_image(pixels, "cpu", 1, output_hidden_states=variant != "base")[1]
        if variant == "base":
            expected = torch.zeros(1, self.vision.config.projection_dim)
        else:
            expected = self.pipe.image_encoder(torch.zeros(1, 3, 64, 64), output_hidden_states=True).hidden_states[-2]
        if not torch.equal(found, expected):
            raise ValueError(f"{variant}: diffusers gives the unconditional half other image features than assumed")
        return expected.repeat(count, *[1] * (expected.ndim - 1))

    @torch.no_grad()
    def features(self, variant, names):
        pixels = self.pipe.feature_extractor([Image.open(ROOT / "images" / f"{name}.png") for name in names], return_tensors="pt").pixel_values
        return self.pipe.encode_image(pixels, "cpu", 1, output_hidden_states=variant != "base")[0]


NOTES = ["unconditional half, base adapter: a zero vector takes the place of image_embeds and goes through the projection (checked)",
         "unconditional half, plus and full adapters: the encoder's penultimate hidden states of all-zero pixel_values, that is zeros after "
         "normalisation, go through the projection (checked)",
         "image_embeds of a pipeline case are the conditional half only, (pictures, ...); the unconditional half follows from the two rules above",
         "image: u8, height x width x 3; latents as they leave the last step, before division by scaling_factor",
         "seed: torch CPU generator; first draw are the initial latents (1, 4, height/scale, width/scale)"]


def add_samplers(model):
    for scheduler, karras in (("ddim", 0), ("pndm", 0), ("euler", 0), ("euler", 1), ("euler_a", 0), ("dpm++2m", 0), ("dpm++2m", 1), ("unipc", 0)):
        for guidance in (7.5, 1.0):
            model.add(f"{scheduler}{'-karras' if karras else ''}-guidance{guidance:g}", scheduler, bool(karras), guidance=guidance,
                      image=guidance > 1 and scheduler in ("ddim", "euler_a"))
        model.add(f"{scheduler}{'-karras' if karras else ''}-4steps", scheduler, bool(karras), steps=4, guidance=5.0, seed=11, image=False)
    for steps, guidance in ((4, 1.0), (4, 2.0), (8, 1.5)):
        model.add(f"lcm-{steps}steps-guidance{guidance:g}", "lcm", steps=steps, guidance=guidance, image=False)


def add_pictures(model, variants=("base", "plus", "full"), size=(64, 64)):
    """Each variant with a picture at the encoder's size and a larger one that is not square; the same picture as embeddings; several pictures."""
    width, height = size
    for variant in variants:
        model.open_pipeline([variant])
        for short, name in (("square", "square-64"), ("wide", "wide-150x100")):
            by_image = model.add(f"{variant}-{short}", images=[[name]], scales=[0.8], width=width, height=height)
            pair = (model.negative_features(variant, 1), model.features(variant, [name]))
            by_embeds = model.add(f"{variant}-{short}-embeds", embeds=[pair], scales=[0.8], width=width, height=height, image=False)
            if not torch.equal(by_image, by_embeds):
                raise ValueError(f"{variant}: picture and embeddings do not give the same latents")
        model.add(f"{variant}-guidance1", images=[["wide-150x100"]], scales=[1.0], guidance=1.0, width=width, height=height, image=False)
        model.add(f"{variant}-two-pictures", images=[["square-64", "tall-75x131"]], scales=[0.6], width=width, height=height, steps=4, image=False)
    model.open_pipeline(["base", "plus"])
    model.add("base+plus", images=[["square-64"], ["wide-150x100", "tall-75x131"]], scales=[0.5, 0.9], width=width, height=height, steps=4)


def make():
    sd15 = Model("sd15", unets.SD15, 600, cross=32)
    sd15.folder.notes += NOTES
    sd15.add_network_cases(610)
    sd15.open_pipeline()
    add_samplers(sd15)
    sd15.add("odd-size", "pndm", width=104, height=72, seed=3)
    sd15.add("no-negative", "ddim", steps=4, negative=None, image=False)
    sd15.add("empty-prompt", "ddim", steps=4, prompt="", negative="", image=False)
    sd15.add("long-prompt", "ddim", steps=4, prompt="a big red cat, a small blue dog, a green tree, a yellow house, a white bird", image=False)
    sd15.add("eta", "ddim", steps=10, eta=0.7, image=False)
    add_pictures(sd15)
    sd15.open_pipeline(["base"])
    sd15.add("base-euler_a", "euler_a", images=[["wide-150x100"]], scales=[1.0], image=False)
    off = sd15.add("base-scale0", images=[["wide-150x100"]], scales=[0.0], image=False)
    if not torch.equal(off, sd15.folder.tensors["pipeline.ddim-guidance7.5.out.latents"]):
        raise ValueError("scale 0 does not give the latents of no adapter")
    sd15.folder.close()

    sdxl = Model("sdxl", unets.SDXL, 700, cross=72, vision=dict(hidden_size=40, num_attention_heads=2, projection_dim=28))
    sdxl.folder.notes += NOTES + ["negative_prompt null: zero embeddings and zero pooled embedding, as force_zeros_for_empty_prompt says",
                                  "time_ids: (height, width, 0, 0, height, width) for both halves"]
    sdxl.add_network_cases(710)
    sdxl.open_pipeline()
    for scheduler in ("euler", "dpm++2m", "unipc", "ddim", "euler_a"):
        sdxl.add(f"{scheduler}-negative", scheduler, image=scheduler == "euler")
    sdxl.add("euler-no-negative", "euler", negative=None, image=False)
    sdxl.add("euler-empty-negative", "euler", negative="", image=False)
    sdxl.add("euler-guidance1", "euler", guidance=1.0, negative=None, image=False)
    sdxl.add("odd-size", "euler", width=56, height=72, seed=3)
    add_pictures(sdxl)
    sdxl.open_pipeline(["plus"])
    sdxl.add("plus-no-negative", "euler", negative=None, images=[["wide-150x100"]], scales=[1.0], image=False)
    sdxl.folder.close()

    sd2 = Model("sd2", unets.SD2, 800, cross=32)
    sd2.folder.notes += NOTES
    sd2.add_network_cases(810)
    sd2.open_pipeline()
    add_samplers(sd2)
    add_pictures(sd2, ("base", "plus"), (48, 32))
    sd2.folder.close()
