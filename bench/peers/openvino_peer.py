"""usage: MODEL TYPE THREADS. Prints METRIC VALUE lines of OpenVINO; converts the UNet once into MODEL/openvino/; see ../peers.mjs."""
import os
import resource
import subprocess
import sys
import time

import numpy as np
import openvino

model, kind, threads = sys.argv[1:4]
xml = os.path.join(model, "openvino", "unet.xml")


def convert():
    import torch
    from diffusers import UNet2DConditionModel

    class Step(torch.nn.Module):
        def __init__(self, unet):
            super().__init__()
            self.unet = unet

        def forward(self, latents, timestep, text):
            return self.unet(latents, timestep, text, return_dict=False)[0]

    unet = UNet2DConditionModel.from_pretrained(model, subfolder="unet", torch_dtype=torch.float32, local_files_only=True).eval()
    example = (torch.randn(2, 4, 64, 64), torch.tensor(1.0), torch.randn(2, 77, 768))
    with torch.no_grad():
        converted = openvino.convert_model(Step(unet), example_input=example, input=[[2, 4, 64, 64], [], [2, 77, 768]])
    os.makedirs(os.path.dirname(xml), exist_ok=True)
    openvino.save_model(converted, xml)


if kind == "convert":
    convert()
    sys.exit()
if not os.path.exists(xml):
    subprocess.run([sys.executable, __file__, model, "convert", threads], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
start = time.perf_counter()
hints = {"INFERENCE_PRECISION_HINT": kind, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": int(threads)}
network = openvino.Core().compile_model(xml, "CPU", hints)
print(f"load_s {time.perf_counter() - start:.3f}")
request = network.create_infer_request()
inputs = [np.random.randn(2, 4, 64, 64).astype("f4"), np.float32(500), np.random.randn(2, 77, 768).astype("f4")]
times = []
for _ in range(4):
    start = time.perf_counter()
    request.infer(inputs)
    times.append(time.perf_counter() - start)
print(f"guided_step_s {min(times):.3f}")
print(f"peak_mb {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.3f}")
