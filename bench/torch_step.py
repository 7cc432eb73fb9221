"""Best time of a guided UNet step (batch 2, 64x64 latents) in PyTorch f32, channels_last. usage: MODEL_DIR THREADS REPEATS"""
import sys
import time

import torch
from diffusers import UNet2DConditionModel

model, threads, repeats = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
unet = UNet2DConditionModel.from_pretrained(model, subfolder="unet", torch_dtype=torch.float32, local_files_only=True)
unet = unet.eval().to(memory_format=torch.channels_last)
latents, text = torch.randn(2, 4, 64, 64).to(memory_format=torch.channels_last), torch.randn(2, 77, 768)
best = float("inf")
with torch.no_grad():
    for _ in range(repeats + 1):
        start = time.perf_counter()
        unet(latents, torch.tensor(500.0), text)
        best = min(best, time.perf_counter() - start)
print(f"torch f32 guided_step_s {best:.3f}")
