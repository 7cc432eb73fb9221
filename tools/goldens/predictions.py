"""What the pipelines of diffusers make when the model is taken to predict velocities or the clean picture, with and without a zero
terminal SNR, for test/predictions.test.ts.

    python tools/goldens/predictions.py

Writes test/golden/predictions.safetensors and .json. Needs the models that make.py writes.
"""
import diffusers
import torch
from safetensors.torch import save_file

from pipelines import NEGATIVE, PROMPT
from schedulers import build
from store import ROOT, VERSIONS, write_json

STEPS, GUIDANCE, SEED = 6, 5.0, 7
TYPES = {"epsilon": "epsilon", "v": "v_prediction", "sample": "sample"}
CASES = [
    *(dict(model="sd15", scheduler=name, prediction="v") for name in ("pndm", "ddim", "euler", "heun", "dpm++2m")),
    *(dict(model="sd15", scheduler=name, prediction="v", zeroSnr=True) for name in ("ddim", "euler", "euler_a", "dpm++2m", "unipc", "tcd")),
    *(dict(model="sdxl", scheduler=name, prediction="v") for name in ("euler", "dpm++2m_sde")),
    *(dict(model="sdxl", scheduler=name, prediction="v", zeroSnr=True) for name in ("euler", "ddim", "dpm++2m")),
    *(dict(model="sd15", scheduler=name, prediction="sample") for name in ("ddim", "dpm++2m", "unipc")),
    dict(model="sd15", scheduler="ddim", prediction="sample", zeroSnr=True),
    dict(model="sdxl", scheduler="ddim", prediction="sample"),
    dict(model="sd2", scheduler="euler", prediction="epsilon"),
]


def sample(model, scheduler, prediction, zeroSnr=False):
    kind = diffusers.StableDiffusionXLPipeline if model == "sdxl" else diffusers.StableDiffusionPipeline
    extra = {"add_watermarker": False} if model == "sdxl" else {"safety_checker": None}
    pipe = kind.from_pretrained(ROOT / "models" / model, torch_dtype=torch.float32, local_files_only=True, **extra)
    pipe.set_progress_bar_config(disable=True)
    # A field that from_pretrained filled in with its default would be read as absent by the next class.
    config = {key: value for key, value in pipe.scheduler.config.items() if key != "_use_default_values"}
    config |= {"prediction_type": TYPES[prediction], "rescale_betas_zero_snr": zeroSnr}
    used = set(pipe.scheduler.config.get("_use_default_values", [])) - {"prediction_type", "rescale_betas_zero_snr"}
    pipe.scheduler, timesteps = build(scheduler, {key: value for key, value in config.items() if key not in used}, STEPS, "")
    call = dict(prompt=PROMPT, negative_prompt=NEGATIVE, guidance_scale=GUIDANCE, width=64, height=64, eta=0.3 if scheduler == "tcd" else 0.0)
    return pipe(generator=torch.Generator().manual_seed(SEED), output_type="latent", **call, **timesteps).images[0]


def main():
    torch.set_num_threads(1)
    file = ROOT / "predictions.safetensors"
    save_file({str(i): sample(**case).contiguous() for i, case in enumerate(CASES)}, file)
    file.chmod(0o644)
    versions = {key: VERSIONS[key] for key in ("torch", "diffusers")}
    write_json(ROOT / "predictions.json", dict(versions=versions, prompt=PROMPT, negative=NEGATIVE, steps=STEPS, guidance=GUIDANCE, seed=SEED, cases=CASES))


if __name__ == "__main__":
    with torch.no_grad():
        main()
