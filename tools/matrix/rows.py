"""The rows of the matrix, as data. A new row is a line here; what its kind does with it is in cases.py."""
from dataclasses import dataclass, field

import adapters
import formats
import structure

COMFY = "layers as ComfyUI's model detection lists them"


@dataclass
class Row:
    section: str
    kind: str                 # of cases.py
    name: str                 # what the line of the table is called
    column: str = ""          # and the column
    model: str = ""           # of models.MODELS
    form: str = ""            # of the file or folder
    call: dict = field(default_factory=dict)
    note: str = ""
    part: str = ""            # of structure.NETS or structure.T2I
    whole: bool = False       # a file of the whole model rather than the part alone; of an adapter, also of its image encoder
    pending: str = ""         # why it is not verified

    @property
    def title(self):
        return " | ".join(part for part in (self.section, self.name, self.column) if part)


SPAN = "Models"
ROWS = [
    Row(SPAN, "family", "Stable Diffusion 1.x", model="sd15", call=dict(scheduler="pndm", guidance=7.5), note="`pndm`, 4 steps"),
    Row(SPAN, "family", "Stable Diffusion 2.x base (epsilon)", model="sd2-base", note="`ddim`, 4 steps; text from the last but one layer"),
    Row(SPAN, "family", "Stable Diffusion 2.x (v-prediction)", model="sd2", note="`ddim`, 4 steps"),
    Row(SPAN, "family", "SD-Turbo", model="sd-turbo", call=dict(scheduler="euler", steps=1, guidance=0), note="`euler`, 1 step, guidance 0, trailing timesteps"),
    Row(SPAN, "family", "SDXL base", model="sdxl", call=dict(scheduler="euler"), note="`euler`, 4 steps; 70 cross-attention layers as published"),
    Row(SPAN, "family", "SDXL, v-prediction", model="sdxl-v", call=dict(scheduler="euler"), note="zero terminal SNR"),
    Row(SPAN, "format", "SDXL, v-prediction, one file", model="sdxl-v", form="one file, `.safetensors`", call=dict(scheduler="euler"), note="its tensors `v_pred` and `ztsnr` tell it"),
    Row(SPAN, "refined", "SDXL refiner", call=dict(scheduler="euler", steps=10), note="10 steps, handed over at 0.6 of the schedule; folders"),
    Row(SPAN, "refined", "SDXL refiner, one file", form="one file, `.safetensors`", call=dict(scheduler="euler", steps=10), note="the same, base and refiner as one file each"),
    Row(SPAN, "family", "SDXL-Turbo", model="sdxl-turbo", call=dict(scheduler="euler_a", steps=1, guidance=0), note="`euler_a`, 1 step, guidance 0, trailing timesteps"),
    Row(SPAN, "family", "SDXL-Lightning", model="sdxl", call=dict(scheduler="euler", sigmas="sgm_uniform", guidance=0), note="`euler`, 4 steps, guidance 0, `sgm_uniform`"),
    Row(SPAN, "family", "LCM, SD 1.5", model="lcm", call=dict(scheduler="lcm", guidance=8), note="`lcm`, 4 steps, guidance 8 as an input (`time_cond_proj_dim`)"),
    Row(SPAN, "family", "LCM, SDXL", model="lcm-sdxl", call=dict(scheduler="lcm", guidance=8), note="the same"),
    Row(SPAN, "family", "segmind small-sd", model="small-sd", note="one layer a block, no mid block, as BK-SDM-Small; the configuration was written from memory"),
    Row(SPAN, "family", "segmind tiny-sd", model="tiny-sd", note="the same with three levels, as BK-SDM-Tiny; also from memory"),
    Row(SPAN, "family", "SSD-1B", model="ssd-1b", note=f"one residual layer as mid block, unequal transformer depths; {COMFY}"),
    Row(SPAN, "format", "SSD-1B, one file", model="ssd-1b", form="one file, `.safetensors`", note="depths and mid block read off the tensors"),
    Row(SPAN, "family", "Segmind Vega", model="vega", note=f"the same with other depths; {COMFY}"),
    Row(SPAN, "format", "Segmind Vega, one file", model="vega", form="one file, `.safetensors`"),
    Row(SPAN, "family", "KOALA-700M", model="koala-700m", note=f"no mid block; {COMFY}"),
    Row(SPAN, "family", "KOALA-1B", model="koala-1b", note=COMFY),
    Row(SPAN, "format", "KOALA-1B, one file", model="koala-1b", form="one file, `.safetensors`"),
    Row(SPAN, "changed", "Inpainting, SD 1.x", model="inpaint", note="9 input channels; `image` and `mask`"),
    Row(SPAN, "changed", "Inpainting, SD 1.x, one file", model="inpaint", form="one file, `.safetensors`"),
    Row(SPAN, "changed", "Inpainting, SD 2.x", model="inpaint-sd2"),
    Row(SPAN, "changed", "Inpainting, SDXL", model="inpaint-sdxl", call=dict(scheduler="euler")),
    Row(SPAN, "changed", "Instruct (InstructPix2Pix), SD 1.x", model="instruct", note="8 input channels; `image`"),
    Row(SPAN, "changed", "Instruct, SD 1.x, one file", model="instruct", form="one file, `.safetensors`"),
    Row(SPAN, "changed", "Instruct, SDXL", model="instruct-sdxl", call=dict(scheduler="euler")),
]

FAMILIES = {"SD 1.x": "sd15", "SD 2.x (v)": "sd2", "SD 2.x base": "sd2-base", "SDXL": "sdxl"}
ROWS += [Row("Forms of a model", "format", form, column, model, form) for form in [*formats.FOLDERS, *formats.FILES] for column, model in FAMILIES.items()]
ROWS += [Row("Forms of a model", "", "published weights at full size", column, pending="none could be fetched where this was made; full-size models with random weights are compared in [parity](parity.md)") for column in FAMILIES]

ROWS += [Row("Types of a UNet's weights", "type", form, column, model, form, whole=whole) for form in formats.TYPES
         for column, model, whole in (("SD 1.x, folder", "sd15", False), ("SD 1.x, one file", "sd15", True), ("SDXL, folder", "sdxl", False), ("SDXL, one file", "sdxl", True))]

ROWS += [Row("Types of a UNet's weights", "", "GGUF Q2_K to Q6_K", "SD 1.x, folder", pending="no Python package writes them; values the `gguf` package reads are compared in the tests")]

ROWS += [Row("A UNet in a file of its own", "unet", form, column, FAMILIES[column], form) for form in formats.UNET_FILES for column in FAMILIES]

NOTES = {"ip-adapter_sd15_light": "the layout of the base adapter (v11 too)", "ip-adapter_sd15_vit-G": "another encoder, through `imageEncoder`", "ip-adapter-plus-face_sd15": "the layout of plus",
         "ip_plus_composition_sd15": "the layout of plus", "ip_plus_composition_sdxl": "the layout of plus", "ip-adapter-faceid_sd15": "with its LoRA", "ip-adapter-faceid_sdxl": "with its LoRA",
         "ip-adapter-faceid-plus_sd15": "with its LoRA", "ip-adapter-faceid-plusv2_sd15": "with its LoRA; its name tells the variant", "ip-adapter-faceid-plusv2_sdxl": "with its LoRA; its name tells the variant",
         "ip-adapter-faceid-portrait_sd15": "two faces (v11 too)", "ip-adapter-faceid-portrait_sdxl": "two faces", "ip-adapter-faceid-portrait_sdxl_unnorm": "two faces of 512 floats"}
WITH_TRAINING = ("ip-adapter_sd15", "ip-adapter-plus_sd15", "ip-adapter_sdxl", "ip-adapter-plus_sdxl_vit-h")
ROWS += [Row("IP-Adapters", "adapter", f"`{name}`", form, form=form, note=NOTES.get(name, "")) for name in adapters.FILES
         for form in ("safetensors", *adapters.FORMS) if form in ("safetensors", "`.bin`", "GGUF, f16") or name in WITH_TRAINING]

ONE_FILE = "model and encoder in one file each"
ROWS += [Row("IP-Adapters", "adapter", f"`{name}`", ONE_FILE, form="safetensors", call=call, note=NOTES.get(name, ""), whole=True)
         for name, call in (("ip-adapter_sd15", {}), ("ip-adapter_sdxl_vit-h", {}), ("noobIPAMARK1_mark1", {}))]

CONTROLS = "Structure controls"
FILE, ORIGINAL, PREFIXED, PTH, PUBLISHED = (form for form in structure.FORMS)
NAMED = [("folder", "folder"), (FILE, FILE)]
OLD = [(form, form) for form in (ORIGINAL, PREFIXED, PTH)]
XL = dict(scheduler="euler")
ROWS += [Row(CONTROLS, "control", name, column, model, form, call, note, part)
         for name, part, model, forms, call, note in (
             ("ControlNet, SD 1.x", "sd15", "sd15", NAMED + OLD, {}, ""),
             ("ControlNet, SD 2.x", "sd2", "sd2", NAMED + OLD, {}, ""),
             ("ControlNet, SDXL", "sdxl", "sdxl", NAMED + OLD, XL, ""),
             ("ControlNet, SDXL, mid", "sdxl-mid", "sdxl", NAMED, XL, "attentions without blocks, as in the smaller ones of diffusers"),
             ("ControlNet, SDXL, small", "sdxl-small", "sdxl", NAMED, XL, "no attention at all"),
             ("T2I-Adapter, SD 1.x", "t2i-full", "sd15", [*NAMED, (PUBLISHED, PTH)], {}, ""),
             ("T2I-Adapter, SD 1.x, light", "t2i-light", "sd15", [*NAMED, (PUBLISHED, PTH)], {}, ""),
             ("T2I-Adapter, SDXL", "t2i-sdxl", "sdxl", NAMED, XL, "")) for form, column in forms]
ROWS += [Row(CONTROLS, "control", "ControlNet, SDXL, on a v-prediction model in one file", FILE, "sdxl-v", FILE, XL, "", "sdxl", whole=True)]
ROWS += [Row(CONTROLS, "control", f"Control-LoRA, {name}", ORIGINAL, model, ORIGINAL, call, "products for the layers of the UNet, whole tensors for the others", "control-lora")
         for name, model, call in (("SD 1.x", "sd15", {}), ("SDXL", "sdxl", XL))]
ROWS += [Row(CONTROLS, "union", name, column, "sdxl", form, XL | dict(modes=modes), note, part)
         for name, part, modes, note in (("ControlNet-Union, 6 types", "union-6", ("depth",), "`depth`"), ("ControlNet-Union, 8 types", "union-8", ("canny",), "`canny`"),
                                         ("ControlNet-Union, 8 types, two pictures", "union-8", ("depth", "openpose"), "`depth` and `openpose`"),
                                         ("ControlNet-Union, 8 types, the last", "union-8", ("repaint",), "`repaint`")) for form, column in NAMED]
ROWS += [Row(CONTROLS, "instantid", "InstantID", column, "sdxl", form, XL, "face key points; its adapter as `.bin`", "sdxl") for form, column in NAMED]
MEETING = "`seamless`"
ROWS += [Row(CONTROLS, kind, f"{name}, {MEETING} {axes}", column, model, form, call | dict(seamless=axes), "", part)
         for kind, name, part, model, (form, column), call, axes in (
             ("control", "Control-LoRA, SD 1.x", "control-lora", "sd15", OLD[0], {}, "both"),
             ("control", "Control-LoRA, SDXL", "control-lora", "sdxl", OLD[0], XL, "x"),
             ("union", "ControlNet-Union, 8 types, two pictures", "union-8", "sdxl", NAMED[0], XL | dict(modes=("depth", "openpose")), "both"),
             ("union", "ControlNet-Union, 6 types", "union-6", "sdxl", NAMED[0], XL | dict(modes=("depth",)), "y"),
             ("instantid", "InstantID", "sdxl", "sdxl", NAMED[0], XL, "both"))]

ROWS += [Row("Fooocus' inpainting", "fooocus", name, model="sdxl", call=dict(scheduler="euler", steps=6), note=note, whole=whole) for name, whole, note in (
    ("SDXL, folder", False, "`image` and `mask`; head `.pth`, patch of tuples"), ("SDXL, one file", True, "the same"))]

# What shortens the sampling, as its authors say to run it: LoRAs on the ordinary UNet, UNets of their own, turbo models.
QUARTERS = [999, 749, 499, 249]
FEW_STEPS = [
    ("LCM-LoRA, SD 1.x", "sd15", "LoRA", dict(scheduler="lcm", guidance=1), "`lcm`, 4 steps, guidance 1"),
    ("LCM-LoRA, SDXL", "sdxl", "LoRA", dict(scheduler="lcm", guidance=1), "the same"),
    ("Hyper-SD, 8 steps, LoRA, SD 1.x", "sd15", "LoRA", dict(scheduler="tcd", steps=8, guidance=1, eta=0.3), "`tcd`, 8 steps, guidance 1, eta 0.3"),
    ("Hyper-SD, 8 steps with guidance, LoRA, SD 1.x", "sd15", "LoRA", dict(scheduler="tcd", steps=8, guidance=5, eta=0.3), "`tcd`, 8 steps, guidance 5, eta 0.3"),
    ("Hyper-SD, 8 steps with guidance, LoRA, SDXL", "sdxl", "LoRA", dict(scheduler="tcd", steps=8, guidance=5, eta=0.3), "the same"),
    ("DMD2 LoRA, SDXL", "sdxl", "LoRA", dict(scheduler="lcm", timesteps=QUARTERS, guidance=0), "`lcm`, timesteps 999, 749, 499, 249, guidance 0"),
    ("DMD2 UNet, SDXL", "sdxl", "diffusers' names", dict(scheduler="lcm", timesteps=QUARTERS, guidance=0), "the same"),
    ("Lightning LoRA, SDXL", "sdxl", "LoRA", dict(scheduler="euler", sigmas="sgm_uniform", guidance=0), "`euler`, `sgm_uniform`, 4 steps, guidance 0"),
    ("Lightning UNet, SDXL", "sdxl", "diffusers' names", dict(scheduler="euler", sigmas="sgm_uniform", guidance=0), "the same"),
    ("SDXL-Turbo", "sdxl-turbo", "", dict(scheduler="euler_a", steps=1, guidance=0), "`euler_a`, 1 step, guidance 0"),
    ("Turbo LoRA, SDXL", "sdxl", "LoRA", dict(scheduler="euler_a", sigmas="sgm_uniform", guidance=0), "`euler_a`, `sgm_uniform`, 4 steps, guidance 0"),
]
ROWS += [Row("Few steps, with an IP-Adapter", "few steps", name, f"`{file}`", model, form, call, note) for name, model, form, call, note in FEW_STEPS
         for file in (("ip-adapter_sd15", "ip-adapter-plus_sd15") if model == "sd15" else ("ip-adapter_sdxl_vit-h", "ip-adapter-plus_sdxl_vit-h"))]

for form, name in (("peft", "diffusers (PEFT), SD 1.x: UNet and text encoder"), ("kohya", "kohya, SD 1.x: UNet and text encoder"), ("processor", "diffusers' older attention processors, SD 1.x"),
                   ("two-at-once", "two at once, one with a negative weight"), ("sdxl", "diffusers (PEFT), SDXL: UNet and both text encoders"), ("sgm", "kohya, SDXL, the original's layer names")):
    # PEFT's alpha stands in the metadata, which PyTorch's files have none of.
    in_metadata = form in ("peft", "two-at-once", "sdxl")
    ROWS += [Row("LoRA", "lora", name, column, form=form) for column in ("safetensors", "PyTorch")[:1 if in_metadata else 2]]
for form, name in (("loha", "LyCORIS LoHa, SD 1.x"), ("lokr", "LyCORIS LoKr, SD 1.x"), ("locon", "LyCORIS LoCon with a middle, SD 1.x"), ("full", "LyCORIS whole differences and norms, SD 1.x"),
                   ("mixed", "three of them at once"), ("dora", "DoRA of LyCORIS, SD 1.x"), ("sdxl", "LoHa, LoKr and LoCon, SDXL")):
    ROWS += [Row("LoRA", "lycoris", name, column, form=form) for column in ("safetensors", "PyTorch")]
ROWS += [Row("LoRA", "lycoris", "DoRA of peft, SD 1.x", "safetensors", form="peft-dora")]

ROWS += [Row("Textual inversion", "embedding", name, form=form) for form, name in (
    ("one", "`learned_embeds.bin` of diffusers, SD 1.x"), ("vectors", "several vectors: safetensors; AUTOMATIC1111's `.pt` in the negative prompt"), ("longest", "f16 (`emb_params`) under a given token"),
    ("two-encoders", "SDXL (`clip_l`, `clip_g`)"))]

ROWS += [Row("Textual inversion", "negative embedding", "8 vectors under `emb_params`, in the negative prompt", model="sd15", note="its file's name is the token; diffusers was given the names of all vectors, because it takes a token with capitals for the first one alone")]

ROWS += [Row("Other VAEs", "vae", name, form=form) for name, form in (
    ("AutoencoderKL, folder", "folder"), *((f"AutoencoderKL, original names, {form}", form) for form in formats.VAE_FILES), ("AutoencoderKL, diffusers' names, file of its own", "file"),
    ("AutoencoderTiny (TAESD), folder", "AutoencoderTiny"), ("AutoencoderTiny (TAESD), file of its own", "AutoencoderTiny file"))]
