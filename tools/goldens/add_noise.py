"""What noise makes of a picture's latents before a step, and runs that begin late with it, by the schedulers of diffusers: test/golden/add-noise.json.

    python tools/goldens/add_noise.py

`mixes` of a case: the weights of picture and noise at every call. `runs`: the last latents of runs that begin after a share of the steps, by the rule of
the img2img pipelines. Their model is that of schedulers.py.
"""
import inspect
import json
import warnings

import diffusers
import torch

from schedulers import CLASSES, SD15, SDXL, build
from store import ROOT, VERSIONS

SHAPE, NOISE_SEED = (1, 4, 2, 2), 7
ETAS = {"ddim": 0.5, "tcd": 0.3}


def cases():
    for name in CLASSES:
        yield name, SD15, 10, ""
        yield name, SDXL, 6, ""
        yield name, SD15 | {"timestep_spacing": "trailing", "prediction_type": "v_prediction"}, 9, ""
    for name in ("euler", "heun", "dpm2", "dpm2_a", "dpm++2m", "dpm++_sde", "unipc", "deis", "lms"):
        yield name, SD15, 8, "karras"
    yield "pndm", SD15 | {"skip_prk_steps": False, "steps_offset": 0}, 8, ""


def start(name, config, steps, sigmas, first):
    scheduler, timesteps = build(name, config, steps, sigmas)
    scheduler.set_timesteps(**timesteps)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)
    return scheduler


def mixes(*case):
    """Of every call: as the first of a run, and, where the class counts its steps, as a later one of it."""
    one, zero = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    found = []
    for index in range(len(start(*case, 0).timesteps)):
        pair = []
        for later in (False, True):
            scheduler = start(*case, 0 if later else index)
            if later and hasattr(scheduler, "_step_index"):
                scheduler._step_index = index
            at = scheduler.timesteps[index : index + 1]
            pair.append([float(scheduler.add_noise(one, zero, at)), float(scheduler.add_noise(zero, one, at))])
        if pair[0] != pair[1]:
            raise SystemExit(f"{case}: call {index} mixes otherwise when it comes first")
        found.append(pair[0])
    return found


def run(name, config, steps, sigmas, first, latents, noise, outputs):
    scheduler = start(name, config, steps, sigmas, first)
    generator = torch.Generator().manual_seed(NOISE_SEED)
    if name == "dpm++_sde":
        scheduler.generator, scheduler.shape = generator, SHAPE
    accepted = inspect.signature(scheduler.step).parameters
    options = {key: value for key, value in {"eta": ETAS.get(name, 0.0), "generator": generator}.items() if key in accepted}
    timesteps = scheduler.timesteps[first:]
    sample = scheduler.add_noise(latents, noise, timesteps[:1])
    for call, t in enumerate(timesteps):
        output = 0.5 * outputs[call] + 0.5 * scheduler.scale_model_input(sample, t)
        sample = scheduler.step(output, t, sample, **options).prev_sample
    return sample


def flat(tensor):
    return [float(value) for value in tensor.flatten()]


def main():
    warnings.simplefilter("ignore")
    diffusers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(5)
    latents, noise = torch.randn(SHAPE, generator=generator), torch.randn(SHAPE, generator=generator)
    outputs = torch.randn((24, *SHAPE), generator=generator)
    entries = []
    for name, config, steps, sigmas in cases():
        case = (name, config, steps, sigmas)
        order = start(*case, 0).order
        runs = [{"first": kept * order, "latents": flat(run(*case, kept * order, latents, noise, outputs))} for kept in (1, 2, steps // 2)]
        entries.append({"scheduler": name, "config": config, "steps": steps, "sigmas": sigmas, "eta": ETAS.get(name, 0.0), "mixes": mixes(*case), "runs": runs})
    made_with = {key: VERSIONS[key] for key in ("torch", "diffusers")}
    head = {"made_with": made_with, "noise_seed": NOISE_SEED, "latents": flat(latents), "noise": flat(noise), "outputs": flat(outputs)}
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    (ROOT / "add-noise.json").write_text(json.dumps(head)[:-1] + f', "cases": [\n{lines}\n]}}\n')
    print(len(entries), "cases")


if __name__ == "__main__":
    main()
