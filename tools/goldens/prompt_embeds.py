"""Text features in place of prompts: what diffusers makes of prompt_embeds and their kin, for test/prompt-embeds.test.ts.

    python tools/goldens/prompt_embeds.py

Writes test/golden/prompt-embeds.safetensors and .json. Needs the models that make.py writes.
"""
import torch
from safetensors.torch import save_file

import unets
from pipelines import NEGATIVE, PROMPT
from schedulers import build
from second_pass import open_pipeline
from source_pictures import open_picture
from store import ROOT, VERSIONS, write_json

STEPS, GUIDANCE, SEED = 5, 5.0, 7
OTHER = "a dog in the rain"
# given: which features are passed; chunks: how many times as long as an encoder reads; text: the negative prompt as text beside them.
CASES = [
    dict(model="sd15", given=["prompt", "negative"], chunks=1),
    dict(model="sd15", given=["prompt", "negative"], chunks=2),
    dict(model="sd15", given=["prompt"], chunks=1, text=True),
    dict(model="sd15", given=["prompt"], chunks=1, guidance=1.0),
    dict(model="sd15", given=["prompt", "negative"], chunks=1, adapter=True),
    dict(model="sdxl", given=["prompt", "negative", "pooled", "negativePooled"], chunks=1),
    dict(model="sdxl", given=["prompt", "negative", "pooled", "negativePooled"], chunks=2),
    dict(model="sdxl", given=["prompt", "pooled"], chunks=1),
]
NAMES = {"prompt": "prompt_embeds", "negative": "negative_prompt_embeds", "pooled": "pooled_prompt_embeds", "negativePooled": "negative_pooled_prompt_embeds"}


def features(pipe, model, chunks):
    """Half of one prompt and half of another, so that no text gives the same; of two chunks the second has another share."""
    found = {}
    for text, share in ((PROMPT, 0.5), (OTHER, 0.5)):
        made = pipe.encode_prompt(text, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True, negative_prompt=NEGATIVE)
        for name, value in zip(("prompt", "negative", "pooled", "negativePooled"), made):
            found[name] = found.get(name, 0) + share * value
    # The negative prompt is the same in both: it is moved a little, away from what its text gives.
    found["negative"] = found["negative"] * 0.9
    if chunks == 2:
        for name in ("prompt", "negative"):
            found[name] = torch.cat([found[name], 0.7 * found[name].flip(1)], 1)
    return found


def sample(model, given, chunks, text=False, guidance=GUIDANCE, adapter=False):
    pipe = open_pipeline(model)
    pipe.scheduler, timesteps = build("ddim", pipe.scheduler.config, STEPS, "")
    embeds = {name: value for name, value in features(pipe, model, chunks).items() if name in given}
    call = {NAMES[name]: value for name, value in embeds.items()}
    if text:
        call["negative_prompt"] = NEGATIVE
    if adapter:
        pipe.load_ip_adapter(str(ROOT / "models" / model), subfolder="adapters", weight_name="base.safetensors", image_encoder_folder=None, local_files_only=True)
        unets.set_scales(pipe.unet, [0.8])
        call["ip_adapter_image"] = open_picture("square-64")
    latents = pipe(width=64, height=64, guidance_scale=guidance, generator=torch.Generator().manual_seed(SEED), output_type="latent", **call, **timesteps).images[0]
    return embeds, latents


def main():
    torch.set_num_threads(1)
    tensors = {}
    for i, case in enumerate(CASES):
        embeds, latents = sample(**case)
        tensors |= {f"{i}.{name}": value[0] for name, value in embeds.items()} | {f"{i}.latents": latents}
    file = ROOT / "prompt-embeds.safetensors"
    save_file({key: value.contiguous() for key, value in tensors.items()}, file)
    file.chmod(0o644)
    versions = {key: VERSIONS[key] for key in ("torch", "diffusers")}
    write_json(ROOT / "prompt-embeds.json", dict(versions=versions, negative=NEGATIVE, seed=SEED, steps=STEPS, guidance=GUIDANCE, cases=CASES))


if __name__ == "__main__":
    with torch.no_grad():
        main()
