"""A ControlNet that reads diffusers' condition picture for inpainting: python tools/goldens/control_inpaint.py

Latents of the call "sd15-inpaint-one" of models/controls (which controls.py writes before) with that picture in place of its own.
"""
import json

import diffusers
import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import pictures
from pipelines import CLASSES
from preprocessors import inpaint_condition
from source_pictures import make_mask, open_picture
from store import ROOT

FOLDER = ROOT / "models" / "controls"


def main():
    torch.set_num_threads(1)
    case = next(one for one in json.loads((FOLDER / "golden.json").read_text())["cases"] if one["name"] == "sd15-inpaint-one")
    stored = load_file(FOLDER / "golden.safetensors")
    unet = diffusers.UNet2DConditionModel.from_pretrained(FOLDER / case["unet"], torch_dtype=torch.float32)
    unet.conv_in = torch.nn.Conv2d(9, 8, 3, padding=1)
    unet.conv_in.load_state_dict({"weight": stored["inpaint.conv_in.weight"].float(), "bias": stored["inpaint.conv_in.bias"].float()})
    unet.register_to_config(in_channels=9)
    net = diffusers.ControlNetModel.from_pretrained(FOLDER / case["files"][0], torch_dtype=torch.float32)
    base = diffusers.StableDiffusionPipeline.from_pretrained(ROOT / "models" / "sd15", torch_dtype=torch.float32, local_files_only=True, unet=unet,
                                                             feature_extractor=pictures.processor(64), safety_checker=None)
    pipe = diffusers.StableDiffusionControlNetInpaintPipeline(**base.components, controlnet=net, requires_safety_checker=False)
    pipe.scheduler = CLASSES[case["scheduler"]].from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    size = (case["width"], case["height"])
    image, mask = open_picture("wide-150x100"), make_mask(90, 70)
    condition = inpaint_condition(*(picture.resize(size, Image.Resampling.LANCZOS) for picture in (image, mask)))
    call = dict(prompt=case["prompt"], negative_prompt=case["negative_prompt"], num_inference_steps=case["steps"], guidance_scale=case["guidance"],
                image=image, mask_image=mask, width=size[0], height=size[1], strength=1.0, output_type="latent",
                controlnet_conditioning_scale=case["controls"][0]["scale"])
    run = lambda picture: pipe(generator=torch.Generator().manual_seed(case["seed"]), control_image=picture, **call).images
    if not torch.allclose(run(open_picture("square-64")), stored[case["outputs"]["latents"]], atol=1e-4):
        raise ValueError("this is not the call of models/controls")
    save_file({"latents": run(torch.from_numpy(np.ascontiguousarray(condition.transpose(2, 0, 1)))[None])}, ROOT / "control_inpaint.safetensors")


if __name__ == "__main__":
    main()
