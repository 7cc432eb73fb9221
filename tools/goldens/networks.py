"""Reference outputs of the CLIP encoders, the image projections and the autoencoder."""
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPVisionConfig, CLIPVisionModelWithProjection

import random_weights as weights
from store import Folder

START, END = 1250, 1251      # of the small tokenizer


def text_config(**changes):
    return CLIPTextConfig(**{**dict(vocab_size=1252, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
                                    max_position_embeddings=16, hidden_act="quick_gelu", projection_dim=24, bos_token_id=START,
                                    eos_token_id=END, pad_token_id=END), **changes})


def vision_config(**changes):
    return CLIPVisionConfig(**{**dict(hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, image_size=64,
                                      patch_size=16, hidden_act="gelu", projection_dim=24), **changes})


def build_text(folder, config, seed, projection=False, subfolder="text_encoder"):
    model = (CLIPTextModelWithProjection if projection else CLIPTextModel)(config)
    return folder.save_network(weights.randomize(model, torch.Generator().manual_seed(seed)), subfolder)


def build_vision(folder, config, seed):
    model = CLIPVisionModelWithProjection(config)
    return folder.save_network(weights.randomize(model, torch.Generator().manual_seed(seed)), "image_encoder")


def build_vae(folder, config, seed):
    levels = len(config["block_out_channels"])
    vae = AutoencoderKL(**config, down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels)
    return folder.save_network(weights.randomize(vae, torch.Generator().manual_seed(seed)), "vae")


def random_ids(generator, config, lengths):
    """Prompts of the given numbers of tokens between start and end, padded with end."""
    start, end = config.bos_token_id, config.vocab_size - 1
    rows = [[start, *torch.randint(0, config.vocab_size - 2, (length,), generator=generator).tolist(), end] for length in lengths]
    return torch.tensor([row + [end] * (config.max_position_embeddings - len(row)) for row in rows])


@torch.no_grad()
def add_text_cases(folder, model, seed, subfolder="text_encoder"):
    generator = torch.Generator().manual_seed(seed)
    context = model.config.max_position_embeddings
    for name, lengths in (("empty", [0]), ("batch", [3, context - 2]), ("middle", [context // 2])):
        ids = random_ids(generator, model.config, lengths)
        found = model(input_ids=ids, output_hidden_states=True)
        outputs = {"last_hidden_state": found.last_hidden_state, "penultimate": found.hidden_states[-2], "first": found.hidden_states[0]}
        pooled = "text_embeds" if hasattr(found, "text_embeds") else "pooler_output"
        folder.add(subfolder, name, {"input_ids": ids}, {**outputs, pooled: found[pooled]})


@torch.no_grad()
def add_vision_cases(folder, model, seed, batch=2):
    generator = torch.Generator().manual_seed(seed)
    size = model.config.image_size
    pictures = {"batch": torch.randn(batch, 3, size, size, generator=generator), "zero": torch.zeros(1, 3, size, size)}
    for name, pixels in pictures.items():
        found = model(pixel_values=pixels, output_hidden_states=True)
        folder.add("image_encoder", name, {"pixel_values": pixels},
                   {"image_embeds": found.image_embeds, "penultimate": found.hidden_states[-2], "first": found.hidden_states[0]})


@torch.no_grad()
def add_projection_cases(folder, adapters, seed):
    """adapters: name -> (state, shape of one picture's embedding). Projections as diffusers converts them."""
    generator = torch.Generator().manual_seed(seed)
    host = UNet2DConditionModel(block_out_channels=(8,), norm_num_groups=8, layers_per_block=1, cross_attention_dim=8, attention_head_dim=1,
                                down_block_types=("CrossAttnDownBlock2D",), up_block_types=("CrossAttnUpBlock2D",))
    for name, (state, shape) in adapters.items():
        projection = host._convert_ip_adapter_image_proj_to_diffusers(state["image_proj"], low_cpu_mem_usage=False).float().eval()
        for case, embeds in (("batch", torch.randn(2, *shape, generator=generator)), ("zero", torch.zeros(1, *shape))):
            tokens = projection(embeds)
            folder.add("image_projection", f"{name}-{case}", {"image_embeds": embeds}, {"tokens": tokens},
                       adapters=[{"file": f"adapters/{name}.safetensors"}])


@torch.no_grad()
def add_vae_cases(folder, vae, seed, sizes):
    """sizes: (batch, height, width) of pictures; latents are a factor smaller, rounded up."""
    generator = torch.Generator().manual_seed(seed)
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    for batch, height, width in sizes:
        picture = torch.rand(batch, 3, height, width, generator=generator) * 2 - 1
        distribution = vae.encode(picture).latent_dist
        folder.add("vae", f"encode-{batch}x{height}x{width}", {"sample": picture}, {"mean": distribution.mean, "logvar": distribution.logvar})
        latents = torch.randn(batch, vae.config.latent_channels, -(-height // factor), -(-width // factor), generator=generator)
        folder.add("vae", f"decode-{batch}x{height}x{width}", {"latents": latents}, {"sample": vae.decode(latents).sample})


def make_alone():
    folder = Folder("text-77", ["eos_token_id 2, as in old configurations: the pooled token is at the highest id"])
    model = build_text(folder, text_config(vocab_size=130, max_position_embeddings=77, hidden_size=48, intermediate_size=96, num_attention_heads=3,
                                           num_hidden_layers=2, bos_token_id=128, eos_token_id=2, pad_token_id=129), 300)
    add_text_cases(folder, model, 301)
    folder.close()

    folder = Folder("text-77-gelu-projection")
    model = build_text(folder, text_config(vocab_size=130, max_position_embeddings=77, hidden_size=40, intermediate_size=100, num_attention_heads=5,
                                           num_hidden_layers=3, hidden_act="gelu", projection_dim=28, bos_token_id=128, eos_token_id=129,
                                           pad_token_id=0), 310, projection=True)
    add_text_cases(folder, model, 311)
    folder.close()

    for index, (name, changes) in enumerate({
            "vision-bigg": dict(hidden_size=104, num_attention_heads=1, intermediate_size=80, num_hidden_layers=2, image_size=28, patch_size=14),
            "vision-quick": dict(hidden_size=48, num_attention_heads=3, intermediate_size=100, hidden_act="quick_gelu", image_size=35, patch_size=7,
                                 projection_dim=20),
            "vision-odd": dict(hidden_size=30, num_attention_heads=3, intermediate_size=50, image_size=30, patch_size=7, num_hidden_layers=4)}.items()):
        folder = Folder(name)
        add_vision_cases(folder, build_vision(folder, vision_config(**changes), 320 + index), 330 + index)
        folder.close()

    folder = Folder("projection-wide", ["plus-wide: two heads of 64 at width 48"])
    generator = torch.Generator().manual_seed(340)
    adapters = {}
    for name, projection, shape in (
            ("base-vit-g", weights.base_projection(generator, 40, 72), (40,)),
            ("plus-wide", weights.resampler_projection(generator, 52, 32, dim=48, heads=2, tokens=6), (26, 52)),
            ("full", weights.full_projection(generator, 52, 32), (10, 52))):
        adapters[name] = (folder.save_adapter(name, weights.adapter_file(projection, {})), shape)
    add_projection_cases(folder, adapters, 341)
    folder.close()
