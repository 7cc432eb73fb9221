"""A ControlNet for Stable Diffusion 2 in a whole call: linear projections, other numbers of heads a level, and a model that predicts velocities.

    python tools/goldens/control_sd2.py

Writes test/golden/control-sd2/: a UNet for models/sd2 and a ControlNet of it (f16), latents.safetensors and index.json. Needs the models that make.py writes.
"""
import shutil

import diffusers
import torch
from safetensors.torch import save_file

import random_weights as weights
import unets
from pipelines import CLASSES, GAINS, NEGATIVE, PROMPT
from source_pictures import open_picture
from store import ROOT, VERSIONS, clean_config, write_json

FOLDER = ROOT / "control-sd2"
SD2 = dict(block_out_channels=(8, 8), layers_per_block=1, cross_attention_dim=32, attention_head_dim=(2, 4), norm_num_groups=4, use_linear_projection=True,
           down_block_types=(unets.CROSS_DOWN, unets.DOWN))
STEPS, GUIDANCE, SEED, SCALE = 6, 7.5, 7, 0.8
CASES = [dict(scheduler="ddim"), dict(scheduler="euler", start=0.2, end=0.7), dict(scheduler="ddim", guess=True, guidance=4.0)]


def save(network, name):
    network.half().save_pretrained(FOLDER / name, safe_serialization=True)
    clean_config(FOLDER / name / "config.json")
    return network.float().eval()


def main():
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    generator = torch.Generator().manual_seed(1300)
    unet = diffusers.UNet2DConditionModel(**SD2, sample_size=8, up_block_types=(unets.UP, unets.CROSS_UP))
    unet = save(weights.randomize(unet, generator, **GAINS), "unet")
    net = save(weights.randomize(diffusers.ControlNetModel(**SD2, conditioning_embedding_out_channels=(4, 8, 8)), generator, **GAINS), "net")
    parts = diffusers.StableDiffusionPipeline.from_pretrained(ROOT / "models/sd2", torch_dtype=torch.float32, local_files_only=True, unet=unet, safety_checker=None).components
    pipe = diffusers.StableDiffusionControlNetPipeline(**parts, controlnet=net, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    scheduler, tensors = pipe.scheduler.config, {}
    for index, case in enumerate(CASES):
        pipe.scheduler = CLASSES[case["scheduler"]].from_config(scheduler)
        tensors[str(index)] = pipe(prompt=PROMPT, negative_prompt=NEGATIVE, image=open_picture("wide-150x100"), width=64, height=64, num_inference_steps=STEPS,
                                   guidance_scale=case.get("guidance", GUIDANCE), controlnet_conditioning_scale=SCALE, control_guidance_start=case.get("start", 0.0),
                                   control_guidance_end=case.get("end", 1.0), guess_mode=case.get("guess", False), output_type="latent",
                                   generator=torch.Generator().manual_seed(SEED)).images[0].contiguous()
    if torch.allclose(tensors["0"], tensors["2"], atol=1e-2):
        raise ValueError("guess mode has no effect")
    save_file(tensors, FOLDER / "latents.safetensors")
    versions = {key: VERSIONS[key] for key in ("torch", "diffusers")}
    write_json(FOLDER / "index.json", dict(versions=versions, prompt=PROMPT, negative=NEGATIVE, steps=STEPS, guidance=GUIDANCE, seed=SEED, scale=SCALE, cases=CASES))
    for file in FOLDER.rglob("*"):
        if file.is_file():
            file.chmod(0o644)


if __name__ == "__main__":
    with torch.no_grad():
        main()
