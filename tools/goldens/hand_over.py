"""Clip skip, SDXL's size conditions, and a base model that hands over to a refiner, as diffusers does them: test/golden/hand-over.{json,safetensors}
and the refiner's UNet in test/golden/models/sdxl-refiner.

    python tools/goldens/hand_over.py

Reads the models that make.py writes. The refiner's other parts are those of models/sdxl, without its first text encoder.
"""
import diffusers
import torch
from safetensors.torch import save_file

import unets
from pipelines import GAINS, NEGATIVE, PROMPT
from schedulers import build
from store import ROOT, VERSIONS, Folder, write_json

DOWN, CROSS_DOWN, UP, CROSS_UP = "DownBlock2D", "CrossAttnDownBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"
REFINER = dict(sample_size=16, block_out_channels=(8, 16, 16, 16), layers_per_block=1, cross_attention_dim=40, attention_head_dim=(1, 2, 2, 2),
               norm_num_groups=8, transformer_layers_per_block=2, use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
               projection_class_embeddings_input_dim=40 + 5 * 8, down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN, DOWN),
               up_block_types=(UP, CROSS_UP, CROSS_UP, UP))
SIZE = dict(width=64, height=64)


def make_refiner(config=REFINER):
    folder = Folder("sdxl-refiner")
    unet = unets.build(folder, config, 950, **GAINS)
    write_json(folder.path / "model_index.json", {
        "_class_name": "StableDiffusionXLImg2ImgPipeline", "_diffusers_version": "0.42.1", "force_zeros_for_empty_prompt": False,
        "requires_aesthetics_score": True, "scheduler": ["diffusers", "EulerDiscreteScheduler"], "text_encoder": [None, None],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"], "tokenizer": [None, None], "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]})
    return unet


def open_base(name):
    kind, extra = ((diffusers.StableDiffusionXLPipeline, dict(add_watermarker=False)) if name == "sdxl" else
                   (diffusers.StableDiffusionPipeline, dict(safety_checker=None)))
    pipe = kind.from_pretrained(ROOT / "models" / name, torch_dtype=torch.float32, local_files_only=True, image_encoder=None, feature_extractor=None, **extra)
    pipe.set_progress_bar_config(disable=True)
    # Where diffusers looks for the final norm; in this version of transformers the encoder is its own text model.
    if not hasattr(pipe.text_encoder, "text_model"):
        pipe.text_encoder.__dict__["text_model"] = pipe.text_encoder
    return pipe


def open_refiner(base, unet):
    pipe = diffusers.StableDiffusionXLImg2ImgPipeline(
        vae=base.vae, text_encoder=None, text_encoder_2=base.text_encoder_2, tokenizer=None, tokenizer_2=base.tokenizer_2, unet=unet,
        scheduler=base.scheduler, requires_aesthetics_score=True, force_zeros_for_empty_prompt=False, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def run(pipe, scheduler, seed=7, **call):
    pipe.scheduler, _ = build(scheduler, pipe.scheduler.config, call["num_inference_steps"])
    if scheduler == "tcd":
        call["eta"] = 0.3
    return pipe(generator=torch.Generator().manual_seed(seed), output_type="latent", **call).images


def main():
    torch.set_num_threads(1)
    tensors, cases = {}, []

    def add(name, latents, **case):
        tensors[name] = latents.detach().contiguous().clone()
        cases.append({"name": name, **case})

    prompts = dict(prompt=PROMPT, negative_prompt=NEGATIVE)
    for name in ("sd15", "sd2", "sdxl"):
        pipe = open_base(name)
        for skip in (0, 1, 2):
            latents = run(pipe, "ddim", num_inference_steps=4, guidance_scale=5.0, clip_skip=skip or None, **prompts, **SIZE)
            add(f"{name}-skip{skip}", latents, kind="clip-skip", model=name, clipSkip=skip)

    base = open_base("sdxl")
    sizes = dict(original_size=(40, 96), target_size=(80, 48), crops_coords_top_left=(8, 24))
    add("sizes", run(base, "euler", num_inference_steps=4, guidance_scale=5.0, **prompts, **SIZE, **sizes), kind="sizes", model="sdxl",
        originalSize=[96, 40], targetSize=[48, 80], cropOffset=[24, 8])

    refiner = open_refiner(base, make_refiner())
    for scheduler, steps, share in (("ddim", 10, 0.6), ("euler", 10, 0.6), ("euler", 7, 0.8), ("euler_a", 10, 0.5), ("dpm++2m", 10, 0.6), ("unipc", 10, 0.7),
                                    ("lcm", 8, 0.5), ("heun", 10, 0.6), ("dpm2", 8, 0.5), ("dpm2_a", 9, 0.7), ("deis", 10, 0.6), ("dpm++2m_sde", 10, 0.6), ("dpm++3m_sde", 10, 0.4),
                                    ("tcd", 8, 0.5)):  # not pndm and lms, which diffusers gives wrong weights when they begin late
        call = dict(num_inference_steps=steps, guidance_scale=5.0, **prompts)
        ended = run(base, scheduler, denoising_end=share, **call, **SIZE)
        add(f"{scheduler}-{steps}-{share:g}-base", ended, kind="base", scheduler=scheduler, steps=steps, share=share)
        add(f"{scheduler}-{steps}-{share:g}-refined", run(refiner, scheduler, seed=9, image=ended, denoising_start=share, **call), kind="refined",
            scheduler=scheduler, steps=steps, share=share)
    add("scores", run(refiner, "ddim", seed=9, image=tensors["ddim-10-0.6-base"], denoising_start=0.6, aesthetic_score=3.0, negative_aesthetic_score=7.5,
                      num_inference_steps=10, guidance_scale=5.0, **prompts), kind="scores", aestheticScore=3.0, negativeAestheticScore=7.5)
    save_file({key: tensors[key] for key in sorted(tensors)}, ROOT / "hand-over.safetensors")
    write_json(ROOT / "hand-over.json", {"versions": VERSIONS, "prompt": PROMPT, "negative": NEGATIVE, "guidance": 5.0, "seed": 7, "refinerSeed": 9, "cases": cases})


if __name__ == "__main__":
    main()
