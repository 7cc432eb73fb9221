"""What diffusers makes of LoRAs whose meaning hangs on more than their tensors' numbers: alphas by layer in the metadata, and a LoRA that
brings a learned token along; and what torch reads of a textual inversion in a ParameterDict. For test/lora-names.test.ts and
test/native/weights_embedding_test.cc.

    python tools/goldens/lora_names.py

Needs the packages of loras.py. Reads test/golden/models/{sd15,sdxl}, loras/ and embeddings/; writes test/golden/lora-names/ and
lora-names.{json,safetensors}.
"""
import shutil

import diffusers
import peft
import torch
from diffusers.training_utils import _collate_lora_metadata
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from loras import ATTENTION, PROMPT, open_pipeline
from store import ROOT, write_json

FOLDER = ROOT / "lora-names"
STEPS = dict(num_inference_steps=5, guidance_scale=4.0, width=64, height=64, output_type="latent")


def make_patterns():
    """Ranks and alphas by layer, as PEFT's patterns name layers: by an ending, by a whole path, by an expression."""
    pipe = open_pipeline("sd15")
    whole = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    alphas = {"attn2.to_k": 12, f"^{whole}": 1, r"up_blocks\.1.*\.to_v": 5, "to_v": 2, "to_k": 3}
    pipe.unet.add_adapter(LoraConfig(r=4, lora_alpha=8, target_modules=ATTENTION, rank_pattern={"to_k": 6}, alpha_pattern=alphas))
    generator = torch.Generator().manual_seed(21)
    for layer in pipe.unet.modules():
        if hasattr(layer, "lora_A") and "default" in layer.lora_A:
            down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
            down.copy_(torch.randn(down.shape, generator=generator).half())
            up.copy_((torch.randn(up.shape, generator=generator) * 0.15 * layer.base_layer.weight.std()).half())
    metadata = _collate_lora_metadata(dict(unet=pipe.unet))
    for config in metadata.values():
        config.pop("base_model_name_or_path")
    tensors = {k: v.half() for k, v in get_peft_model_state_dict(pipe.unet).items()}
    pipe.save_lora_weights(FOLDER, unet_lora_layers=tensors, weight_name="alpha-pattern.safetensors", **metadata)


def latents(pipe, prompt):
    pipe.scheduler = diffusers.DDIMScheduler.from_config(pipe.scheduler.config)
    return pipe(prompt=prompt, negative_prompt="", generator=torch.Generator().manual_seed(7), **STEPS).images[0]


def run_patterns():
    pipe = open_pipeline("sd15")
    pipe.load_lora_weights(FOLDER, weight_name="alpha-pattern.safetensors", local_files_only=True)
    return latents(pipe, PROMPT)


def run_bundle(prompt):
    pipe = open_pipeline("sdxl")
    rows = load_file(ROOT / "embeddings" / "xl.safetensors")
    pipe.load_textual_inversion(rows["clip_l"], token="<bird>", text_encoder=pipe.text_encoder, tokenizer=pipe.tokenizer)
    pipe.load_textual_inversion(rows["clip_g"], token="<bird>", text_encoder=pipe.text_encoder_2, tokenizer=pipe.tokenizer_2)
    pipe.load_lora_weights(ROOT / "loras", weight_name="sdxl-sgm.safetensors", local_files_only=True)
    return latents(pipe, prompt)


def main():
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    make_patterns()
    prompt = "a photo of a blue bird on a branch"
    # A file as it is found; only numbers are taken of it, but torch makes an object.
    parameters = torch.load(ROOT.parent / "cases" / "inversion-parameterdict.pt", weights_only=False)["string_to_param"]["*"].detach()
    save_file({"parameterdict": parameters.contiguous(), "alpha-pattern": run_patterns().contiguous(), "bundle": run_bundle(prompt.replace("blue bird", "<bird>")).contiguous()}, ROOT / "lora-names.safetensors")
    write_json(ROOT / "lora-names.json", dict(versions=dict(torch=torch.__version__.split("+")[0], diffusers=diffusers.__version__, peft=peft.__version__),
                                              steps=5, guidance=4.0, seed=7, patterns=dict(prompt=PROMPT), bundle=dict(prompt=prompt, token="blue bird")))


if __name__ == "__main__":
    with torch.no_grad():
        main()
