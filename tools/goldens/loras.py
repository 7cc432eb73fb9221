"""LoRA files in the spellings people have, and what diffusers makes of the small models with them, for test/lora.test.ts.

    python tools/goldens/loras.py

Needs peft 0.21.2 beside the packages of make.py, with transformers 5.23.0 (5.24 asks for a newer peft). There, diffusers 0.42.1 does
not find the text encoders' layers in a LoRA file; they are given theirs through peft itself. Reads test/golden/models/{sd15,sdxl}; writes test/golden/loras/ and loras.{json,safetensors}.
"""
import shutil

import diffusers
import peft
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.training_utils import _collate_lora_metadata
from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

from store import ROOT, write_json

FOLDER = ROOT / "loras"
UNET_LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2", "conv_shortcut", "conv_in",
               "time_emb_proj", "downsamplers.0.conv", "upsamplers.0.conv"]
TEXT_LAYERS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
PROMPT = "a photo of a red cat on a blue background"
CASES = [
    dict(name="peft", model="sd15", loras=[("sd15-peft", 1.0)]),
    dict(name="kohya", model="sd15", loras=[("sd15-kohya", 0.6)]),
    dict(name="processor", model="sd15", loras=[("sd15-processor", 1.0)]),
    dict(name="two-at-once", model="sd15", loras=[("sd15-peft", 0.7), ("sd15-kohya", -0.5)]),
    dict(name="with-adapter", model="sd15", loras=[("sd15-peft", 0.8)], adapter="base"),
    dict(name="sdxl", model="sdxl", loras=[("sdxl-peft", 0.9)]),
    dict(name="sgm", model="sdxl", loras=[("sdxl-sgm", 0.8)]),
]


def open_pipeline(model):
    kind, extra = (StableDiffusionXLPipeline, dict(add_watermarker=False)) if model == "sdxl" else (StableDiffusionPipeline, dict(safety_checker=None))
    pipe = kind.from_pretrained(ROOT / "models" / model, torch_dtype=torch.float32, local_files_only=True, feature_extractor=None, **extra)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def add(module, layers, rank, alpha, seed):
    """A LoRA whose change is about half as large as the weights it changes."""
    module.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=layers))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, layer in module.named_modules():
            if not hasattr(layer, "lora_A") or "default" not in layer.lora_A:
                continue
            down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
            down.copy_(torch.randn(down.shape, generator=generator))
            up.copy_(torch.randn(up.shape, generator=generator))
            up.mul_(0.5 * layer.base_layer.weight.std() / (alpha / rank * rank**0.5))
            down.copy_(down.half())
            up.copy_(up.half())
    return get_peft_model_state_dict(module)


def save(name, tensors, metadata=None):
    save_file({k: v.half().contiguous() for k, v in tensors.items()}, FOLDER / f"{name}.safetensors", metadata=metadata)


class Texts:
    """What the LoRA files hold for text encoders, as peft takes it: file -> part -> (rank, alpha, tensors)."""

    def __init__(self):
        self.parts = {}

    def make(self, file, module, part, rank, alpha, seed):
        tensors = add(module, TEXT_LAYERS, rank, alpha, seed)
        self.parts.setdefault(file, {})[part] = rank, alpha, {k: v.clone() for k, v in tensors.items()}
        return tensors

    def apply(self, pipe, loras):
        for file, weight in loras:
            for part, (rank, alpha, tensors) in self.parts.get(file, {}).items():
                module = getattr(pipe, part)
                inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, target_modules=TEXT_LAYERS), module, adapter_name=file)
                result = set_peft_model_state_dict(module, tensors, adapter_name=file)
                assert not result.unexpected_keys
        for part in ("text_encoder", "text_encoder_2"):
            files = [(file, weight) for file, weight in loras if part in self.parts.get(file, {})]
            for layer in getattr(pipe, part, torch.nn.Identity()).modules():
                if isinstance(layer, LoraLayer):
                    layer.set_adapter([file for file, _ in files])
                    for file, weight in files:
                        layer.set_scale(file, weight)


def with_model_name(tensors):
    """transformers 5 leaves text_model. out of the layers' paths; files in use have it."""
    return {k.replace("encoder.layers", "text_model.encoder.layers"): v for k, v in tensors.items()}


def sgm_name(layer, layers):
    """An attention's layer as the original SDXL numbers it; diffusers translates it back, which checks it."""
    side, *rest = layer.split(".")
    if side == "mid_block":
        return ".".join(["middle_block", "1", *rest[2:]])
    level, _, index = rest[:3]
    number = int(level) * (layers + 1) + int(index)
    block = f"input_blocks.{number + 1}" if side == "down_blocks" else f"output_blocks.{number}"
    return ".".join([block, "1", *rest[3:]])


def make_files(texts):
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    # As diffusers' trainers save them today; alpha stands in the metadata.
    for model in ("sd15", "sdxl"):
        pipe = open_pipeline(model)
        parts = dict(unet_lora_layers=add(pipe.unet, UNET_LAYERS, 3, 6, 1), text_encoder_lora_layers=texts.make(f"{model}-peft", pipe.text_encoder, "text_encoder", 2, 1, 2))
        modules = dict(unet=pipe.unet, text_encoder=pipe.text_encoder)
        if model == "sdxl":
            parts["text_encoder_2_lora_layers"] = texts.make(f"{model}-peft", pipe.text_encoder_2, "text_encoder_2", 2, 2, 3)
            modules["text_encoder_2"] = pipe.text_encoder_2
        metadata = _collate_lora_metadata(modules)
        for config in metadata.values():
            config.pop("base_model_name_or_path")  # a path of whoever made the file
        pipe.save_lora_weights(FOLDER, **parts, weight_name=f"{model}-peft.safetensors", **metadata)
    # As kohya's trainers do: underscores, alpha as a tensor a layer.
    pipe = open_pipeline("sd15")
    kohya = {}
    for prefix, alpha, tensors in (("lora_unet", 1.0, add(pipe.unet, UNET_LAYERS, 2, 1, 4)),
                                   ("lora_te", 3.0, with_model_name(texts.make("sd15-kohya", pipe.text_encoder, "text_encoder", 2, 3, 5)))):
        for key, value in tensors.items():
            layer, kind = key.rsplit(".lora_", 1)
            layer = f"{prefix}_{layer.replace('.', '_')}"
            kohya[f"{layer}.lora_{'down' if kind.startswith('A') else 'up'}.weight"] = value
            kohya[f"{layer}.alpha"] = torch.tensor(alpha)
    save("sd15-kohya", kohya)
    # As diffusers' first trainers did: attention processors.
    pipe = open_pipeline("sd15")
    old = {}
    for key, value in add(pipe.unet, ATTENTION, 4, 4, 6).items():
        layer, kind = key.rsplit(".lora_", 1)
        attention, _, projection = layer.replace(".to_out.0", ".to_out").rpartition(".")
        old[f"unet.{attention}.processor.{projection}_lora.{'down' if kind.startswith('A') else 'up'}.weight"] = value
    save("sd15-processor", old)
    # As kohya's trainers do for SDXL: the original's block numbers.
    pipe = open_pipeline("sdxl")
    sgm = {}
    for key, value in add(pipe.unet, [*ATTENTION, "ff.net.0.proj", "ff.net.2"], 2, 1, 8).items():
        layer, kind = key.rsplit(".lora_", 1)
        layer = "lora_unet_" + sgm_name(layer, pipe.unet.config.layers_per_block).replace(".", "_")
        sgm[f"{layer}.lora_{'down' if kind.startswith('A') else 'up'}.weight"] = value
        sgm[f"{layer}.alpha"] = torch.tensor(1.0)
    save("sdxl-sgm", sgm)


def run(case, texts):
    pipe = open_pipeline(case["model"])
    for name, _ in case["loras"]:
        state, alphas, metadata = pipe.lora_state_dict(FOLDER, weight_name=f"{name}.safetensors", local_files_only=True,
                                                       return_lora_metadata=True, unet_config=pipe.unet.config)
        state = {k: v for k, v in state.items() if k.startswith("unet.")}
        pipe.load_lora_into_unet(state, network_alphas=alphas, unet=pipe.unet, adapter_name=name, metadata=metadata, _pipeline=pipe)
    pipe.unet.set_adapters([name for name, _ in case["loras"]], [weight for _, weight in case["loras"]])
    texts.apply(pipe, case["loras"])
    extra, out = {}, {}
    if "adapter" in case:
        pipe.load_ip_adapter(str(ROOT / "models" / case["model"]), subfolder="adapters", weight_name=f"{case['adapter']}.safetensors", image_encoder_folder=None,
                             local_files_only=True)
        embeds = torch.randn(1, 1, pipe.image_encoder.config.projection_dim, generator=torch.Generator().manual_seed(9))
        extra["ip_adapter_image_embeds"] = [torch.cat([torch.zeros_like(embeds), embeds])]
        out["embeds"] = embeds[0, 0]
    pipe.scheduler = diffusers.DDIMScheduler.from_config(pipe.scheduler.config)
    out["latents"] = pipe(prompt=PROMPT, negative_prompt="", num_inference_steps=5, guidance_scale=4.0, width=64, height=64, output_type="latent",
                          generator=torch.Generator().manual_seed(7), **extra).images[0]
    return out


def main():
    torch.set_num_threads(1)
    texts = Texts()
    make_files(texts)
    tensors = {f"{case['name']}.{key}": value.contiguous() for case in CASES for key, value in run(case, texts).items()}
    save_file(tensors, ROOT / "loras.safetensors")
    cases = [case | dict(loras=[dict(file=f"{name}.safetensors", weight=weight) for name, weight in case["loras"]]) for case in CASES]
    write_json(ROOT / "loras.json", dict(versions=dict(torch=torch.__version__.split("+")[0], diffusers=diffusers.__version__, peft=peft.__version__),
                                         prompt=PROMPT, steps=5, guidance=4.0, seed=7, cases=cases))


if __name__ == "__main__":
    with torch.no_grad():
        main()
