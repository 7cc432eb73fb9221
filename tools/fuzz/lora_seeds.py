"""Seeds for test/fuzz/lora_fuzz.cc and inversion_fuzz.cc that fit their tiny model and table.

    python tools/fuzz/lora_seeds.py corpus

Needs torch and safetensors; writes corpus/lora and corpus/inversion.
"""
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

LINEAR = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"  # (6, 4)
CONV = "unet.down_blocks.0.resnets.0.conv1"  # (4, 4, 3, 3)
TEXT = "clip_l.text_model.encoder.layers.0.self_attn.q_proj"  # (8, 8)
KOHYA = "lora_unet_" + LINEAR.removeprefix("unet.").replace(".", "_")
PATTERNS = {"unet.lora_alpha": 4, "unet.alpha_pattern": {"to_q": 2, ".*x": 1}}

LORAS = {
    "peft": {f"{LINEAR}.lora_A.d.weight": (2, 4), f"{LINEAR}.lora_B.d.weight": (6, 2)},
    "kohya": {f"{KOHYA}.lora_down.weight": (2, 4), f"{KOHYA}.lora_up.weight": (6, 2), f"{KOHYA}.alpha": ()},
    "rank": {f"{LINEAR}.lora_A.weight": (64, 4), f"{LINEAR}.lora_B.weight": (6, 64)},
    "conv": {f"{CONV}.lora_down.weight": (2, 4, 3, 3), f"{CONV}.lora_up.weight": (4, 2, 1, 1), f"{CONV}.dora_scale": (4, 1, 1, 1)},
    "core": {f"{CONV}.lora_down.weight": (2, 4, 1, 1), f"{CONV}.lora_mid.weight": (3, 2, 3, 3), f"{CONV}.lora_up.weight": (4, 3, 1, 1)},
    "loha": {f"{LINEAR}.hada_w1_a": (6, 2), f"{LINEAR}.hada_w1_b": (2, 4), f"{LINEAR}.hada_w2_a": (6, 3), f"{LINEAR}.hada_w2_b": (3, 4)},
    "loha-core": {f"{CONV}.hada_{name}": shape for name, shape in
                  dict(w1_a=(2, 4), w1_b=(2, 4), w2_a=(2, 4), w2_b=(2, 4), t1=(2, 2, 3, 3), t2=(2, 2, 3, 3)).items()},
    "lokr": {f"{LINEAR}.lokr_w1": (2, 2), f"{LINEAR}.lokr_w2_a": (3, 1), f"{LINEAR}.lokr_w2_b": (1, 2), f"{LINEAR}.alpha": ()},
    "lokr-core": {f"{CONV}.lokr_w1": (2, 2), f"{CONV}.lokr_t2": (2, 2, 3, 3), f"{CONV}.lokr_w2_a": (2, 2), f"{CONV}.lokr_w2_b": (2, 2)},
    "dora": {f"{LINEAR}.lora_A.weight": (2, 4), f"{LINEAR}.lora_B.weight": (6, 2), f"{LINEAR}.lora_magnitude_vector": (6,)},
    "diff": {f"{CONV}.diff": (4, 4, 3, 3), f"{CONV}.diff_b": (4,)},
    "text": {f"{TEXT}.lora_down.weight": (2, 8), f"{TEXT}.lora_up.weight": (8, 2)},
    "bundle": {"bundle_emb.a b.clip_l": (2, 8), "bundle_emb.c.string_to_param.*": (2, 8), f"{LINEAR}.lora_A.weight": (2, 4), f"{LINEAR}.lora_B.weight": (6, 2)},
}
INVERSIONS = {
    "token": {"<a>": (3, 8)},
    "params": {"emb_params": (2, 8)},
    "two": {"clip_l": (2, 8), "clip_g": (2, 8), "clip_l_out": (2, 8)},
    "cog": {"text_encoders_0": (2, 8), "text_encoders_1": (2, 8)},
}


def main():
    root = Path(sys.argv[1])
    for folder, files in (("lora", LORAS), ("inversion", INVERSIONS)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name, shapes in files.items():
            metadata = {"lora_adapter_metadata": json.dumps(PATTERNS)} if name == "peft" else None
            save_file({key: torch.randn(shape) for key, shape in shapes.items()}, root / folder / f"{name}.safetensors", metadata=metadata)
    rows = torch.nn.Parameter(torch.randn(2, 8))
    torch.save({key: torch.randn(shape) for key, shape in LORAS["dora"].items()}, root / "lora" / "dora.pt")
    torch.save({"string_to_token": {"*": torch.tensor(265)}, "string_to_param": {"*": rows}, "name": "x"}, root / "inversion" / "dict.pt")
    torch.save({"string_to_param": torch.nn.ParameterDict({"*": rows})}, root / "inversion" / "parameters.pt")
    torch.save({"<x>": torch.randn(8)}, root / "inversion" / "legacy.bin", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
