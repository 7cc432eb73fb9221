"""Writes Stable Diffusion 1.5 at full size with random weights (seeded, f16, diffusers layout), for parity at full size.

usage: make_models.py OUT [--seed N] [--no-image-encoder]
OUT gets: unet/ vae/ text_encoder/ tokenizer/ scheduler/ model_index.json
          image_encoder/ and feature_extractor/      CLIP ViT-H/14
          ip-adapter.safetensors                      base adapter, takes image embeddings of 1024
          ip-adapter-plus.safetensors                 plus adapter, takes the 257 x 1280 hidden states
          controlnet/                                 ControlNet
About 4.2 GB. The same seed gives the same files. open_clip_torch must be installed: it carries the CLIP vocabulary.
"""
import argparse
import gzip
import importlib.util
import json
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPVisionConfig, CLIPVisionModelWithProjection

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "goldens"))
import random_weights as weights  # noqa: E402

CROSS = 768
UNET = dict(sample_size=64, layers_per_block=2, block_out_channels=(320, 640, 1280, 1280), cross_attention_dim=CROSS, attention_head_dim=8,
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3)
VAE = dict(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, sample_size=512, scaling_factor=0.18215,
           down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
TEXT = dict(vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
            max_position_embeddings=77, hidden_act="quick_gelu", projection_dim=768, bos_token_id=49406, eos_token_id=49407,
            pad_token_id=49407)
VISION = dict(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16, image_size=224, patch_size=14,
              hidden_act="gelu", projection_dim=1024)
SCHEDULER = dict(_class_name="DDIMScheduler", num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                 clip_sample=False, set_alpha_to_one=False, steps_offset=1)
PREPROCESSOR = dict(image_processor_type="CLIPImageProcessor", crop_size=dict(height=224, width=224), size=dict(shortest_edge=224),
                    do_center_crop=True, do_convert_rgb=True, do_normalize=True, do_rescale=True, do_resize=True, resample=3,
                    image_mean=[0.48145466, 0.4578275, 0.40821073], image_std=[0.26862954, 0.26130258, 0.27577711])


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def save_network(network, folder):
    network.half().save_pretrained(folder, safe_serialization=True, max_shard_size="20GB")


def write_tokenizer(folder):
    """CLIP's byte-pair tokenizer, rebuilt from the merges that open_clip ships."""
    origin = importlib.util.find_spec("open_clip")
    if origin is None:
        sys.exit("make_models: open_clip_torch is not installed; it is needed for the CLIP vocabulary")
    packed = Path(origin.origin).parent / "bpe_simple_vocab_16e6.txt.gz"
    merges = gzip.open(packed, "rt", encoding="utf-8").read().split("\n")[1:49152 - 256 - 2 + 1]
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in printable] + [chr(256 + n) for n in range(256 - len(printable))]
    vocabulary = letters + [letter + "</w>" for letter in letters] + ["".join(merge.split()) for merge in merges]
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    special = dict(bos_token="<|startoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>", pad_token="<|endoftext|>")
    write_json(folder / "vocab.json", {token: index for index, token in enumerate(vocabulary)})
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    write_json(folder / "special_tokens_map.json", special)
    write_json(folder / "tokenizer_config.json",
               dict(tokenizer_class="CLIPTokenizer", model_max_length=77, do_lower_case=True, add_prefix_space=False, **special))


def make_control(unet, generator):
    """A ControlNet whose last convolutions are not zero, so that it counts."""
    control = weights.perturb(ControlNetModel.from_unet(unet), generator)
    with torch.no_grad():
        for last in (*control.controlnet_down_blocks, control.controlnet_mid_block, control.controlnet_cond_embedding.conv_out):
            last.weight.copy_(torch.randn(last.weight.shape, generator=generator) * 0.3 / last.weight[0].numel() ** 0.5)
    return control


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--no-image-encoder", action="store_true")
    options = parser.parse_args()
    out = options.out
    generator = torch.Generator().manual_seed(options.seed + 1)

    torch.manual_seed(options.seed)
    write_tokenizer(out / "tokenizer")
    write_json(out / "scheduler" / "scheduler_config.json", SCHEDULER)
    save_network(weights.perturb(CLIPTextModel(CLIPTextConfig(**TEXT)), generator), out / "text_encoder")
    save_network(weights.perturb(AutoencoderKL(**VAE), generator), out / "vae")
    unet = weights.perturb(UNet2DConditionModel(**UNET), generator)
    base = weights.base_projection(generator, embed=1024, cross=CROSS)
    save_file(weights.adapter_file(base, weights.adapter_attention(generator, unet)), out / "ip-adapter.safetensors")
    plus = weights.resampler_projection(generator, embed=1280, cross=CROSS, dim=CROSS, heads=12)
    save_file(weights.adapter_file(plus, weights.adapter_attention(generator, unet)), out / "ip-adapter-plus.safetensors")
    save_network(make_control(unet, generator), out / "controlnet")
    save_network(unet, out / "unet")
    encoder = not options.no_image_encoder
    if encoder:
        torch.manual_seed(options.seed + 2)
        vision = weights.sharpen_vision(CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION)))
        save_network(weights.perturb(vision, generator), out / "image_encoder")
        write_json(out / "feature_extractor" / "preprocessor_config.json", PREPROCESSOR)
    write_json(out / "model_index.json", {
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1", "requires_safety_checker": False,
        "safety_checker": [None, None], "feature_extractor": ["transformers", "CLIPImageProcessor"] if encoder else [None, None],
        "image_encoder": ["transformers", "CLIPVisionModelWithProjection"] if encoder else [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]})
    print("wrote", out)


if __name__ == "__main__":
    main()
