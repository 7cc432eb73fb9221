"""usage: MODEL TYPE THREADS SIZE. Prints METRIC VALUE lines: a guided step of PyTorch + diffusers with and without a ControlNet; see ../controls.mjs."""
import sys

import torch
from diffusers import ControlNetModel, UNet2DConditionModel

from measuring import best, load

model, kind, threads, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[kind]
torch.set_num_threads(threads)

with torch.no_grad():
    unet, control = load(UNet2DConditionModel, model, "unet", dtype), load(ControlNetModel, model, "controlnet", dtype)
    latents = torch.randn(2, 4, size // 8, size // 8, dtype=dtype).to(memory_format=torch.channels_last)
    text, t = torch.randn(2, 77, 768, dtype=dtype), torch.tensor(500.0)
    picture = torch.rand(2, 3, size, size, dtype=dtype).to(memory_format=torch.channels_last)

    def guided():
        down, mid = control(latents, t, text, picture, return_dict=False)
        return unet(latents, t, text, down_block_additional_residuals=down, mid_block_additional_residual=mid)

    print(f"plain {best(lambda: unet(latents, t, text)):.3f}")
    print(f"control {best(guided):.3f}")
