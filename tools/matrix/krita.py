"""The files that Krita's plugin requires or offers for Stable Diffusion 1.5 and SDXL-like UNets, and the rows that have their layout.

From ai_diffusion/presets/models.json of Acly/krita-ai-diffusion; `main` compares this list with a copy of that file:

    python tools/matrix/krita.py models.json
"""
import json
import sys

REVISION, DATE = "0217cd2", "2026-08-22"
OURS = ("sd15", "sdxl", "illu", "illu_v")

# Where no more is known of a file than its name and what programs read, the rows are those of all layouts that such files have been published in.
CONTROLNET_SD15 = ("Structure controls | ControlNet, SD 1.x | original names", "Structure controls | ControlNet, SD 1.x | original names, `control_model.`",
                   "Structure controls | ControlNet, SD 1.x | diffusers' names, one file")
CONTROL_LORA = ("Structure controls | Control-LoRA, SD 1.x | original names",)
CONTROLNET_XL = ("Structure controls | ControlNet, SDXL | diffusers' names, one file", "Structure controls | ControlNet, SDXL | original names")
UNION = ("Structure controls | ControlNet-Union, 8 types | diffusers' names, one file",)
NOOB = ("Structure controls | ControlNet, SDXL, on a v-prediction model in one file | diffusers' names, one file", *CONTROLNET_XL)
SD1_FILE, XL_FILE = ("Forms of a model | one file, `.safetensors` | SD 1.x",), ("Forms of a model | one file, `.safetensors` | SDXL",)
ADAPTER = "IP-Adapters | `{}` | model and encoder in one file each"
LORAS_SD15 = ("Few steps, with an IP-Adapter | Hyper-SD, 8 steps with guidance, LoRA, SD 1.x | `ip-adapter_sd15`", "LoRA | diffusers (PEFT), SD 1.x: UNet and text encoder | safetensors",
              "LoRA | kohya, SD 1.x: UNet and text encoder | safetensors")
LORAS_XL = ("Few steps, with an IP-Adapter | Hyper-SD, 8 steps with guidance, LoRA, SDXL | `ip-adapter_sdxl_vit-h`", "LoRA | diffusers (PEFT), SDXL: UNet and both text encoders | safetensors",
            "LoRA | kohya, SDXL, the original's layer names | safetensors")
FOOOCUS = ("Fooocus' inpainting | SDXL, one file", "Fooocus' inpainting | SDXL, folder")

COMFY = "with the names that ComfyUI looks for"
EITHER = "which of these names the file has is not known here"
FILES = {
    # required
    "clip-vision_vit-h.safetensors": ("sd15", (ADAPTER.format("ip-adapter_sd15"), ADAPTER.format("ip-adapter_sdxl_vit-h")), ""),
    "control_v11p_sd15_inpaint_fp16.safetensors": ("sd15", CONTROLNET_SD15, f"`preprocess: \"inpaint\"`; {EITHER}"),
    "control_lora_rank128_v11f1e_sd15_tile_fp16.safetensors": ("sd15", CONTROL_LORA, COMFY),
    "ip-adapter_sd15.safetensors": ("sd15", (ADAPTER.format("ip-adapter_sd15"),), ""),
    "ip-adapter_sdxl_vit-h.safetensors": ("sdxl", (ADAPTER.format("ip-adapter_sdxl_vit-h"),), ""),
    "Hyper-SD15-8steps-CFG-lora.safetensors": ("sd15", LORAS_SD15, EITHER),
    "Hyper-SDXL-8steps-CFG-lora.safetensors": ("sdxl", LORAS_XL, EITHER),
    "fooocus_inpaint_head.pth": ("sdxl", FOOOCUS, ""),
    "inpaint_v26.fooocus.patch": ("sdxl", FOOOCUS, ""),
    "EasyNegative.safetensors": ("sd15", ("Textual inversion | 8 vectors under `emb_params`, in the negative prompt",), ""),
    # checkpoints
    "serenity_v21Safetensors.safetensors": ("sd15", SD1_FILE, "stored in f16"),
    "dreamshaper_8.safetensors": ("sd15", SD1_FILE, "stored in f16"),
    "RealVisXL_V5.0_fp16.safetensors": ("sdxl", XL_FILE, "stored in f16"),
    "zavychromaxl_v80.safetensors": ("sdxl", XL_FILE, "stored in f16"),
    "novaAnimeXL_ilV125.safetensors": ("illu", XL_FILE, "stored in f16"),
    "NoobAI-XL-Vpred-v1.0.safetensors": ("illu_v", ("Models | SDXL, v-prediction, one file", ADAPTER.format("noobIPAMARK1_mark1")), "its marks tell what it predicts"),
    # optional
    "control_lora_rank128_v11p_sd15_scribble_fp16.safetensors": ("sd15", CONTROL_LORA, COMFY),
    "control_v11p_sd15_lineart_fp16.safetensors": ("sd15", CONTROLNET_SD15, EITHER),
    "control_v11p_sd15_softedge_fp16.safetensors": ("sd15", CONTROLNET_SD15, EITHER),
    "control_v11p_sd15_canny_fp16.safetensors": ("sd15", CONTROLNET_SD15, EITHER),
    "control_lora_rank128_v11f1p_sd15_depth_fp16.safetensors": ("sd15", CONTROL_LORA, COMFY),
    "control_lora_rank128_v11p_sd15_normalbae_fp16.safetensors": ("sd15", CONTROL_LORA, COMFY),
    "control_lora_rank128_v11p_sd15_openpose_fp16.safetensors": ("sd15", CONTROL_LORA, COMFY),
    "control_lora_rank128_v11p_sd15_seg_fp16.safetensors": ("sd15", CONTROL_LORA, COMFY),
    "control_v1p_sd15_qrcode_monster.safetensors": ("sd15", CONTROLNET_SD15, EITHER),
    "xinsir-controlnet-union-sdxl-1.0-promax.safetensors": ("sdxl", UNION, "8 types"),
    "control_v1p_sdxl_qrcode_monster.safetensors": ("sdxl", CONTROLNET_XL[:1], ""),
    "noobaiInpainting_v10.fp16.safetensors": ("illu", NOOB, EITHER),
    "noob-sdxl-controlnet-scribble_pidinet.fp16.safetensors": ("illu", NOOB[:1], ""),
    "noob-sdxl-controlnet-lineart_anime.fp16.safetensors": ("illu", NOOB[:1], ""),
    "noob-sdxl-controlnet-softedge_hed.fp16.safetensors": ("illu", NOOB[:1], ""),
    "noob_sdxl_controlnet_canny.fp16.safetensors": ("illu", NOOB, EITHER),
    "noob-sdxl-controlnet-depth_midas-v1-1.fp16.safetensors": ("illu", NOOB[:1], ""),
    "noob-sdxl-controlnet-normal.fp16.safetensors": ("illu", NOOB[:1], ""),
    "noobaiXLControlnet_openposeModel.safetensors": ("illu", NOOB, EITHER),
    "noob-sdxl-controlnet-tile.fp16.safetensors": ("illu", NOOB[:1], ""),
    "clip-vision_vit-g.safetensors": ("illu", (ADAPTER.format("noobIPAMARK1_mark1"),), ""),
    "noobIPAMARK1_mark1.safetensors": ("illu", (ADAPTER.format("noobIPAMARK1_mark1"),), "in f32, on a model that predicts velocities"),
}
OUT = "Upscalers, MAT, preprocessors' networks, the filter of pictures, and all for FLUX, FLUX.2 and Z-Image"


def listed(path):
    """File -> the base models of the plugin's list that it is for."""
    groups, found = json.load(open(path, encoding="utf-8")), {}
    for group in ("required", "checkpoints", "optional"):
        for entry in groups[group]:
            for file in entry["files"]:
                ids = file.get("id", entry["id"])
                bases = [one.rsplit("-", 1)[1] for one in ([ids] if isinstance(ids, str) else ids)]
                name = file["path"].rsplit("/", 1)[1]
                if any(base in OURS for base in bases) and not any(one.startswith("inpaint-default") for one in ([ids] if isinstance(ids, str) else ids)):
                    found[name] = bases
    return found


def section(rows, results, judge, cell):
    """The table of the list; rows by their titles."""
    by_title = {row.title: row for row in rows}
    lines = ["## The files of Krita's plugin", "",
             f"These are the files that the plugin of Krita requires or offers for Stable Diffusion 1.5 and SDXL-like models (`ai_diffusion/presets/models.json` of Acly/krita-ai-diffusion at {REVISION}, "
             f"{DATE}). {OUT} are out. **No published file was opened: what was run is in each case a small synthetic file of this layout.** The error is the largest of the rows named.", "",
             "| file | for | row | relative error |  |", "|---|---|---|---|---|"]
    for name, (base, titles, note) in FILES.items():
        missing = [title for title in titles if title not in by_title]
        if missing:
            raise ValueError(f"{name}: there is no row {missing[0]!r}")
        found = [by_title[title] for title in titles]
        failed = [row for row in found if not judge(results[id(row)])[0]]
        error = cell(failed[0], results) if failed else f"{max(results[id(row)]['latents'] for row in found):.1e}"
        places = "; ".join(" / ".join(title.split(" | ")[1:]) for title in titles)
        lines.append(f"| `{name}` | {base} | {places} | {error} | {'; '.join(['synthetic file of this layout', *([note] if note else [])])} |")
    return "\n".join(lines)


def main():
    theirs = listed(sys.argv[1])
    for name, bases in theirs.items():
        if name not in FILES or FILES[name][0] not in bases:
            sys.exit(f"{name} ({', '.join(bases)}) is not in the list, or for another base model")
    extra = set(FILES) - set(theirs)
    sys.exit(f"not of the plugin's: {sorted(extra)}" if extra else None)


if __name__ == "__main__":
    main()
