"""From a row to what is run: {"load", "generate"} for us (and "first", a call whose latents go in), and a function that runs diffusers.

Rows of equal key have the same reference, which is made once.
"""
import functools

import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionModelWithProjection

import adapters
import embeddings
import formats
import loras
import lycoris_kinds
import models
import references
import store
import structure


def replace_weights(pipe, states):
    """Weights that a form rounds, in place of the pipeline's."""
    for part, state in (states or {}).items():
        missing = getattr(pipe, part).load_state_dict(state, strict=False)
        if missing.unexpected_keys or any("position_ids" not in key for key in missing.missing_keys):
            raise ValueError(f"{part}: {missing}")
    return pipe


def whole_key(model, call, rounded=""):
    """Of a call of a model alone; `rounded`: the form whose rounded weights it has."""
    return ("model", model, rounded, *sorted((references.CALL | call).items(), key=str))


def family(row):
    model, call = models.model(row.model), dict(row.call)
    return dict(key=whole_key(row.model, call), load={"model": model.path}, generate=references.our_options(call),
                reference=lambda: references.run(references.open_pipeline(model), call))


def model_format(row):
    """A whole model in another form."""
    model, states, call = models.model(row.model), None, dict(row.call)
    if row.form in formats.FOLDERS:
        path = formats.write_folder(model, row.form)
    else:
        path, states = formats.write_file(model, row.form)
    return dict(key=whole_key(row.model, call, row.form if states else ""), load={"model": path}, generate=references.our_options(call),
                reference=lambda: references.run(replace_weights(references.open_pipeline(model), states), call))


def changed(row):
    """A model that changes a picture, where a mask says so if it takes one."""
    model, call, picture = models.model(row.model), dict(row.call), adapters.picture()
    mask = adapters.mask() if "inpaint" in row.model else None
    path = formats.write_file(model, row.form)[0] if row.form else model.path
    return dict(key=("changed", row.model), load={"model": path}, generate=references.our_options(call) | {"image": picture} | ({"mask": mask, "strength": 1} if mask else {}),
                reference=lambda: references.run_changed(model, call, picture, mask))


def unet_type(row):
    model = models.model(row.model)
    folder, state = formats.write_typed_unet(model, row.form)
    load = {"model": formats.write_typed_file(model, row.form)} if row.whole else {"model": model.path, "unet": folder}
    return dict(key=("type", row.model, row.form), load=load, generate=references.our_options({}),
                reference=lambda: references.run(replace_weights(references.open_pipeline(model), {"unet": state}), {}))


def unet_file(row):
    model = models.model(row.model)
    path, state = formats.write_unet_file(model, row.form)
    return dict(key=whole_key(row.model, {}, f"unet {row.form}" if state else ""), load={"model": model.path, "unet": path}, generate=references.our_options({}),
                reference=lambda: references.run(replace_weights(references.open_pipeline(model), {"unet": state} if state else None), {}))


def refined(row):
    base, refiner = models.model("sdxl"), models.refiner()
    share, call = 0.6, dict(row.call)
    paths = (formats.write_file(base, row.form)[0], formats.write_file(refiner, row.form)[0]) if row.form else (base.path, refiner.path)
    options = references.our_options(call)
    return dict(key=("refined",), load={"model": paths[1]}, generate=options | {"denoisingStart": share},
                first={"load": {"model": paths[0]}, "generate": options | {"denoisingEnd": share, "output": "latents"}},
                reference=lambda: references.run_refined(call, share))


def adapter(row):
    name, form = row.name.strip("`"), row.form
    model_name, _, encoder = adapters.FILES[name]
    model, call = models.model(model_name), dict(row.call)

    def reference():
        vision = CLIPVisionModelWithProjection.from_pretrained(models.encoder(encoder), torch_dtype=torch.float32).eval()
        pipe = references.open_pipeline(model, image_encoder=vision)
        return references.run(pipe, call, **adapters.reference_inputs(pipe, name))

    load = {"model": model.path, "adapters": [{"file": adapters.file(name, form)}], "imageEncoder": models.encoder(encoder)}
    if row.whole:
        load |= {"model": formats.write_file(model, "one file, `.safetensors`")[0], "imageEncoder": models.encoder_file(encoder)}
    return dict(key=("adapter", name), load=load, generate=references.our_options(call) | {"imagePrompts": [adapters.our_prompt(name)]}, reference=reference)


@functools.cache
def few_step_lora(model):
    """A LoRA of the UNet alone, as those are that shorten the sampling; in kohya's names."""
    lora_files("lora")
    state = load_file(loras.FOLDER / f"{'sdxl-sgm' if model == 'sdxl' else 'sd15-kohya'}.safetensors")
    path = loras.FOLDER / f"few-steps-{model}.safetensors"
    save_file({key: value for key, value in state.items() if key.startswith("lora_unet_")}, path)
    return path


def few_steps(row):
    """A model made for few steps, by a LoRA or by a UNet of its own, with an IP-Adapter."""
    model, name, call, lora_file = models.model(row.model), row.column.strip("`"), dict(row.call), None
    encoder = models.encoder(adapters.FILES[name][2])
    load = {"model": model.path, "adapters": [{"file": adapters.published(name)}], "imageEncoder": encoder}
    if row.form == "LoRA":
        lora_file = few_step_lora(row.model)
        load["loras"] = [{"file": lora_file, "weight": 1}]
    elif row.form:
        load["unet"], _ = formats.write_unet_file(model, row.form)

    def reference():
        vision = CLIPVisionModelWithProjection.from_pretrained(encoder, torch_dtype=torch.float32).eval()
        pipe = references.open_pipeline(model, image_encoder=vision)
        if lora_file is not None:
            state, alphas = pipe.lora_state_dict(lora_file.parent, weight_name=lora_file.name, local_files_only=True, unet_config=pipe.unet.config)
            pipe.load_lora_into_unet(state, network_alphas=alphas, unet=pipe.unet, adapter_name="few", _pipeline=pipe)
        return references.run(pipe, call, **adapters.reference_inputs(pipe, name))

    return dict(key=("few steps", row.name, name), load=load, generate=references.our_options(call) | {"imagePrompts": [adapters.our_prompt(name)]}, reference=reference)


def vae(row):
    model = models.model("sd15")
    tiny = row.form.startswith("AutoencoderTiny")
    path, network = models.taesd() if tiny else models.other_vae()
    if row.form in formats.VAE_FILES:
        path = formats.write_vae_file(network, row.form)
    elif row.form.endswith("file"):
        path = path / "diffusion_pytorch_model.safetensors"
    return dict(key=("vae", tiny), load={"model": model.path, "vae": path}, generate=references.our_options({}),
                reference=lambda: references.run(references.open_pipeline(model, vae=network), {}))


# How loras.py, lycoris_kinds.py and embeddings.py call the pipeline.
LORA_CALL = dict(promptSyntax="plain", scheduler="ddim", steps=5, guidance=4.0, seed=7, width=64, height=64, output="latents")


@functools.cache
def lora_files(kind):
    """Makes the files of one module of tools/goldens for our models; returns its cases by name, and what runs one in diffusers."""
    for name in ("sd15", "sdxl"):
        models.model(name)
    module = {"lora": loras, "lycoris": lycoris_kinds}[kind]
    if kind == "lora":
        texts = loras.Texts()
        loras.make_files(texts)
        return module, lambda case: loras.run(case, texts)["latents"]
    lycoris_kinds.make_files()
    lycoris_kinds.make_peft_dora()
    return module, lycoris_kinds.run


def lora(row):
    module, run = lora_files(row.kind)
    case = next(case for case in module.CASES if case["name"] == row.form)
    files = []
    for name, weight in case["loras"]:
        path = module.FOLDER / f"{name}.safetensors"
        if row.column == "PyTorch":
            path = path.with_suffix(".pt")
            torch.save(load_file(path.with_suffix(".safetensors")), path)
        files.append({"file": path, "weight": weight})
    return dict(key=(row.kind, row.form), load={"model": models.model(case["model"]).path, "loras": files},
                generate=LORA_CALL | {"prompt": loras.PROMPT, "negativePrompt": ""}, reference=lambda: {"latents": run(case)})


@functools.cache
def embedding_files():
    embeddings.make_files({"sd15": (models.TEXT["hidden_size"],), "sdxl": [config["hidden_size"] for _, _, config in models.MODELS["sdxl"]["texts"]]})


def embedding(row):
    embedding_files()
    case = next(case for case in embeddings.CASES if case["name"] == row.form)
    model = models.model(case["model"])
    loaded = [{"file": embeddings.FOLDER / file} | ({} if token is None else {"token": token}) for file, token in embeddings.LOADED[case["model"]]]
    return dict(key=("embedding", row.form), load={"model": model.path, "embeddings": loaded},
                generate=LORA_CALL | {"prompt": case["prompt"], "negativePrompt": case["negative"]}, reference=lambda: {"latents": embeddings.run(case)["latents"]})


@functools.cache
def easy_negative():
    """Eight vectors of one text encoder under `emb_params`; the file's name is the token."""
    path = store.ROOT / "embeddings-krita" / "EasyNegative.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file({"emb_params": torch.randn(8, models.TEXT["hidden_size"], generator=torch.Generator().manual_seed(32))}, path)
    return path


def negative_embedding(row):
    model, path, negative = models.model(row.model), easy_negative(), "blurry, EasyNegative"
    # Of a token with capitals diffusers 0.42 on transformers 5 takes the first vector alone: here all are named.
    named = negative + "".join(f" EasyNegative_{i}" for i in range(1, 8))

    def reference():
        pipe = references.open_pipeline(model)
        pipe.load_textual_inversion(str(path.parent), weight_name=path.name, token=path.stem, local_files_only=True)
        return references.run(pipe, dict(row.call), named)

    return dict(key=("negative embedding", row.model), load={"model": model.path, "embeddings": [{"file": path}]},
                generate=references.our_options(dict(row.call)) | {"negativePrompt": negative}, reference=reference)


# --- structure controls and Fooocus ---

def model_of(row):
    """The folder of the row's model, or it in one file."""
    model = models.model(row.model)
    return model, formats.write_file(model, "one file, `.safetensors`")[0] if row.whole else model.path


def structure_kind(row):
    """Of the reference: calls whose edges meet have others."""
    return f"{row.kind} {row.call['seamless']}" if "seamless" in row.call else row.kind


def use(control=0, picture=0, **more):
    return {"control": control, "image": structure.pictures(2)[picture], "scale": structure.SCALE} | more


def control(row):
    (model, path), call = model_of(row), dict(row.call)
    network, file = ((structure.control_lora(row.model)[::-1]) if row.part == "control-lora" else
                     (structure.net(row.part)[1], structure.file(row.part, row.form)))
    return dict(key=(structure_kind(row), row.model, row.part), load={"model": path, "controls": [{"file": file}]}, generate=references.our_options(call) | {"controls": [use()]},
                reference=lambda: structure.controlled(model, network, call))


def union(row):
    (model, path), call = model_of(row), dict(row.call)
    modes = call.pop("modes")
    return dict(key=(structure_kind(row), row.part, *modes), load={"model": path, "controls": [{"file": structure.file(row.part, row.form)}]},
                generate=references.our_options(call) | {"controls": [use(picture=i, mode=mode) for i, mode in enumerate(modes)]},
                reference=lambda: structure.united(model, structure.net(row.part)[1], modes, call))


def instantid(row):
    (model, path), call, name = model_of(row), dict(row.call), "ip-adapter-faceid-portrait_sdxl_unnorm"
    load = {"model": path, "controls": [{"file": structure.file(row.part, row.form)}], "adapters": [{"file": adapters.file(name, "`.bin`")}]}
    prompt = adapters.our_prompt(name)
    prompt["faceEmbeds"] = prompt["faceEmbeds"][:512]  # of one face
    generate = {"imagePrompts": [prompt], "controls": [{"control": 0, "faceKeypoints": structure.KEYPOINTS, "scale": structure.SCALE}]}
    return dict(key=(structure_kind(row),), load=load, generate=references.our_options(call) | generate, reference=lambda: structure.faced(model, structure.net(row.part)[1], name, call))


def fooocus(row):
    (model, path), call = model_of(row), dict(row.call)
    structure.inpaint_files(row.model)
    picture, mask = adapters.picture(), adapters.mask()
    files = {"head": structure.inpaint.FOLDER / "head.pth", "patch": structure.inpaint.FOLDER / "patch.fooocus.patch"}
    return dict(key=("fooocus", row.model), load={"model": path, "inpaint": files},
                generate=references.our_options(call) | {"image": picture, "mask": mask, "keepUnmasked": False},
                reference=lambda: structure.inpainted(model, picture, mask, call))


KINDS = {"control": control, "union": union, "instantid": instantid, "fooocus": fooocus, "negative embedding": negative_embedding, "family": family, "changed": changed, "format": model_format, "type": unet_type, "unet": unet_file, "refined": refined, "adapter": adapter, "vae": vae, "lora": lora, "lycoris": lora,
         "embedding": embedding, "few steps": few_steps}


def build(row):
    return KINDS[row.kind](row)
