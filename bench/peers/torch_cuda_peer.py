"""usage: MODEL eager|COMPILE_MODE DEVICE SIDE BATCHES. Prints METRIC VALUE lines of PyTorch + diffusers in f16 on a GPU, channels_last; see ../cuda/main.mjs.

COMPILE_MODE: a mode of torch.compile. BATCHES: pictures at once, with commas between; a guided step has two items for each. Prints
"skipped REASON" where torch has no CUDA. The VAE of SDXL decodes in f32 where its config says so, as the pipeline of diffusers has it.
"""
import json
import sys
import time
from pathlib import Path

start = time.perf_counter()
import torch  # noqa: E402

model, mode, device, side = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
batches = [int(batch) for batch in sys.argv[5].split(",")]
if device.startswith("cuda") and not torch.cuda.is_available():
    print(f"skipped torch {torch.__version__} has no CUDA here")
    sys.exit()
from diffusers import AutoencoderKL, UNet2DConditionModel  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

DTYPE = torch.float16
ROUNDS, WARM = 5, 3


def load(cls, part, dtype=DTYPE):
    network = cls.from_pretrained(model, subfolder=part, torch_dtype=dtype, local_files_only=True)
    return network.eval().to(device, memory_format=torch.channels_last)


def waited():
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter()


def seconds(run):
    """Median of several, after the first ones; each is waited for."""
    for _ in range(WARM):
        run()
    times = []
    for _ in range(ROUNDS):
        begin = waited()
        run()
        times.append(waited() - begin)
    return sorted(times)[len(times) // 2]


def show(metric, value):
    print(f"{metric} {value:.5f}", flush=True)


def inputs(unet, pictures):
    """Of a guided step: arguments and keywords."""
    items, config = 2 * pictures, unet.config
    latents = torch.randn(items, config.in_channels, side // 8, side // 8, dtype=DTYPE, device=device).to(memory_format=torch.channels_last)
    text = torch.randn(items, 77, config.cross_attention_dim, dtype=DTYPE, device=device)
    added = {}
    if config.addition_embed_type == "text_time":
        added["text_embeds"] = torch.randn(items, 1280, dtype=DTYPE, device=device)
        added["time_ids"] = torch.tensor([[side, side, 0, 0, side, side]] * items, dtype=DTYPE, device=device)
    return (latents, torch.tensor(500.0, device=device), text), added


def add_adapter(unet):
    state = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in load_file(Path(model) / "ip-adapter.safetensors").items():
        part, rest = name.split(".", 1)
        state[part][rest] = tensor
    unet._load_ip_adapter_weights([state])
    unet.to(device, DTYPE, memory_format=torch.channels_last)
    return state["image_proj"]["proj.weight"].shape[1]


def step(unet, pictures, embed=0):
    arguments, added = inputs(unet, pictures)
    if embed:
        added["image_embeds"] = [torch.randn(2 * pictures, 1, embed, dtype=DTYPE, device=device)]
    run = unet if mode == "eager" else torch.compile(unet, mode=mode)
    return lambda: run(*arguments, added_cond_kwargs=added)


with torch.no_grad():
    unet = load(UNet2DConditionModel, "unet")
    vae_dtype = torch.float32 if json.loads((Path(model) / "vae/config.json").read_text()).get("force_upcast") else DTYPE
    vae = load(AutoencoderKL, "vae", vae_dtype)
    show("load_s", waited() - start)
    step(unet, 1)()
    show("load_to_first_step_s", waited() - start)
    for pictures in batches:
        show("guided_step_s" if pictures == 1 else f"guided_step_{pictures}_s", seconds(step(unet, pictures)))
    latents = torch.randn(1, vae.config.latent_channels, side // 8, side // 8, dtype=vae_dtype, device=device).to(memory_format=torch.channels_last)
    decode = vae.decode if mode == "eager" else torch.compile(vae.decode, mode=mode)
    show("vae_decode_s", seconds(lambda: decode(latents)))
    embed = add_adapter(unet)
    torch._dynamo.reset()
    show("guided_step_adapter_s", seconds(step(unet, 1, embed)))
