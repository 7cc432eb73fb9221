"""usage: MODEL THREADS. Prints METRIC VALUE lines of PyTorch + diffusers for SDXL in bf16 at 1024 x 1024, channels_last; see ../xl.mjs.

The VAE decodes in f32, as the pipeline of diffusers has it for SDXL (force_upcast).
"""
import resource
import sys
import time

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from measuring import best, load

model, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


with torch.no_grad():
    start = time.perf_counter()
    unet = load(UNet2DConditionModel, model, "unet", torch.bfloat16)
    print(f"unet_load_s {time.perf_counter() - start:.3f}", flush=True)
    latents = torch.randn(2, 4, 128, 128, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    text = torch.randn(2, 77, 2048, dtype=torch.bfloat16)
    added = {"text_embeds": torch.randn(2, 1280, dtype=torch.bfloat16), "time_ids": torch.tensor([[1024, 1024, 0, 0, 1024, 1024]] * 2)}
    print(f"guided_step_s {best(lambda: unet(latents, torch.tensor(500.0), text, added_cond_kwargs=added), 2):.3f}", flush=True)
    print(f"unet_peak_mb {peak():.0f}", flush=True)
    del unet
    vae = load(AutoencoderKL, model, "vae", torch.float32)
    print(f"vae_decode_s {best(lambda: vae.decode(latents[:1].float()), 1):.3f}")
    print(f"peak_mb {peak():.0f}")
