"""Writing of one reference model folder: networks in f16, and the calls with their expected outputs.

    models/NAME/<network>/config.json, *.safetensors    as diffusers and transformers save them
    models/NAME/adapters/*.safetensors                  IP-Adapter files in the published layout
    models/NAME/golden.safetensors                      inputs and outputs, f32 (ids i64, pictures u8)
    models/NAME/golden.json                             {"model", "versions", "notes", "cases": [...]}
A case maps the argument names of the reference call to tensor names: {"name", "network", "inputs": {..}, "outputs": {..}, ...}.
"""
import json
import shutil
from pathlib import Path

import diffusers
import torch
import transformers
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[2] / "test" / "golden"
VERSIONS = {"torch": torch.__version__.split("+")[0], "diffusers": diffusers.__version__, "transformers": transformers.__version__}


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def clean_config(path):
    """Removes what would differ between machines or says nothing about the network."""
    config = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, {key: value for key, value in config.items() if key not in ("_name_or_path", "dtype", "torch_dtype")})


class Folder:
    def __init__(self, name, notes=()):
        self.path = ROOT / "models" / name
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(parents=True)
        self.name, self.notes, self.cases, self.tensors = name, list(notes), [], {}

    def save_network(self, network, subfolder):
        """Rounds the weights to f16, stores them, and returns the network in f32 with the rounded weights."""
        network.half().save_pretrained(self.path / subfolder, safe_serialization=True)
        clean_config(self.path / subfolder / "config.json")
        generation = self.path / subfolder / "generation_config.json"
        generation.unlink(missing_ok=True)
        return network.float().eval()

    def save_adapter(self, name, state):
        """Stores an adapter and returns it as the loader of diffusers wants it: {"image_proj": {..}, "ip_adapter": {..}}, f32."""
        path = self.path / "adapters" / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        save_file(state, path)
        parts = {"image_proj": {}, "ip_adapter": {}}
        for key, value in load_file(path).items():
            part, rest = key.split(".", 1)
            parts[part][rest] = value.float()
        return parts

    def tensor(self, name, value):
        """Keeps a tensor under a name; the same name may be used again for the same values."""
        value = torch.as_tensor(value).detach().contiguous().clone()
        if value.dtype == torch.float64:
            value = value.float()
        if name in self.tensors and not torch.equal(self.tensors[name], value):
            raise ValueError(f"{self.name}: two different tensors are called {name}")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ValueError(f"{self.name}: {name} holds a value that is not finite")
        self.tensors[name] = value
        return name

    def add(self, network, name, inputs, outputs, **rest):
        keep = lambda group, entries: {key: self.tensor(f"{network}.{name}.{group}{key}", value) for key, value in entries.items()}
        self.cases.append({"name": name, "network": network, **rest, "inputs": keep("in.", inputs), "outputs": keep("out.", outputs)})

    def close(self):
        save_file({key: self.tensors[key] for key in sorted(self.tensors)}, self.path / "golden.safetensors")
        write_json(self.path / "golden.json",
                   {"model": self.name, "versions": VERSIONS, "notes": self.notes, "cases": self.cases})
