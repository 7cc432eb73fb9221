"""What other people's code makes with the lossy accelerators, for test/accelerators.test.ts and the TAESD tests.

    pip install DeepCache==0.1.1 tomesd==0.1.3 && python tools/goldens/accelerators.py

Writes test/golden/accelerators.safetensors and .json, and test/golden/models/taesd. Guidance within an interval: a plain loop over diffusers'
UNet and schedulers, the unconditional half left out elsewhere. Feature caching and token merging: the authors' packages wrapped around the
same UNet. Needs the models that make.py writes.
"""
import diffusers
import tomesd
import torch
from DeepCache.extension.deepcache import DeepCacheSDHelper
from safetensors.torch import save_file

import random_weights as weights
from pipelines import CLASSES, NEGATIVE, PROMPT
from store import ROOT, VERSIONS, Folder, write_json

CASES = [
    dict(name="interval", model="sd15", scheduler="ddim", interval=[0.2, 0.7]),
    dict(name="interval-late-adapter", model="sd15", scheduler="dpm++2m", interval=[0.35, 1], adapter="base"),
    dict(name="interval-xl", model="sdxl", scheduler="euler", interval=[0, 0.45], adapter="base"),
    dict(name="interval-v", model="sd2", scheduler="ddim", interval=[0.1, 0.5]),
    dict(name="cache", model="sd15", scheduler="ddim", every=3, depth=1),
    dict(name="cache-adapter", model="sd15", scheduler="euler", every=2, depth=4, adapter="base"),
    dict(name="cache-deep", model="sd15", scheduler="ddim", every=5, depth=11),
    dict(name="cache-no-guidance", model="sd15", scheduler="ddim", every=4, depth=2, guidance=1.0),
    dict(name="cache-xl", model="sdxl", scheduler="euler", every=3, depth=2),
    dict(name="cache-xl-adapter", model="sdxl", scheduler="ddim", every=2, depth=6, adapter="base"),
    dict(name="cache-v", model="sd2", scheduler="ddim", every=2, depth=4),
    dict(name="merge", model="sd15", scheduler="ddim", merge=0.5),
    dict(name="merge-adapter", model="sd15", scheduler="euler", merge=0.3, adapter="base"),
    dict(name="merge-all-it-can", model="sd2", scheduler="ddim", merge=0.75),
    dict(name="merge-xl", model="sdxl", scheduler="euler", merge=0.5, downsample=2),
    dict(name="merge-cache-interval", model="sd15", scheduler="ddim", merge=0.5, every=2, depth=3, interval=[0, 0.5]),
    dict(name="cache-interval", model="sd15", scheduler="ddim", every=3, depth=3, interval=[0.2, 0.7], adapter="base"),
]
STEPS, GUIDANCE, SEED, SCALE = 10, 5.0, 7, 0.8


def open_pipeline(name, adapter):
    kind = diffusers.StableDiffusionXLPipeline if name == "sdxl" else diffusers.StableDiffusionPipeline
    extra = {"add_watermarker": False} if name == "sdxl" else {"safety_checker": None}
    folder = ROOT / "models" / name
    pipe = kind.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True, **extra)
    if adapter:
        pipe.load_ip_adapter(str(folder), subfolder="adapters", weight_name=f"{adapter}.safetensors", image_encoder_folder=None, local_files_only=True)
        for processor in pipe.unet.attn_processors.values():
            if hasattr(processor, "scale"):
                processor.scale = [SCALE]
    return pipe


def position(unet, depth):
    """Block and layer of the innermost of `depth` skip connections, as DeepCache counts them."""
    left = depth - 1
    for block, down in enumerate(unet.down_blocks):
        if left <= len(down.resnets):
            return block, left
        left -= len(down.resnets) + 1
    raise ValueError("no such skip connection")


def sample(case):
    pipe = open_pipeline(case["model"], case.get("adapter"))
    pipe.scheduler = CLASSES[case["scheduler"]].from_config(pipe.scheduler.config)
    pipe.scheduler.set_timesteps(STEPS)
    encoded = pipe.encode_prompt(prompt=PROMPT, negative_prompt=NEGATIVE, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True)
    text = torch.cat([encoded[1], encoded[0]])
    added, out = {}, {}
    if case["model"] == "sdxl":
        added = dict(text_embeds=torch.cat([encoded[3], encoded[2]]), time_ids=torch.tensor([[64.0, 64.0, 0, 0, 64.0, 64.0]] * 2))
    if "adapter" in case:
        embeds = torch.randn(1, 1, pipe.image_encoder.config.projection_dim, generator=torch.Generator().manual_seed(9))
        added["image_embeds"] = torch.cat([torch.zeros_like(embeds), embeds])
        out["embeds"] = embeds[0, 0]
    if "merge" in case:
        # downsample: SDXL has no attention at its outermost level. Without random destinations, whose draws nobody else could repeat
        tomesd.apply_patch(pipe, ratio=case["merge"], max_downsample=case.get("downsample", 1), use_rand=False)
    helper = DeepCacheSDHelper(pipe) if "every" in case else None
    if helper:
        block, layer = position(pipe.unet, case["depth"])
        helper.params = dict(cache_interval=case["every"], cache_block_id=block, cache_layer_id=layer, skip_mode="uniform")
        helper.enable()
    guidance, (start, stop) = case.get("guidance", GUIDANCE), case.get("interval", [0, 1])
    latents = torch.randn(1, 4, 64 // pipe.vae_scale_factor, 64 // pipe.vae_scale_factor, generator=torch.Generator().manual_seed(SEED))
    latents = latents * pipe.scheduler.init_noise_sigma
    before = None
    for i, t in enumerate(pipe.scheduler.timesteps):
        guided = guidance > 1 and int(start * STEPS) <= i < int(stop * STEPS)
        if helper and guided != before:
            helper.start_timestep = None  # another batch: the package's count begins anew with a full pass
        before = guided
        half = slice(0, 2) if guided else slice(1, 2)
        conditions = {key: value[half] for key, value in added.items()}
        if "image_embeds" in conditions:
            conditions["image_embeds"] = [conditions["image_embeds"]]
        scaled = pipe.scheduler.scale_model_input(torch.cat([latents] * 2) if guided else latents, t)
        noise = pipe.unet(scaled, t, encoder_hidden_states=text[half], added_cond_kwargs=conditions or None, return_dict=False)[0]
        if guided:
            negative, positive = noise.chunk(2)
            noise = negative + guidance * (positive - negative)
        latents = pipe.scheduler.step(noise, t, latents, return_dict=False)[0]
    return out | {"latents": latents[0]}


def make_taesd():
    """AutoencoderTiny with random weights, and a picture it makes of latents of the sd15 model."""
    folder = Folder("taesd", ["latents reach beyond 3, where the decoder's soft clamp bends"])
    config = dict(encoder_block_out_channels=(16,) * 4, decoder_block_out_channels=(16,) * 4, num_encoder_blocks=(1, 1, 1, 1), num_decoder_blocks=(2, 1, 2, 1))
    network = weights.randomize(diffusers.AutoencoderTiny(**config), torch.Generator().manual_seed(900))
    network = folder.save_network(network, "vae")
    generator = torch.Generator().manual_seed(901)
    for batch, height, width in ((1, 4, 4), (2, 3, 5), (1, 9, 7)):
        latents = 2.5 * torch.randn(batch, 4, height, width, generator=generator)
        folder.add("vae", f"decode-{batch}x{height}x{width}", {"latents": latents}, {"sample": network.decode(latents).sample})
    folder.close()
    return network


def main():
    torch.set_num_threads(1)
    tiny = make_taesd()
    tensors = {f"{case['name']}.{key}": value.contiguous() for case in CASES for key, value in sample(case).items()}
    decoded = tiny.decode(tensors["interval.latents"][None]).sample
    tensors["taesd.image"] = ((decoded[0].permute(1, 2, 0) / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).contiguous()
    save_file(tensors, ROOT / "accelerators.safetensors")
    versions = {key: VERSIONS[key] for key in ("torch", "diffusers")} | {"DeepCache": "0.1.1", "tomesd": "0.1.3"}
    write_json(ROOT / "accelerators.json", dict(versions=versions, prompt=PROMPT, negative=NEGATIVE, steps=STEPS, guidance=GUIDANCE, seed=SEED, scale=SCALE, cases=CASES))


if __name__ == "__main__":
    with torch.no_grad():
        main()
