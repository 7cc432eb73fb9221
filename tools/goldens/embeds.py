"""Image embeddings as others save and combine them, for test/embeds.test.ts. Needs the models that make.py writes.

    python tools/goldens/embeds.py

Writes test/golden/embeds/: diffusers-*.ipadpt (what prepare_ip_adapter_image_embeds() returns, by torch.save, for one and two adapters, with
and without guidance), comfy-*.ipadpt (a tensor by itself, as ComfyUI_IPAdapter_plus saves it, in both forms of torch.save and in f16), and
golden.safetensors: the encoder's output for the same pictures, their combinations by torch, and latents that diffusers makes of some.
"""
import shutil

import diffusers
import numpy
import torch
from PIL import Image
from safetensors.torch import save_file

import pictures
from store import ROOT

FOLDER, MODEL = ROOT / "embeds", ROOT / "models" / "sd15"
NAMES = ["square-64", "wide-150x100"]
CALL = dict(prompt="a photo of a red cat", negative_prompt="", num_inference_steps=6, guidance_scale=5.0, width=64, height=64, output_type="latent")
WEIGHTS = [0.7, 1.6]


def open_pipeline(*adapters):
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(MODEL, torch_dtype=torch.float32, local_files_only=True, safety_checker=None,
                                                             feature_extractor=pictures.processor(64))
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = diffusers.DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.load_ip_adapter(str(MODEL), subfolder="adapters", weight_name=[f"{name}.safetensors" for name in adapters],
                         image_encoder_folder=None, local_files_only=True)
    pipe.set_ip_adapter_scale([0.8] * len(adapters))
    return pipe


def save(name, value, zipped=True):
    torch.save(value, FOLDER / f"{name}.ipadpt", _use_new_zipfile_serialization=zipped)


def combined(x, w):
    """The combinations of ComfyUI_IPAdapter_plus, in double precision; a weight multiplies a picture first, as in its encoder node."""
    x = x.double()
    scaled = x * torch.tensor(w, dtype=torch.float64).reshape(-1, *[1] * (x.ndim - 1))
    return {
        "concat": scaled,
        "average": torch.from_numpy(numpy.average(x.numpy(), axis=0, weights=w))[None],
        "add": scaled.sum(dim=0, keepdim=True),
        "subtract": (scaled[0] - scaled[1:].mean(dim=0))[None],
        "norm average": (scaled / torch.norm(scaled, dim=0, keepdim=True)).mean(dim=0, keepdim=True),
    }


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    images = [Image.open(ROOT / "images" / f"{name}.png").convert("RGB") for name in NAMES]
    prepare = lambda pipe, pictures, count=1, guided=True: pipe.prepare_ip_adapter_image_embeds(pictures, None, "cpu", count, guided)
    tensors, features = {}, {}
    for adapter in ("base", "plus"):
        pipe = open_pipeline(adapter)
        features[adapter] = both = pipe.encode_image(images, "cpu", 1, output_hidden_states=adapter != "base")[0]
        tensors[adapter] = both
        save(f"diffusers-{adapter}", prepare(pipe, [images]))
        save(f"comfy-{adapter}", both)
        third = pipe.encode_image(Image.open(ROOT / "images" / "tall-75x131.png").convert("RGB"), "cpu", 1, output_hidden_states=adapter != "base")[0]
        tensors[f"{adapter}.third"] = third
        for weights, name in (([1.0] * 3, "plain"), (WEIGHTS + [-0.25], "weighted")):
            for how, value in combined(torch.cat([both, third]), weights).items():
                tensors[f"{adapter}.{name}.{how}"] = value.float()
        latents = lambda embeds: pipe(ip_adapter_image_embeds=embeds, generator=torch.Generator().manual_seed(4), **CALL).images
        zeros = prepare(pipe, [images[:1]])[0][:1]
        tensors[f"{adapter}.latents.two"] = latents(prepare(pipe, [images]))
        for how in ("average", "subtract"):
            tensors[f"{adapter}.latents.{how}"] = latents([torch.cat([zeros, combined(both, [1.0, 1.0])[how].float()[None]])])
        if adapter == "base":
            # InstantStyle's: less the embedding of what is not wanted, times a scale.
            content = torch.randn(1, both.shape[1], generator=torch.Generator().manual_seed(5))
            tensors["content"], tensors["content.subtracted"] = content, both[:1] - 0.5 * content
    save("diffusers-base-legacy", prepare(open_pipeline("base"), [images]), zipped=False)
    save("diffusers-base-no-guidance-three", prepare(open_pipeline("base"), [images], 3, False))
    save("diffusers-base-three", prepare(open_pipeline("base"), [images], 3))
    save("diffusers-base+plus", prepare(open_pipeline("base", "plus"), [images, images]))
    save("comfy-base-legacy", features["base"], zipped=False)
    save("comfy-base-half", features["base"].half())
    tensors["base.half"] = features["base"].half().float()
    save_file({key: value.contiguous() for key, value in tensors.items()}, FOLDER / "golden.safetensors")
    (FOLDER / "golden.safetensors").chmod(0o644)


if __name__ == "__main__":
    main()
