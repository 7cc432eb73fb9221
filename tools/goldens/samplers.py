"""What the pipelines of diffusers make with samplers and noise levels that the models' own goldens lack, for test/samplers.test.ts.

    python tools/goldens/samplers.py

Writes test/golden/samplers.safetensors and .json. Needs the models that make.py writes.
"""
import diffusers
import torch
from safetensors.torch import save_file

from pipelines import NEGATIVE, PROMPT
from schedulers import GIVEN, build
from store import ROOT, VERSIONS, write_json

STEPS, GUIDANCE, SEED = 6, 5.0, 7
QUARTERS = [999, 749, 499, 249]  # as DMD2 has them
CASES = [
    *(dict(model="sd15", scheduler=name) for name in ("heun", "dpm2", "dpm2_a", "lms", "deis", "dpm++2m_sde", "dpm++3m_sde", "dpm++_sde", "tcd")),
    *(dict(model="sd2", scheduler=name) for name in ("heun", "dpm2_a", "lms", "deis", "dpm++3m_sde", "tcd")),
    *(dict(model="sdxl", scheduler=name) for name in ("heun", "dpm2", "deis", "dpm++2m_sde")),
    dict(model="sd15", scheduler="dpm++2m", sigmas="exponential"),
    dict(model="sd15", scheduler="unipc", sigmas="beta"),
    dict(model="sd15", scheduler="ddim", sigmas="sgm_uniform"),
    dict(model="sd15", scheduler="euler_a", sigmas="sgm_uniform"),
    dict(model="sdxl", scheduler="euler", sigmas="sgm_uniform"),
    dict(model="sd15", scheduler="euler", sigmas="ays"),
    dict(model="sdxl", scheduler="euler", sigmas="ays"),
    dict(model="sdxl", scheduler="dpm++2m_sde", sigmas="ays"),
    dict(model="sdxl", scheduler="dpm++_sde", sigmas="karras"),
    dict(model="sd15", scheduler="euler", sigmas=GIVEN),
    dict(model="sd15", scheduler="heun", sigmas=GIVEN),
    *(dict(model="sd15", scheduler=name, timesteps=QUARTERS) for name in ("lcm", "tcd", "euler", "heun", "dpm++2m")),
    dict(model="sd2", scheduler="lcm", timesteps=QUARTERS),
    dict(model="sdxl", scheduler="lcm", timesteps=QUARTERS),
    dict(model="sdxl", scheduler="euler", timesteps=[999, 930, 700, 351, 20]),
    dict(model="sdxl", scheduler="dpm++2m_sde", timesteps=[999, 930, 700, 351, 20]),
]


def sample(model, scheduler, sigmas="", timesteps=None):
    kind = diffusers.StableDiffusionXLPipeline if model == "sdxl" else diffusers.StableDiffusionPipeline
    extra = {"add_watermarker": False} if model == "sdxl" else {"safety_checker": None}
    pipe = kind.from_pretrained(ROOT / "models" / model, torch_dtype=torch.float32, local_files_only=True, **extra)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler, places = build(scheduler, pipe.scheduler.config, len(sigmas) if isinstance(sigmas, list) else STEPS, sigmas)
    if timesteps is not None:
        places = {"timesteps": timesteps}
    call = dict(prompt=PROMPT, negative_prompt=NEGATIVE, guidance_scale=GUIDANCE, width=64, height=64, eta=0.3 if scheduler == "tcd" else 0.0)
    generator = torch.Generator().manual_seed(SEED)
    if scheduler == "dpm++_sde":
        pipe.scheduler.generator, pipe.scheduler.shape = generator, (1, 4, 64 // pipe.vae_scale_factor, 64 // pipe.vae_scale_factor)
    return pipe(generator=generator, output_type="latent", **call, **places).images[0]


def main():
    torch.set_num_threads(1)
    file = ROOT / "samplers.safetensors"
    save_file({str(i): sample(**case).contiguous() for i, case in enumerate(CASES)}, file)
    file.chmod(0o644)
    versions = {key: VERSIONS[key] for key in ("torch", "diffusers")}
    write_json(ROOT / "samplers.json", dict(versions=versions, prompt=PROMPT, negative=NEGATIVE, steps=STEPS, guidance=GUIDANCE, seed=SEED, cases=CASES))


if __name__ == "__main__":
    with torch.no_grad():
        main()
