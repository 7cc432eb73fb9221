"""Reference trajectories of the diffusers schedulers and reference draws of torch.randn.

    python tools/goldens/schedulers.py [--out test/golden]

needs diffusers, torch, safetensors, scipy (for the beta sigmas) and torchsde (which DPMSolverSDEScheduler wants). Writes schedulers.safetensors and schedulers.json (one
entry per case) and noise.safetensors. The "model" of every case is 0.5 * outputs[call] + 0.5 * scaled input, which is exact to
one float32 rounding wherever it is computed; fresh noise comes from a generator seeded with NOISE_SEED.
"""

import argparse
import inspect
import itertools
import json
import pathlib
import warnings

import diffusers
import numpy as np
import torch
from diffusers.schedulers import AysSchedules
from safetensors.torch import save_file

SHAPE = (1, 4, 6, 6)
NOISE_SEED = 7


class DrawnSde(diffusers.DPMSolverSDEScheduler):
    """Draws its Brownian motion from `generator` on the way instead of asking torchsde's tree: from sigma to the step's middle, then on to its end."""

    generator, shape = None, None

    def set_timesteps(self, *arguments, **options):
        super().set_timesteps(*arguments, **options)
        self.noise_sampler, self.behind = self.draw, None

    def draw(self, start, end):
        fresh = torch.randn(self.shape, generator=self.generator)
        if self.behind is None:
            self.behind = (end, fresh)
            return fresh
        (middle, first), self.behind = self.behind, None
        return ((start - middle).sqrt() * first + (middle - end).sqrt() * fresh) / (start - end).sqrt()


CLASSES = {
    "ddim": diffusers.DDIMScheduler,
    "pndm": diffusers.PNDMScheduler,
    "euler": diffusers.EulerDiscreteScheduler,
    "euler_a": diffusers.EulerAncestralDiscreteScheduler,
    "dpm++2m": diffusers.DPMSolverMultistepScheduler,
    "unipc": diffusers.UniPCMultistepScheduler,
    "lcm": diffusers.LCMScheduler,
    "heun": diffusers.HeunDiscreteScheduler,
    "dpm2": diffusers.KDPM2DiscreteScheduler,
    "dpm2_a": diffusers.KDPM2AncestralDiscreteScheduler,
    "lms": diffusers.LMSDiscreteScheduler,
    "deis": diffusers.DEISMultistepScheduler,
    "dpm++2m_sde": diffusers.DPMSolverMultistepScheduler,
    "dpm++3m_sde": diffusers.DPMSolverMultistepScheduler,
    "dpm++_sde": DrawnSde,
    "tcd": diffusers.TCDScheduler,
}
# What a name means beyond its class.
CHANGES = {
    "dpm++2m_sde": {"algorithm_type": "sde-dpmsolver++", "solver_order": 2},
    "dpm++3m_sde": {"algorithm_type": "sde-dpmsolver++", "solver_order": 3},
}
FIRST = ("ddim", "pndm", "euler", "euler_a", "dpm++2m", "unipc", "lcm")
LATER = tuple(name for name in CLASSES if name not in FIRST)
IN_SIGMA = ("euler", "euler_a", "heun", "dpm2", "dpm2_a", "lms", "dpm++_sde")  # x = clean + sigma * noise
RESPACED = ("euler", "heun", "dpm2", "dpm2_a", "lms", "dpm++2m", "dpm++2m_sde", "dpm++3m_sde", "dpm++_sde", "unipc")
FAMILIES = ("karras", "exponential", "beta")
GIVEN = [14.0, 9.5, 6.0, 3.2, 1.75, 1.0, 0.5, 0.25, 0.0625]

# What the SD 1.5 and SDXL base models ship.
SD15 = {
    "_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "beta_start": 0.00085, "num_train_timesteps": 1000, "set_alpha_to_one": False, "skip_prk_steps": True,
    "steps_offset": 1, "trained_betas": None, "clip_sample": False,
}
SDXL = {
    "_class_name": "EulerDiscreteScheduler", "_diffusers_version": "0.19.0.dev0", "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False, "interpolation_type": "linear",
    "num_train_timesteps": 1000, "prediction_type": "epsilon", "sample_max_value": 1.0, "set_alpha_to_one": False,
    "skip_prk_steps": True, "steps_offset": 1, "timestep_spacing": "leading", "trained_betas": None,
    "use_karras_sigmas": False,
}


def cases():
    """(scheduler, config, steps, eta, sigmas): sigmas is a name of the API, "" for none, or a list"""

    def case(name, config, steps, eta=0.0, sigmas="", **fields):
        return name, {**config, **fields}, steps, eta, sigmas

    yield from later_cases(case)
    for name in FIRST:
        for steps in (1, 4, 12, 20, 30):
            yield case(name, SD15, steps)
        yield case(name, SDXL, 20)
        # Each class's own defaults.
        if name != "pndm":
            yield case(name, {}, 4)
        yield case(name, {}, 17)
        yield case(name, SD15, 12, beta_schedule="squaredcos_cap_v2")
        yield case(name, SD15, 12, beta_schedule="linear", beta_start=0.0001, beta_end=0.02)
        yield case(name, SD15, 7, num_train_timesteps=200, original_inference_steps=40)
        trained = [round(0.001 + 0.0004 * i, 6) for i in range(60)]
        yield case(name, SD15, 9, num_train_timesteps=60, trained_betas=trained, original_inference_steps=20)
        yield case(name, SD15, 12, _use_default_values=["beta_end", "timestep_spacing"], timestep_spacing="trailing")

    spacings = ("linspace", "leading", "trailing")
    predictions = ("epsilon", "v_prediction", "sample")
    for name, spacing, prediction in itertools.product(FIRST, spacings, predictions):
        if prediction == "sample" and name in ("pndm", "euler_a"):
            continue
        if name != "lcm" or spacing == "leading":
            yield case(name, SD15, 11, timestep_spacing=spacing, prediction_type=prediction)
    for name, spacing in itertools.product(("ddim", "euler", "euler_a", "dpm++2m", "unipc", "lcm"), spacings):
        if name != "lcm" or spacing == "leading":
            yield case(name, SD15, 12, timestep_spacing=spacing, prediction_type="v_prediction",
                       rescale_betas_zero_snr=True)

    for eta in (0.3, 1.0):
        yield case("ddim", SD15, 12, eta)
    yield case("ddim", SD15, 12, 1.0, set_alpha_to_one=True, timestep_spacing="trailing")
    for name in ("ddim", "lcm"):
        yield case(name, SD15, 8, clip_sample=True, clip_sample_range=0.7)
    for name in ("ddim", "lcm", "dpm++2m", "unipc"):
        yield case(name, SD15, 8, thresholding=True)
        yield case(name, SD15, 8, thresholding=True, dynamic_thresholding_ratio=0.83, sample_max_value=1.6)
    yield case("ddim", SD15, 20, timestep_spacing="trailing", steps_offset=0, num_train_timesteps=999)

    for spacing, steps in itertools.product(spacings, (4, 10, 21)):
        yield case("pndm", SD15, steps, skip_prk_steps=False, timestep_spacing=spacing, steps_offset=0)
    yield case("pndm", SD15, 10, skip_prk_steps=False, prediction_type="v_prediction", set_alpha_to_one=True)
    for steps in (2, 3, 50):
        yield case("pndm", SD15, steps, timestep_spacing="linspace")

    for name, steps in itertools.product(("euler", "dpm++2m", "unipc"), (1, 4, 12, 20, 30)):
        yield case(name, SD15, steps, sigmas="karras")
    for name in ("euler", "dpm++2m", "unipc"):
        yield case(name, SDXL, 15, sigmas="karras")
        yield case(name, SD15, 15, prediction_type="v_prediction", use_karras_sigmas=True)
        yield case(name, SD15, 10, rescale_betas_zero_snr=True, prediction_type="v_prediction", sigmas="karras")
        yield case(name, SD15, 10, beta_schedule="squaredcos_cap_v2", sigmas="karras")
        for family in ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"):
            yield case(name, SD15, 14, **{family: True})
            yield case(name, SD15, 16, final_sigmas_type="sigma_min", **{family: True})
            yield case(name, SD15, 10, sigma_min=0.05, sigma_max=11.0, **{family: True})
        for steps in (10, 20):
            yield case(name, SD15, steps, final_sigmas_type="sigma_min")
    yield case("euler", SD15, 12, interpolation_type="log_linear")
    yield case("euler", SD15, 12, interpolation_type="log_linear", sigmas="karras")
    for steps in (5, 25):
        yield case("euler", {}, steps, _class_name="EulerDiscreteScheduler", beta_end=0.012,
                   beta_schedule="scaled_linear", beta_start=0.00085, interpolation_type="linear",
                   prediction_type="v_prediction", sigma_max=700.0, sigma_min=0.002, steps_offset=1,
                   timestep_spacing="leading", timestep_type="continuous", use_karras_sigmas=True)
    yield case("euler", SD15, 12, timestep_type="continuous", prediction_type="v_prediction")
    yield case("euler", SD15, 12, prediction_type="original_sample")

    for order, solver, steps in itertools.product((1, 2, 3), ("midpoint", "heun"), (6, 18)):
        for algorithm in ("dpmsolver++", "sde-dpmsolver++"):
            yield case("dpm++2m", SD15, steps, solver_order=order, solver_type=solver, algorithm_type=algorithm)
        for algorithm in ("dpmsolver", "sde-dpmsolver"):
            if algorithm == "dpmsolver" or order < 3:
                yield case("dpm++2m", SD15, steps, solver_order=order, solver_type=solver, algorithm_type=algorithm,
                           final_sigmas_type="sigma_min")
    for prediction in ("v_prediction", "sample"):
        yield case("dpm++2m", SD15, 9, algorithm_type="dpmsolver", prediction_type=prediction,
                   final_sigmas_type="sigma_min", thresholding=prediction == "sample")
    for spacing, minimum in itertools.product(spacings, (-5.1, -1.5)):
        yield case("dpm++2m", SD15, 9, beta_schedule="squaredcos_cap_v2", lambda_min_clipped=minimum,
                   timestep_spacing=spacing)
    yield case("dpm++2m", SD15, 20, use_lu_lambdas=True)
    yield case("dpm++2m", SD15, 20, use_lu_lambdas=True, beta_schedule="squaredcos_cap_v2")
    for steps in (8, 18):
        yield case("dpm++2m", SD15, steps, euler_at_final=True, final_sigmas_type="sigma_min", solver_order=3)
        yield case("dpm++2m", SD15, steps, lower_order_final=False, final_sigmas_type="sigma_min")
    yield case("dpm++2m", SD15, 12, algorithm_type="deis", solver_type="logrho",
               final_sigmas_type="sigma_min")
    yield case("dpm++2m", SD15, 12, solver_type="bh2", solver_order=4)

    for order, solver, steps in itertools.product((1, 2, 3, 4), ("bh1", "bh2"), (6, 18)):
        yield case("unipc", SD15, steps, solver_order=order, solver_type=solver, final_sigmas_type="sigma_min")
        if solver == "bh2":
            yield case("unipc", SD15, steps, solver_order=order)
    for prediction, solver in itertools.product(predictions, ("bh1", "bh2")):
        yield case("unipc", SD15, 9, predict_x0=False, prediction_type=prediction, solver_type=solver,
                   final_sigmas_type="sigma_min")
    yield case("unipc", SD15, 12, disable_corrector=[0, 1, 5])
    yield case("unipc", SD15, 12, lower_order_final=False, final_sigmas_type="sigma_min", solver_order=3)
    yield case("unipc", SD15, 12, solver_type="midpoint")

    for steps in (2, 8, 50):
        yield case("lcm", SD15, steps, timestep_scaling=4.0)
    yield case("lcm", SD15, 6, original_inference_steps=100, set_alpha_to_one=True)


def later_cases(case):
    trained = [round(0.001 + 0.0004 * i, 6) for i in range(60)]
    for name in LATER:
        # In very long steps of dpm2_a nothing but rounding is left of float32's difference that makes its sigma_down, so these are left out.
        for steps in (1, 4, 6, 20) if name == "dpm2_a" else (1, 2, 6, 20):
            yield case(name, SD15, steps)
        yield case(name, SDXL, 12)
        yield case(name, {}, 17)
        if name != "dpm2_a":
            yield case(name, SD15, 9, beta_schedule="squaredcos_cap_v2")
        yield case(name, SD15, 9, num_train_timesteps=60, trained_betas=trained, original_inference_steps=20)
        yield case(name, SD15, 11, timestep_spacing="leading", prediction_type="v_prediction")
        yield case(name, SD15, 11, timestep_spacing="trailing", prediction_type="v_prediction", rescale_betas_zero_snr=True)
        if name not in ("dpm2", "dpm2_a", "dpm++_sde"):
            yield case(name, SD15, 11, timestep_spacing="trailing", prediction_type="sample")
    for eta in (0.3, 0.55, 1.0):
        yield case("tcd", SD15, 4, eta)
    yield case("tcd", SD15, 8, 0.3, prediction_type="v_prediction", original_inference_steps=100)
    yield case("heun", SD15, 8, clip_sample=True, clip_sample_range=0.7)
    for order, steps in itertools.product((1, 2, 3), (6, 18)):
        yield case("deis", SD15, steps, solver_order=order)
    yield case("deis", SD15, 12, solver_order=3, lower_order_final=False)
    yield case("deis", SD15, 12, algorithm_type="dpmsolver++", solver_type="midpoint", thresholding=True)
    for name in ("dpm++2m_sde", "dpm++3m_sde"):
        yield case(name, SD15, 10, solver_type="heun", algorithm_type="dpmsolver++", solver_order=1)

    for name in ("ddim", "pndm", "euler_a", "deis", *RESPACED):
        yield case(name, SD15, 9, sigmas="sgm_uniform")
    for name in ("deis", *RESPACED):
        for family in FAMILIES:
            yield case(name, SD15, 8, sigmas=family, use_karras_sigmas=family != "karras")
        if name not in FIRST:
            yield case(name, SD15, 16, use_karras_sigmas=True)
            yield case(name, SD15, 8, use_karras_sigmas=True, sigma_min=0.05, sigma_max=11.0)
            yield case(name, SD15, 8, use_exponential_sigmas=True, sigma_min=0.05, sigma_max=11.0)
    for name in RESPACED:
        yield case(name, SD15, len(GIVEN), sigmas=GIVEN)
        yield case(name, SD15, 10, sigmas="ays")
    for config, steps in itertools.product((SD15, SDXL), (1, 4, 10, 25)):
        yield case("euler", config, steps, sigmas="ays")
    yield case("dpm++2m", SDXL, 7, sigmas="ays")


def is_xl(config):
    return config.get("_class_name") == SDXL["_class_name"]


def align_your_steps(config, steps):
    """The authors' interpolation, https://research.nvidia.com/labs/toronto-ai/AlignYourSteps/howto.html; they end at 0.029 where diffusers has 0."""
    table = AysSchedules["StableDiffusionXLSigmas" if is_xl(config) else "StableDiffusionSigmas"]
    levels = np.array([*table[:-1], 0.029])
    places = np.linspace(0, 1, len(levels))
    spaced = np.exp(np.interp(np.linspace(0, 1, steps + 1), places, np.log(levels[::-1])))[::-1][:-1]
    if steps == 10 and not np.allclose(spaced, table[:-1], rtol=1e-12):
        raise SystemExit("ten steps are not the published ones")
    return spaced


def build(name, config, steps, sigmas=""):
    """The scheduler, and what its set_timesteps or a pipeline is to be called with. Levels of one's own go in where a class takes them; in the others,
    in place of its Karras sigmas (in DPM2's, which would round their timesteps, of its exponential ones)."""
    changes = dict(CHANGES.get(name, {}))
    if sigmas != "":
        changes |= {f"use_{family}_sigmas": family == sigmas for family in FAMILIES}
    if sigmas == "sgm_uniform":
        changes["timestep_spacing"] = "trailing"
    levels = align_your_steps(config, steps) if sigmas == "ays" else np.array(sigmas) if isinstance(sigmas, list) else None
    if levels is None:
        return CLASSES[name].from_config(dict(config), **changes), {"num_inference_steps": steps}
    if name == "euler":
        return CLASSES[name].from_config(dict(config), **changes), {"sigmas": [*levels, 0.0]}
    family = "exponential" if name.startswith("dpm2") else "karras"
    scheduler = CLASSES[name].from_config(dict(config), **{**changes, f"use_{family}_sigmas": True})
    setattr(scheduler, f"_convert_to_{family}", lambda in_sigmas, num_inference_steps=None: levels)
    return scheduler, {"num_inference_steps": steps}


def saved_calls(name, count):
    """Which calls of a run are kept: an error of any other shows in the later ones."""
    kept = {0, 2, count // 2, count - 1} if name in FIRST else {count // 2, count - 1}
    return sorted(kept & set(range(count)))


def run(name, config, steps, eta, sigmas, noise, outputs):
    scheduler, timesteps = build(name, config, steps, sigmas)
    scheduler.set_timesteps(**timesteps)
    generator = torch.Generator().manual_seed(NOISE_SEED)
    if name == "dpm++_sde":
        scheduler.generator, scheduler.shape = generator, SHAPE
    accepted = inspect.signature(scheduler.step).parameters
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)
    timesteps = scheduler.timesteps
    kept = saved_calls(name, len(timesteps))
    sample = noise * scheduler.init_noise_sigma
    sigma = float(scheduler.init_noise_sigma)
    latents, scaled, denoised = [], None, None
    for call, t in enumerate(timesteps):
        model_input = scheduler.scale_model_input(sample, t)
        if call == len(timesteps) // 2:
            scaled = model_input.clone()
        output = 0.5 * outputs[call] + 0.5 * model_input
        options = {key: value for key, value in {"eta": eta, "generator": generator}.items() if key in accepted}
        result = scheduler.step(output, t, sample, **options)
        sample = result.prev_sample
        if call in kept:
            latents.append(sample.flatten())
        if call == len(timesteps) // 2:
            clean = result.get("pred_original_sample", None)
            denoised = clean if clean is not None else result.get("denoised", None)
    latents = torch.stack(latents)
    if not bool(latents.isfinite().all()):
        raise SystemExit(f"not finite: {name} {config} {steps}")
    tensors = {"latents": latents}
    if name in IN_SIGMA:
        tensors["scaled"] = scaled.flatten()
    if denoised is not None:
        tensors["denoised"] = denoised.flatten()
    return [float(t) for t in timesteps], sigma, kept, tensors


def noise_draws():
    """Several draws from one generator each, so that state carried between them shows."""
    runs = [
        (0, [1, 1, 2, 3, 15, 16, 1, 17, 4]),
        (1, [16, 31, 32, 33, 7, 100, 5]),
        (42, [4 * 64 * 64 // 8, 15, 15, 16]),
        (123456789, [1000, 1, 999]),
        (2**32 + 5, [20, 3]),
        (2**64 - 1, [48, 13, 2]),
        (0xFFFFFFFF, [48]),
    ]
    tensors = {}
    for seed, sizes in runs:
        generator = torch.Generator().manual_seed(seed)
        for index, size in enumerate(sizes):
            tensors[f"{seed}.{index}"] = torch.randn(size, generator=generator)
    # All of a 512x512 image's latents would be 64 KiB: the first and last values of a big draw say as much.
    generator = torch.Generator().manual_seed(2026)
    big = torch.randn(4 * 64 * 64 + 5, generator=generator)
    tensors["2026.head"], tensors["2026.tail"] = big[:64].clone(), big[-64:].clone()
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("test/golden"))
    out = parser.parse_args().out
    warnings.simplefilter("ignore")
    diffusers.logging.set_verbosity_error()
    torch.set_num_threads(1)

    generator = torch.Generator().manual_seed(11)
    tensors = {"noise": torch.randn(SHAPE, generator=generator), "outputs": torch.randn((64, *SHAPE[1:]), generator=generator)}
    entries = []
    for name, config, steps, eta, sigmas in cases():
        timesteps, sigma, kept, results = run(
            name, config, steps, eta, sigmas, tensors["noise"], tensors["outputs"].unsqueeze(1))
        for key, value in results.items():
            tensors[f"{len(entries)}.{key}"] = value.contiguous()
        entries.append({"scheduler": name, "config": config, "steps": steps, "eta": eta, "sigmas": sigmas,
                        "xl": is_xl(config), "timesteps": timesteps, "init_noise_sigma": sigma, "kept": kept})
    save_file(tensors, out / "schedulers.safetensors")
    versions = {"diffusers": diffusers.__version__, "torch": torch.__version__.split("+")[0]}
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    (out / "schedulers.json").write_text(
        f'{{"made_with": {json.dumps(versions)}, "noise_seed": {NOISE_SEED}, "cases": [\n{lines}\n]}}\n')
    save_file(noise_draws(), out / "noise.safetensors")
    for name in ("schedulers.safetensors", "noise.safetensors"):
        (out / name).chmod(0o644)
    print(len(entries), "cases")


if __name__ == "__main__":
    main()
