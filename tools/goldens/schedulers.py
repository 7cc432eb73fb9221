"""Reference trajectories of the diffusers schedulers and reference draws of torch.randn.

    python tools/goldens/schedulers.py [--out test/golden]

needs diffusers, torch, safetensors and scipy (for the beta sigmas). Writes schedulers.safetensors and schedulers.json (one
entry a case) and noise.safetensors. The "model" of every case is 0.5 * outputs[call] + 0.5 * scaled input, which is exact to
one float32 rounding wherever it is computed; fresh noise comes from a generator seeded with NOISE_SEED.
"""

import argparse
import itertools
import json
import pathlib
import warnings

import diffusers
import torch
from safetensors.torch import save_file

SHAPE = (1, 4, 6, 6)
NOISE_SEED = 7
CLASSES = {
    "ddim": diffusers.DDIMScheduler,
    "pndm": diffusers.PNDMScheduler,
    "euler": diffusers.EulerDiscreteScheduler,
    "euler_a": diffusers.EulerAncestralDiscreteScheduler,
    "dpm++2m": diffusers.DPMSolverMultistepScheduler,
    "unipc": diffusers.UniPCMultistepScheduler,
    "lcm": diffusers.LCMScheduler,
}

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
    """(scheduler, config, steps, eta, karras)"""

    def case(name, config, steps, eta=0.0, karras=False, **fields):
        return name, {**config, **fields}, steps, eta, karras

    for name in CLASSES:
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
    for name, spacing, prediction in itertools.product(CLASSES, spacings, predictions):
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
        yield case(name, SD15, steps, karras=True)
    for name in ("euler", "dpm++2m", "unipc"):
        yield case(name, SDXL, 15, karras=True)
        yield case(name, SD15, 15, prediction_type="v_prediction", use_karras_sigmas=True)
        yield case(name, SD15, 10, rescale_betas_zero_snr=True, prediction_type="v_prediction", karras=True)
        yield case(name, SD15, 10, beta_schedule="squaredcos_cap_v2", karras=True)
        for family in ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"):
            yield case(name, SD15, 14, **{family: True})
            yield case(name, SD15, 16, final_sigmas_type="sigma_min", **{family: True})
            yield case(name, SD15, 10, sigma_min=0.05, sigma_max=11.0, **{family: True})
        for steps in (10, 20):
            yield case(name, SD15, steps, final_sigmas_type="sigma_min")
    yield case("euler", SD15, 12, interpolation_type="log_linear")
    yield case("euler", SD15, 12, interpolation_type="log_linear", karras=True)
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


def saved_calls(count):
    """Which calls of a run are kept: an error of any other shows in the later ones."""
    return sorted({0, 2, count // 2, count - 1} & set(range(count)))


def run(name, config, steps, eta, karras, noise, outputs):
    extra = {"use_karras_sigmas": True} if karras else {}
    scheduler = CLASSES[name].from_config(dict(config), **extra)
    scheduler.set_timesteps(steps)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)
    generator = torch.Generator().manual_seed(NOISE_SEED)
    timesteps = scheduler.timesteps
    kept = saved_calls(len(timesteps))
    sample = noise * scheduler.init_noise_sigma
    sigma = float(scheduler.init_noise_sigma)
    latents, scaled, denoised = [], None, None
    for call, t in enumerate(timesteps):
        model_input = scheduler.scale_model_input(sample, t)
        if call == len(timesteps) // 2:
            scaled = model_input.clone()
        output = 0.5 * outputs[call] + 0.5 * model_input
        options = {"eta": eta} if name == "ddim" else {}
        if name not in ("pndm", "unipc"):
            options["generator"] = generator
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
    if name in ("euler", "euler_a"):
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
    for name, config, steps, eta, karras in cases():
        timesteps, sigma, kept, results = run(
            name, config, steps, eta, karras, tensors["noise"], tensors["outputs"].unsqueeze(1))
        for key, value in results.items():
            tensors[f"{len(entries)}.{key}"] = value.contiguous()
        entries.append({"scheduler": name, "config": config, "steps": steps, "eta": eta, "karras": karras,
                        "timesteps": timesteps, "init_noise_sigma": sigma, "kept": kept})
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
