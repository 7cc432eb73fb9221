"""Reference outputs of UNet2DConditionModel, alone and with IP-Adapters."""
import torch
from diffusers import UNet2DConditionModel

import random_weights as weights
from store import Folder

CROSS_DOWN, DOWN = "CrossAttnDownBlock2D", "DownBlock2D"
CROSS_UP, UP = "CrossAttnUpBlock2D", "UpBlock2D"

# SD1.5 in small: four levels, convolution as projection, one number of heads for all levels (head sizes 2, 4, 6, 6)
SD15 = dict(sample_size=8, block_out_channels=(8, 16, 24, 24), layers_per_block=2, cross_attention_dim=32, attention_head_dim=4,
            norm_num_groups=8, down_block_types=(CROSS_DOWN,) * 3 + (DOWN,), up_block_types=(UP,) + (CROSS_UP,) * 3)
# SDXL in small: three levels, linear projection, several transformer blocks, text and size embedding
SDXL = dict(sample_size=16, block_out_channels=(8, 16, 16), layers_per_block=2, cross_attention_dim=72, attention_head_dim=(2, 4, 2),
            norm_num_groups=8, transformer_layers_per_block=(1, 2, 3), use_linear_projection=True, addition_embed_type="text_time",
            addition_time_embed_dim=8, projection_class_embeddings_input_dim=40 + 6 * 8,
            down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, CROSS_UP, UP))
# SD2.1 in small: heads per level, linear projection; a different number of layers per level
SD2 = dict(sample_size=8, block_out_channels=(16, 16, 16), layers_per_block=(1, 2, 1), cross_attention_dim=32, attention_head_dim=(2, 4, 4),
           norm_num_groups=16, use_linear_projection=True, upcast_attention=True,
           down_block_types=(CROSS_DOWN, CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP, CROSS_UP))

ALONE = {
    # the latent upscaler of SD2: class embedding table, seven input channels, attention that only looks at the text
    "unet-upscaler": dict(sample_size=12, in_channels=7, block_out_channels=(8, 16, 16), layers_per_block=1, cross_attention_dim=24,
                          attention_head_dim=4, norm_num_groups=8, use_linear_projection=True, num_class_embeds=50,
                          only_cross_attention=(True, True, False), down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN),
                          up_block_types=(CROSS_UP, CROSS_UP, UP)),
    # inpainting: nine input channels; head sizes 20 and 40
    "unet-inpaint": dict(sample_size=8, in_channels=9, block_out_channels=(20, 40), layers_per_block=1, cross_attention_dim=32,
                         attention_head_dim=1, norm_num_groups=20, down_block_types=(CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP)),
    "unet-class-timestep": dict(sample_size=8, block_out_channels=(8, 16), layers_per_block=1, cross_attention_dim=24, attention_head_dim=2,
                                norm_num_groups=8, class_embed_type="timestep", down_block_types=(CROSS_DOWN, CROSS_DOWN),
                                up_block_types=(CROSS_UP, CROSS_UP)),
    # image variations of SD2 (unCLIP): an embedding as class label
    "unet-class-projection": dict(sample_size=8, block_out_channels=(8, 16), layers_per_block=1, cross_attention_dim=24,
                                  attention_head_dim=(1, 2), norm_num_groups=8, class_embed_type="projection",
                                  projection_class_embeddings_input_dim=20, use_linear_projection=True,
                                  down_block_types=(CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP)),
    # latent consistency models: guidance enters as an embedding. One level; one channel per group
    "unet-lcm": dict(sample_size=8, block_out_channels=(16,), layers_per_block=1, cross_attention_dim=24, attention_head_dim=4,
                     norm_num_groups=16, time_cond_proj_dim=16, down_block_types=(CROSS_DOWN,), up_block_types=(CROSS_UP,)),
    # SDXL refiner: attention in the two middle levels only, four blocks each, five size numbers
    "unet-refiner": dict(sample_size=8, block_out_channels=(8, 16, 16, 16), layers_per_block=1, cross_attention_dim=24,
                         attention_head_dim=(1, 2, 2, 2), norm_num_groups=8, transformer_layers_per_block=2, use_linear_projection=True,
                         addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=16 + 5 * 8,
                         down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP, CROSS_UP, UP)),
    # distilled models: no mid block; blocks per layer differ between the way down and the way up
    "unet-distilled": dict(sample_size=8, block_out_channels=(8, 16), layers_per_block=2, cross_attention_dim=24, attention_head_dim=4,
                           norm_num_groups=8, mid_block_type=None, transformer_layers_per_block=((1, 2), (2, 1)),
                           reverse_transformer_layers_per_block=((2, 1, 1), (1, 1, 2)), use_linear_projection=True,
                           down_block_types=(CROSS_DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, CROSS_UP)),
    # SSD-1B: one residual layer as mid block
    "unet-plain-mid": dict(sample_size=8, block_out_channels=(8, 16), layers_per_block=2, cross_attention_dim=24, attention_head_dim=(1, 2),
                           norm_num_groups=8, mid_block_type="UNetMidBlock2D", transformer_layers_per_block=((1, 1), (2, 2)),
                           reverse_transformer_layers_per_block=((2, 2, 3), (1, 1, 1)), use_linear_projection=True,
                           down_block_types=(DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, UP)),
}


def build(folder, config, seed, **gains):
    generator = torch.Generator().manual_seed(seed)
    unet = weights.randomize(UNet2DConditionModel(**config), generator, **gains)
    return folder.save_network(unet, "unet")


def inputs_for(unet, generator, batch, height, width, tokens):
    config = unet.config
    normal = lambda *shape: torch.randn(*shape, generator=generator)
    inputs = {"sample": normal(batch, config.in_channels, height, width), "encoder_hidden_states": normal(batch, tokens, config.cross_attention_dim)}
    if config.num_class_embeds:
        inputs["class_labels"] = torch.randint(0, config.num_class_embeds, (batch,), generator=generator)
    elif config.class_embed_type == "timestep":
        inputs["class_labels"] = torch.rand(batch, generator=generator) * 350
    elif config.class_embed_type == "projection":
        inputs["class_labels"] = normal(batch, config.projection_class_embeddings_input_dim)
    if config.time_cond_proj_dim:
        inputs["timestep_cond"] = normal(batch, config.time_cond_proj_dim)
    if config.addition_embed_type == "text_time":
        pooled = unet.add_embedding.linear_1.in_features
        count = 5 if (pooled - 5 * config.addition_time_embed_dim) == 16 else 6
        inputs["text_embeds"] = normal(batch, pooled - count * config.addition_time_embed_dim)
        rows = [[72.0, 104.0, 0.0, 8.0, 64.0, 96.0], [512.0, 384.0, 16.0, 0.0, 72.0, 104.0]] if count == 6 \
            else [[72.0, 104.0, 0.0, 8.0, 6.0], [72.0, 104.0, 0.0, 8.0, 2.5]]
        inputs["time_ids"] = torch.tensor([rows[index % 2] for index in range(batch)])
    return inputs


@torch.no_grad()
def run(unet, inputs, timestep, image_embeds=None):
    added = {key: inputs[key] for key in ("text_embeds", "time_ids") if key in inputs}
    if image_embeds is not None:
        added["image_embeds"] = image_embeds
    direct = {key: inputs[key] for key in ("class_labels", "timestep_cond") if key in inputs}
    return unet(inputs["sample"], timestep, inputs["encoder_hidden_states"], added_cond_kwargs=added or None, **direct).sample


def add_cases(folder, unet, seed):
    """Square and odd sizes, batches of one and two, whole and fractional timesteps."""
    generator = torch.Generator().manual_seed(seed)
    for name, batch, height, width, tokens, timestep in (("square", 1, 8, 8, 7, 981), ("odd", 2, 9, 13, 16, 501), ("fraction", 1, 6, 10, 5, 421.0527)):
        inputs = inputs_for(unet, generator, batch, height, width, tokens)
        folder.add("unet", name, inputs, {"sample": run(unet, inputs, timestep)}, timestep=timestep)


def set_scales(unet, scales):
    """One scale per adapter in every cross-attention layer (the loader mixin's method wants a whole number as layers_per_block)."""
    for processor in unet.attn_processors.values():
        if hasattr(processor, "scale"):
            processor.scale = list(scales)


def add_adapter_cases(folder, unet, adapters, seed):
    """adapters: name -> (state, shape of one picture's embedding)."""
    generator = torch.Generator().manual_seed(seed)
    pairs = [[("base", 1, 1.0)], [("base", 3, 0.6)], [("plus", 1, 0.8)], [("plus", 2, -0.5)], [("full", 1, 1.0)], [("full", 2, 0.4)], [("base", 1, 0.0)],
             [("base", 1, 0.7), ("plus", 2, 0.5)], [("plus", 1, 0.0), ("full", 1, 1.2)]]
    for branches in pairs:
        branches = [branch for branch in branches if branch[0] in adapters]
        unet._load_ip_adapter_weights([adapters[name][0] for name, _, _ in branches], low_cpu_mem_usage=False)
        set_scales(unet, [scale for _, _, scale in branches])
        inputs = inputs_for(unet, generator, 2, 9, 7, 16)
        embeds = [torch.randn(2, count, *adapters[name][1], generator=generator) for name, count, _ in branches]
        output = run(unet, inputs, 641, embeds)
        title = "adapter-" + "+".join(f"{name}x{count}@{scale:g}" for name, count, scale in branches)
        folder.add("unet", title, {**inputs, **{f"image_embeds.{index}": value for index, value in enumerate(embeds)}}, {"sample": output},
                   timestep=641, adapters=[{"file": f"adapters/{name}.safetensors", "images": count, "scale": scale}
                                           for name, count, scale in branches])


def make_alone():
    for index, (name, config) in enumerate(ALONE.items()):
        folder = Folder(name)
        unet = build(folder, config, 100 + index)
        add_cases(folder, unet, 200 + index)
        folder.close()
