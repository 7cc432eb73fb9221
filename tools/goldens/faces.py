"""FaceID adapters, and what diffusers makes of the small models with them: test/golden/models/faces.

    python tools/goldens/faces.py

Needs peft 0.21.2 beside the packages of make.py: diffusers gives the LoRA inside such a file to it. Reads the models that make.py writes.
Faces here have 16 numbers, not 512, but for portrait "unnorm", which is recognised by them.
"""
import diffusers
import torch
from PIL import Image

import pictures
import random_weights as weights
import unets
from pipelines import CLASSES, NEGATIVE, PROMPT
from store import ROOT, Folder

FACE, TOKENS, RANK = 16, 4, 4


def face_projection(generator, cross, tokens=TOKENS):
    """An MLP and a norm over a face embedding; its inner width is twice the input's, as the loader of diffusers takes it."""
    return {"proj.0.weight": weights.linear(2 * FACE, FACE, generator, 3.0), "proj.0.bias": torch.randn(2 * FACE, generator=generator) * 0.1,
            "proj.2.weight": weights.linear(tokens * cross, 2 * FACE, generator), "proj.2.bias": torch.randn(tokens * cross, generator=generator) * 0.1,
            **weights.norm("norm", cross, generator)}


def plus_projection(generator, cross, hidden):
    resampler = weights.resampler_projection(generator, hidden, cross, dim=cross, heads=max(1, cross // 64))
    del resampler["latents"]
    return {**face_projection(generator, cross), **{f"perceiver_resampler.{name}": value for name, value in resampler.items()}}


def lora(generator, unet):
    """Of rank 4 on the four projections of every attention layer, self-attention too."""
    state = {}
    for index, name in enumerate(unet.attn_processors):
        attention = unet.get_submodule(name.removesuffix(".processor"))
        for projection, layer in (("to_q", attention.to_q), ("to_k", attention.to_k), ("to_v", attention.to_v), ("to_out", attention.to_out[0])):
            rows, columns = layer.weight.shape
            state[f"{index}.{projection}_lora.down.weight"] = weights.linear(RANK, columns, generator)
            state[f"{index}.{projection}_lora.up.weight"] = weights.linear(rows, RANK, generator, 0.5)
    return state


class Model:
    def __init__(self, folder, name, seed):
        self.folder, self.name, self.xl = folder, name, name == "sdxl"
        pipe = self.open()
        generator = torch.Generator().manual_seed(seed)
        cross, hidden = pipe.unet.config.cross_attention_dim, pipe.image_encoder.config.hidden_size
        unnormalised = weights.resampler_projection(generator, 512, cross, dim=32, heads=1, tokens=8)
        for variant, projection, has_lora in (
                ("faceid", face_projection(generator, cross), True), ("plus", plus_projection(generator, cross, hidden), True),
                ("portrait", face_projection(generator, cross, 8), False), ("unnorm", unnormalised, False)):
            attention = weights.adapter_attention(generator, pipe.unet) | (lora(generator, pipe.unet) if has_lora else {})
            folder.save_adapter(f"{name}-{variant}", weights.adapter_file(projection, attention))

    def open(self, adapters=()):
        kind = diffusers.StableDiffusionXLPipeline if self.xl else diffusers.StableDiffusionPipeline
        extra = {"add_watermarker": False} if self.xl else {"safety_checker": None}
        pipe = kind.from_pretrained(ROOT / "models" / self.name, torch_dtype=torch.float32, local_files_only=True,
                                    feature_extractor=pictures.processor(64), **extra)
        pipe.set_progress_bar_config(disable=True)
        if adapters:
            pipe.load_ip_adapter(str(self.folder.path), subfolder="adapters", weight_name=[f"{self.name}-{adapter}.safetensors" for adapter in adapters],
                                 image_encoder_folder=None, local_files_only=True)
        return pipe

    @torch.no_grad()
    def hidden_states(self, pipe, picture):
        """[no picture, the picture], as the published rule has it for adapters that read hidden states."""
        pixels = pipe.feature_extractor(Image.open(ROOT / "images" / f"{picture}.png").convert("RGB"), return_tensors="pt").pixel_values
        both = torch.cat([torch.zeros_like(pixels), pixels])
        return pipe.image_encoder(both, output_hidden_states=True).hidden_states[-2]

    def add(self, name, adapters, scales, guidance=5.0, steps=6, picture=None, shortcut=False, structure=1.0, scheduler="ddim"):
        """adapters: (file, faces) pairs; `picture` goes to those that read one too."""
        pipe = self.open([adapter for adapter, _ in adapters])
        pipe.scheduler = CLASSES[scheduler].from_config(pipe.scheduler.config)
        unets.set_scales(pipe.unet, scales)
        inputs, embeds, branches = {}, [], []
        for index, (adapter, faces) in enumerate(adapters):
            inputs[f"faces.{index}"] = faces
            embeds.append(torch.stack([torch.zeros_like(faces), faces]) if guidance > 1 else faces[None])
            branch = {"file": f"adapters/{self.name}-{adapter}.safetensors", "scale": scales[index], "faces": f"faces.{index}"}
            if adapter == "unnorm":
                embeds[-1] = embeds[-1][:, :, None]  # a face is the one hidden state of a picture
            if adapter == "plus":
                states = self.hidden_states(pipe, picture)
                projection = pipe.unet.encoder_hid_proj.image_projection_layers[index]
                projection.clip_embeds = (states if guidance > 1 else states[1:])[:, None]
                projection.shortcut, projection.shortcut_scale = shortcut, structure
                branch |= {"picture": f"images/{picture}.png", "shortcut": shortcut, "structure": structure}
            branches.append(branch)
        size = dict(width=64, height=64)
        latents = pipe(prompt=PROMPT, negative_prompt=NEGATIVE, num_inference_steps=steps, guidance_scale=guidance, ip_adapter_image_embeds=embeds,
                       generator=torch.Generator().manual_seed(7), output_type="latent", **size).images
        ids = {encoder: getattr(pipe, encoder.replace("text_encoder", "tokenizer")) for encoder in ["text_encoder"] + ["text_encoder_2"] * self.xl}
        tokens = lambda text: {key: tokenizer(text, padding="max_length", max_length=16, truncation=True).input_ids for key, tokenizer in ids.items()}
        self.folder.add("pipeline", f"{self.name}-{name}", inputs, {"latents": latents}, model=self.name, prompt_ids=tokens(PROMPT),
                        negative_ids=tokens(NEGATIVE), scheduler=scheduler, sigmas="", steps=steps, guidance=guidance, eta=0.0, seed=7, adapters=branches, **size)
        return latents


def normed(generator, count, size=FACE):
    faces = torch.randn(count, size, generator=generator)
    return faces / faces.norm(dim=-1, keepdim=True)


def add_cases(model, generator):
    one, two = normed(generator, 1), normed(generator, 2)
    found = [model.add("faceid", [("faceid", one)], [0.8]),
             model.add("faceid-two-faces", [("faceid", two)], [0.7]),
             model.add("faceid-guidance1", [("faceid", one)], [1.0], guidance=1.0),
             model.add("plus", [("plus", one)], [0.8], picture="square-64"),
             model.add("plusv2", [("plus", one)], [0.8], picture="square-64", shortcut=True),
             model.add("plusv2-structure", [("plus", one)], [0.8], picture="wide-150x100", shortcut=True, structure=0.6),
             model.add("portrait", [("portrait", two)], [0.8]),
             model.add("unnorm", [("unnorm", torch.randn(2, 512, generator=generator) * 4)], [0.8])]
    for i, a in enumerate(found):
        for b in found[:i]:
            if torch.allclose(a, b, atol=1e-2):
                raise ValueError("two cases give the same picture: something has no effect")
    model.add("two-adapters", [("portrait", one), ("unnorm", torch.randn(1, 512, generator=generator) * 4)], [0.5, 0.6])


def make():
    folder = Folder("faces", ["faces: (faces, numbers); the unconditional half has zeros in their place, and the hidden states of all-zero pixel values in place of "
                              "the picture's", "the LoRA inside a file is applied once, with weight 1, as diffusers does on loading it"])
    generator = torch.Generator().manual_seed(900)
    for seed, name in ((910, "sd15"), (920, "sdxl")):
        add_cases(Model(folder, name, seed), generator)
    folder.close()


if __name__ == "__main__":
    torch.set_num_threads(1)
    make()
