"""usage: MODEL TYPE THREADS. Prints METRIC VALUE lines of PyTorch + diffusers, channels_last; see ../peers.mjs."""
import resource
import sys
import time

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

model, kind, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[kind]
torch.set_num_threads(threads)


def load(cls, part):
    return cls.from_pretrained(model, subfolder=part, torch_dtype=dtype, local_files_only=True).eval().to(memory_format=torch.channels_last)


def best(run, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


with torch.no_grad():
    unet, vae = load(UNet2DConditionModel, "unet"), load(AutoencoderKL, "vae")
    latents = torch.randn(2, 4, 64, 64, dtype=dtype).to(memory_format=torch.channels_last)
    text = torch.randn(2, 77, 768, dtype=dtype)
    print(f"guided_step_s {best(lambda: unet(latents, torch.tensor(500.0), text), 4):.3f}")
    print(f"vae_decode_s {best(lambda: vae.decode(latents[:1]), 2):.3f}")
print(f"peak_mb {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.3f}")
