"""The small models of the matrix: the structure of every family at reduced widths, with random weights, in the diffusers layout.

Depths, block types and numbers of layers are those of the published configurations; widths are small but keep what models in one file are
told by: 32 groups a norm, 8 heads (Stable Diffusion 1) or heads of 64 channels, text widths that are multiples of 64, CLIP's whole vocabulary.
"""
import functools
import gzip
import shutil
from pathlib import Path

import diffusers
import torch
from diffusers import UNet2DConditionModel

import hand_over
import networks
import pipelines
import random_weights as weights
import store
from unets import CROSS_DOWN, CROSS_UP, DOWN, UP

VOCABULARY = Path(__file__).resolve().parents[2] / "models" / "clip-vocabulary" / "merges.txt.gz"
TEXT = dict(hidden_size=64, num_attention_heads=1, intermediate_size=96, projection_dim=64, vocab_size=49408, max_position_embeddings=77,
            bos_token_id=49406, eos_token_id=49407, pad_token_id=1)
CLIP_L, CLIP_H = ("text_encoder", False, dict(TEXT)), ("text_encoder", False, dict(TEXT, hidden_act="gelu"))
CLIP_G = ("text_encoder_2", True, dict(TEXT, hidden_size=128, num_attention_heads=2, projection_dim=128, hidden_act="gelu"))
VAE = dict(block_out_channels=(32,) * 4, layers_per_block=2, norm_num_groups=32, sample_size=64)
ENCODERS = {"vit-h": dict(hidden_size=64, num_attention_heads=1, projection_dim=24), "vit-g": dict(hidden_size=128, num_attention_heads=2, projection_dim=28)}

SD1 = dict(sample_size=64, block_out_channels=(32, 64, 64, 64), layers_per_block=2, cross_attention_dim=64, attention_head_dim=8, norm_num_groups=32,
           down_block_types=(CROSS_DOWN,) * 3 + (DOWN,), up_block_types=(UP,) + (CROSS_UP,) * 3)
SD2 = SD1 | dict(sample_size=96, block_out_channels=(32, 64, 128, 128), attention_head_dim=(1, 1, 2, 2), use_linear_projection=True)
SDXL = dict(sample_size=128, block_out_channels=(64, 64, 128), layers_per_block=2, cross_attention_dim=64 + 128, attention_head_dim=(1, 1, 2), norm_num_groups=32,
            transformer_layers_per_block=(1, 2, 10), use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=128 + 6 * 256, down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, CROSS_UP, UP))
REFINER = hand_over.REFINER | dict(sample_size=128, block_out_channels=(64, 128, 128, 128), layers_per_block=2, cross_attention_dim=128, attention_head_dim=(1, 2, 2, 2),
                                   norm_num_groups=32, transformer_layers_per_block=4, addition_time_embed_dim=256, projection_class_embeddings_input_dim=128 + 5 * 256)
# One layer a block and no mid block; tiny without the innermost level as well (both after BK-SDM).
SMALL = SD1 | dict(layers_per_block=1, mid_block_type=None)
TINY = SMALL | dict(block_out_channels=(32, 64, 64), down_block_types=(CROSS_DOWN,) * 3, up_block_types=(CROSS_UP,) * 3)
# The mid block is one residual layer.
SSD = SDXL | dict(mid_block_type="UNetMidBlock2D", transformer_layers_per_block=((1, 1), (2, 2), (4, 4)), reverse_transformer_layers_per_block=((4, 4, 10), (2, 1, 1), (1, 1, 1)))
VEGA = SDXL | dict(mid_block_type="UNetMidBlock2D", transformer_layers_per_block=((1, 1), (1, 1), (2, 2)), reverse_transformer_layers_per_block=((2, 2, 2), (1, 1, 1), (1, 1, 1)))
KOALA_700M = SDXL | dict(layers_per_block=1, mid_block_type=None, transformer_layers_per_block=(1, 2, 5))
KOALA_1B = SDXL | dict(layers_per_block=1, transformer_layers_per_block=(1, 2, 6))

TRAILING = dict(timestep_spacing="trailing")
LCM = dict(pipelines.SCHEDULERS["sd15"], _class_name="LCMScheduler", original_inference_steps=50)
MODELS = {
    "sd15": dict(unet=SD1, texts=(CLIP_L,), scheduler=pipelines.SCHEDULERS["sd15"]),
    "sd2-base": dict(unet=SD2, texts=(CLIP_H,), scheduler=pipelines.SCHEDULERS["sd2"] | dict(prediction_type="epsilon"), bias=0.02),
    "sd2": dict(unet=SD2, texts=(CLIP_H,), scheduler=pipelines.SCHEDULERS["sd2"], bias=0.2),
    "sdxl": dict(unet=SDXL, texts=(CLIP_L, CLIP_G), scheduler=pipelines.SCHEDULERS["sdxl"]),
    "sdxl-v": dict(unet=SDXL, texts=(CLIP_L, CLIP_G), scheduler=pipelines.SCHEDULERS["sdxl"] | dict(prediction_type="v_prediction", rescale_betas_zero_snr=True)),
    "inpaint": dict(unet=SD1 | dict(in_channels=9), texts=(CLIP_L,), scheduler=pipelines.SCHEDULERS["sd15"]),
    "inpaint-sd2": dict(unet=SD2 | dict(in_channels=9), texts=(CLIP_H,), scheduler=pipelines.SCHEDULERS["sd2"] | dict(prediction_type="epsilon"), bias=0.02),
    "inpaint-sdxl": dict(unet=SDXL | dict(in_channels=9), texts=(CLIP_L, CLIP_G), scheduler=pipelines.SCHEDULERS["sdxl"]),
    "instruct": dict(unet=SD1 | dict(in_channels=8), texts=(CLIP_L,), scheduler=pipelines.SCHEDULERS["sd15"]),
    "instruct-sdxl": dict(unet=SDXL | dict(in_channels=8), texts=(CLIP_L, CLIP_G), scheduler=pipelines.SCHEDULERS["sdxl"]),
    "sd-turbo": dict(unet=SD2, texts=(CLIP_H,), scheduler=pipelines.SCHEDULERS["sdxl"] | TRAILING, bias=0.02),
    "sdxl-turbo": dict(unet=SDXL, texts=(CLIP_L, CLIP_G), scheduler=pipelines.SCHEDULERS["sdxl"] | TRAILING | dict(_class_name="EulerAncestralDiscreteScheduler")),
    "lcm": dict(unet=SD1 | dict(time_cond_proj_dim=256), texts=(CLIP_L,), scheduler=LCM),
    "lcm-sdxl": dict(unet=SDXL | dict(time_cond_proj_dim=256), texts=(CLIP_L, CLIP_G), scheduler=LCM),
    "small-sd": dict(unet=SMALL, texts=(CLIP_L,), scheduler=pipelines.SCHEDULERS["sd15"]),
    "tiny-sd": dict(unet=TINY, texts=(CLIP_L,), scheduler=pipelines.SCHEDULERS["sd15"]),
    "ssd-1b": dict(unet=SSD, texts=(CLIP_L, CLIP_G), scheduler=pipelines.SCHEDULERS["sdxl"]),
    "vega": dict(unet=VEGA, texts=(CLIP_L, CLIP_G), scheduler=pipelines.SCHEDULERS["sdxl"]),
    "koala-700m": dict(unet=KOALA_700M, texts=(CLIP_L, CLIP_G), scheduler=pipelines.SCHEDULERS["sdxl"]),
    "koala-1b": dict(unet=KOALA_1B, texts=(CLIP_L, CLIP_G), scheduler=pipelines.SCHEDULERS["sdxl"]),
}


@functools.cache
def tokenizer_files():
    """vocab.json and merges.txt of CLIP's tokenizer, from the merges that the package carries."""
    folder = store.ROOT / "tokenizer"
    folder.mkdir(parents=True)
    merges = gzip.open(VOCABULARY, "rt", encoding="utf-8").read().strip().split("\n")
    printable = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    letters = [chr(byte) for byte in printable] + [chr(0x100 + i) for i in range(256 - len(printable))]
    words = letters + [letter + "</w>" for letter in letters] + [merge.replace(" ", "") for merge in merges] + ["<|startoftext|>", "<|endoftext|>"]
    store.write_json(folder / "vocab.json", {word: index for index, word in enumerate(words)})
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    return folder


def scaling(xl):
    return 0.13025 if xl else 0.18215


class Model:
    """One model: its folder, and its networks in f32 with the weights in the folder, which f16 holds exactly."""

    def __init__(self, name, recipe, seed):
        self.name, self.xl, self.scheduler = name, len(recipe["texts"]) > 1, recipe["scheduler"]
        self.folder = store.Folder(name)
        unet = weights.randomize(UNet2DConditionModel(**recipe["unet"]), torch.Generator().manual_seed(seed), **pipelines.GAINS)
        if "bias" in recipe:
            # Stable Diffusion 2's models that predict velocities are told from the others by how far this bias is spread.
            bias = unet.up_blocks[3].attentions[2].transformer_blocks[0].norm1.bias
            bias.mul_(recipe["bias"] / bias.std())
        self.parts = {"unet": self.folder.save_network(unet, "unet"),
                      "vae": networks.build_vae(self.folder, VAE | dict(scaling_factor=scaling(self.xl), force_upcast=self.xl), seed + 1)}
        for index, (part, projection, config) in enumerate(recipe["texts"]):
            self.parts[part] = networks.build_text(self.folder, networks.text_config(**config), seed + 2 + index, projection, part)
            pipelines.copy_tokenizer(self.folder, part.replace("text_encoder", "tokenizer"), "!" if config.get("hidden_act") == "gelu" else "<|endoftext|>", tokenizer_files(), 77)
        shutil.copytree(encoder("vit-g" if self.xl else "vit-h"), self.folder.path / "image_encoder")
        pipelines.write_index(self.folder, self.xl, self.scheduler)

    @property
    def path(self):
        return self.folder.path


@functools.cache
def model(name):
    return Model(name, MODELS[name], 1000 + 100 * list(MODELS).index(name))


@functools.cache
def encoder(name):
    folder = store.Folder(f"encoder-{name}")
    networks.build_vision(folder, networks.vision_config(**ENCODERS[name]), 900 + list(ENCODERS).index(name))
    return folder.path / "image_encoder"


@functools.cache
def encoder_file(name):
    """The encoder in one file without a configuration, as ComfyUI keeps it."""
    path = store.ROOT / "clip_vision" / f"clip-vision_{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    shutil.copy(encoder(name) / "model.safetensors", path)
    return path


class Refiner:
    """Has the second text encoder and the VAE of "sdxl"."""

    name, xl = "sdxl-refiner", True

    def __init__(self):
        base = model("sdxl")
        self.parts = {"unet": hand_over.make_refiner(REFINER), "vae": base.parts["vae"], "text_encoder_2": base.parts["text_encoder_2"]}
        self.path = store.ROOT / "models" / self.name
        for part in ("text_encoder_2", "tokenizer_2", "vae", "scheduler"):
            shutil.copytree(base.path / part, self.path / part)


@functools.cache
def refiner():
    return Refiner()


@functools.cache
def other_vae():
    """A folder of another VAE, and the network."""
    folder = store.Folder("other-vae")
    return folder.path / "vae", networks.build_vae(folder, VAE | dict(scaling_factor=scaling(False)), 950)


@functools.cache
def taesd():
    folder = store.Folder("taesd")
    config = dict(encoder_block_out_channels=(16,) * 4, decoder_block_out_channels=(16,) * 4, num_encoder_blocks=(1, 3, 3, 3), num_decoder_blocks=(3, 3, 3, 1))
    network = weights.randomize(diffusers.AutoencoderTiny(**config), torch.Generator().manual_seed(951))
    return folder.path / "vae", folder.save_network(network, "vae")
