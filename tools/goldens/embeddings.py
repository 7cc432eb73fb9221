"""Textual inversion files in the layouts people have, and what diffusers makes of the small models with them, for
test/embeddings.test.ts and test/native/pipeline_embeddings_test.cc.

    python tools/goldens/embeddings.py

Needs the packages of loras.py. Reads test/golden/models/{sd15,sdxl}; writes test/golden/embeddings/ and embeddings.{json,safetensors}.
"""
import shutil

import diffusers
import torch
import transformers
from safetensors.torch import load_file, save_file

from loras import open_pipeline
from store import ROOT, write_json

FOLDER = ROOT / "embeddings"
# file, the token it is loaded under (None: its own), the text encoders it is for
LOADED = {
    "sd15": [("learned_embeds.bin", None), ("style.safetensors", None), ("bad-pictures.pt", None), ("halves.safetensors", "<half>")],
    "sdxl": [("xl.safetensors", "<xl>"), ("wide.safetensors", None)],
}
CASES = [
    dict(name="one", model="sd15", prompt="a photo of a <Cat-Toy> on a table", negative="blurry"),
    dict(name="vectors", model="sd15", prompt="a cat in <my-style>, red", negative="bad-pictures"),
    dict(name="inside-words", model="sd15", prompt="pre<my-style>post <cat-toy><cat-toy>s", negative=""),
    dict(name="longest", model="sd15", prompt="<my-style>_2 and <half>", negative="a <cat-toy>"),
    dict(name="two-encoders", model="sdxl", prompt="a photo of <xl>, <wide>", negative="no <xl>"),
]


def make_files(widths):
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    generator = torch.Generator().manual_seed(31)

    def rows(*shape):
        return torch.randn(shape, generator=generator)

    width = widths["sd15"][0]
    torch.save({"<cat-toy>": rows(width)}, FOLDER / "learned_embeds.bin")
    save_file({"<my-style>": rows(3, width)}, FOLDER / "style.safetensors")
    # As AUTOMATIC1111 saves it while it trains.
    vectors = torch.nn.Parameter(rows(4, width))
    torch.save({"string_to_token": {"*": 265}, "string_to_param": {"*": vectors}, "name": "bad-pictures", "step": 1999, "sd_checkpoint": "81761151",
                "sd_checkpoint_name": None}, FOLDER / "bad-pictures.pt")
    save_file({"emb_params": rows(2, width).half()}, FOLDER / "halves.safetensors")
    first, second = widths["sdxl"]
    save_file({"clip_l": rows(2, first), "clip_g": rows(2, second)}, FOLDER / "xl.safetensors")
    save_file({"<wide>": rows(2, second)}, FOLDER / "wide.safetensors")


def load(pipe, model):
    for file, token in LOADED[model]:
        path = FOLDER / file
        if model == "sd15":
            pipe.load_textual_inversion(str(FOLDER), weight_name=file, token=token, local_files_only=True)
            continue
        tensors = load_file(path)
        for key, encoder, tokenizer in (("clip_l", pipe.text_encoder, pipe.tokenizer), ("clip_g", pipe.text_encoder_2, pipe.tokenizer_2)):
            if key in tensors:
                pipe.load_textual_inversion(tensors[key], token=token, text_encoder=encoder, tokenizer=tokenizer)
        if token is None:
            pipe.load_textual_inversion(tensors, text_encoder=pipe.text_encoder_2, tokenizer=pipe.tokenizer_2)


def ids_of(pipe, prompt, tokenizer):
    prompt = pipe.maybe_convert_prompt(prompt, tokenizer)
    return tokenizer(prompt, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt").input_ids[0]


def run(case):
    pipe = open_pipeline(case["model"])
    load(pipe, case["model"])
    out = {}
    for text in ("prompt", "negative"):
        for i, tokenizer in enumerate([pipe.tokenizer, getattr(pipe, "tokenizer_2", None)]):
            if tokenizer is not None:
                out[f"{text}_ids.{i}"] = ids_of(pipe, case[text], tokenizer).to(torch.int32)
    embeds = pipe.encode_prompt(prompt=case["prompt"], negative_prompt=case["negative"], device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True)
    out["prompt_embeds"], out["negative_embeds"] = embeds[0][0], embeds[1][0]
    if len(embeds) == 4:
        out["prompt_pooled"], out["negative_pooled"] = embeds[2][0], embeds[3][0]
    pipe.scheduler = diffusers.DDIMScheduler.from_config(pipe.scheduler.config)
    out["latents"] = pipe(prompt=case["prompt"], negative_prompt=case["negative"], num_inference_steps=5, guidance_scale=4.0, width=64, height=64,
                          output_type="latent", generator=torch.Generator().manual_seed(7)).images[0]
    return out


def main():
    torch.set_num_threads(1)
    widths = {}
    for model in LOADED:
        pipe = open_pipeline(model)
        encoders = [pipe.text_encoder] + ([pipe.text_encoder_2] if model == "sdxl" else [])
        widths[model] = [encoder.get_input_embeddings().weight.shape[1] for encoder in encoders]
    assert widths["sdxl"][0] != widths["sdxl"][1]
    make_files(widths)
    save_file({f"{case['name']}.{key}": value.contiguous() for case in CASES for key, value in run(case).items()}, ROOT / "embeddings.safetensors")
    loaded = {model: [dict(file=file) | ({} if token is None else dict(token=token)) for file, token in files] for model, files in LOADED.items()}
    write_json(ROOT / "embeddings.json", dict(versions=dict(torch=torch.__version__.split("+")[0], diffusers=diffusers.__version__, transformers=transformers.__version__),
                                              steps=5, guidance=4.0, seed=7, loaded=loaded, cases=CASES))


if __name__ == "__main__":
    with torch.no_grad():
        main()
