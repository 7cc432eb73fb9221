"""What torch.save writes, in both of its forms, with the same tensors as safetensors beside it.

    python tools/goldens/torch_files.py

Reads test/golden/models/sd15/ and test/golden/loras/; writes test/golden/torch/: tensors.safetensors, the same as zip.bin and legacy.bin
(nested dictionaries), bare and list (a tensor, and a list of them, without names), checkpoint.ckpt (a training checkpoint as those of Stable
Diffusion 1.x, from fake classes of the same names), an adapter, a LoRA and an image encoder's folder. The older form numbers storages by their
addresses, which differ from run to run.
"""
import pickle
import shutil
import sys
import types
from collections import Counter, OrderedDict

import numpy
import torch
from safetensors.torch import load_file, save_file

from store import ROOT

FOLDER = ROOT / "torch"
MODEL = ROOT / "models" / "sd15"


def make_tensors():
    """Types, orders in memory, and shares of one storage, as files in use have them."""
    generator = torch.Generator().manual_seed(11)
    draw = lambda *shape: torch.randn(*shape, generator=generator)
    base = draw(4, 6)
    half = draw(3, 5).half()
    return {
        "types": {
            "f32": draw(2, 3), "f16": draw(5).half(), "bf16": draw(2, 2, 2).bfloat16(), "f64": draw(3).double(),
            "i64": torch.tensor([[1, -2], [1 << 40, 77]]), "i32": torch.tensor([-5, 1 << 30], dtype=torch.int32),
            "i16": torch.tensor([300, -300], dtype=torch.int16), "i8": torch.tensor([-1, 5, 7], dtype=torch.int8),
            "u8": torch.tensor([0, 200, 255], dtype=torch.uint8), "bool": torch.tensor([True, False, True]),
        },
        "orders": {
            "transposed": draw(3, 4).t(), "transposed_half": half.t(), "permuted": draw(2, 3, 4).permute(2, 0, 1),
            "steps": draw(20)[1::3], "channels_last": draw(2, 3, 4, 2).to(memory_format=torch.channels_last),
        },
        "shared": {"whole": base, "rows": base[1:3], "columns": base[:, 2:4], "half": half, "same": base},
        "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3), "parameter": torch.nn.Parameter(draw(2, 2)),
        "frozen": torch.nn.Parameter(draw(3), requires_grad=False),
    }


def flatten(tree, prefix=""):
    flat = {}
    for key, value in tree.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


class OldNames(types.ModuleType):
    """A pickle module that writes numpy's names as they were when the checkpoints in use were made."""

    class Pickler(pickle._Pickler):
        def save_global(self, obj, name=None):
            if getattr(obj, "__name__", "") == "scalar":
                self.write(b"cnumpy.core.multiarray\nscalar\n")
                self.memoize(obj)
            else:
                super().save_global(obj, name)

        dispatch = pickle._Pickler.dispatch | {type: lambda self, obj: self.save_global(obj)}


def make_checkpoint(flat):
    name = "pytorch_lightning.callbacks.model_checkpoint"
    for end in (17, 27, len(name)):
        sys.modules[name[:end]] = types.ModuleType(name[:end])
    callback = type("ModelCheckpoint", (), {"__module__": name})
    sys.modules[name].ModelCheckpoint = callback
    state = OrderedDict(flat)
    state._metadata = OrderedDict({"": {"version": 1}, "model": {"version": 2}})
    moments = {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2)}}
    return {
        "epoch": 6, "global_step": 470000, "pytorch-lightning_version": "1.4.2", "state_dict": state,
        "callbacks": {callback: {"monitor": "val/loss", "best_model_score": numpy.float64(0.25), "best_model_path": ""}},
        "optimizer_states": [{"state": moments, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999), "params": [0]}]}],
        "lr_schedulers": [{"base_lrs": [1e-4], "last_epoch": 1 << 40, "_last_lr": [1e-4]}],
    }


def save_leftovers(draw):
    """Plain values of other classes beside tensors, as training scripts leave them; torch.load(weights_only=True) reads each but numpy's by default."""
    typed = {"fp8": draw(3, 4).to(torch.float8_e4m3fn), "fp8_view": draw(4, 4).to(torch.float8_e5m2)[1:3], "u16": torch.tensor([1, 65535], dtype=torch.uint16)}
    named = torch.nn.Parameter(draw(2, 3))
    named.tag = "a"  # a parameter with attributes is written in another way
    tagged = draw(4)
    tagged.tag = "b"
    state = {"weight": draw(2, 2), "parameter": named, "tagged": tagged, **typed}
    beside = {
        "device": torch.device("cuda", 1), "type": torch.float16, "types": [torch.int4, torch.float8_e8m0fnu, torch.complex128, torch.qint8], "layout": torch.strided,
        "counter": Counter("aab"), "bytes": b"x\xff", "bytearray": bytearray(b"yz"), "complex": 1 + 2j, "set": {1, 2}, "size": torch.Size([2, 3]), "scheme": torch.per_tensor_affine,
    }
    numbers = {"score": numpy.float64(0.25), "step": numpy.int64(7), "draws": numpy.arange(3)}
    save_file({key: value.detach().contiguous().clone() for key, value in state.items()}, FOLDER / "leftovers.safetensors")
    (FOLDER / "leftovers.safetensors").chmod(0o644)
    path = FOLDER / "leftovers.ckpt"  # the older form cannot hold tensors of types without a storage class
    torch.save({"state_dict": state, "beside": beside}, path)
    read = torch.load(path, weights_only=True)
    assert read["beside"] == beside and all(torch.equal(read["state_dict"][key].view(torch.uint8), value.view(torch.uint8)) for key, value in typed.items())
    torch.save({"state_dict": state, **numbers}, FOLDER / "leftovers-numpy.ckpt")


def save_nameless(draw):
    """A tensor, and a list or tuple of tensors, in place of a dictionary; beside them safetensors with the names they are given."""
    bare, parts = draw(2, 5).half(), [draw(2, 1, 4), draw(4, 3).t(), torch.tensor([1, -2])]
    save_file({"tensor": bare}, FOLDER / "bare.safetensors")
    save_file({str(i): part.contiguous() for i, part in enumerate(parts)}, FOLDER / "list.safetensors")
    for form in ("zip", "legacy"):
        torch.save(bare, FOLDER / f"bare-{form}.ipadpt", _use_new_zipfile_serialization=form == "zip")
        torch.save(parts, FOLDER / f"list-{form}.ipadpt", _use_new_zipfile_serialization=form == "zip")
    torch.save(tuple(parts), FOLDER / "tuple.ipadpt")


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    tree = make_tensors()
    flat = flatten(tree)
    save_file({key: value.detach().contiguous().clone() for key, value in flat.items()}, FOLDER / "tensors.safetensors")
    torch.save(tree, FOLDER / "zip.bin")
    torch.save(tree, FOLDER / "legacy.bin", _use_new_zipfile_serialization=False)
    generator = torch.Generator().manual_seed(12)
    save_nameless(lambda *shape: torch.randn(*shape, generator=generator))
    others = torch.Generator().manual_seed(13)
    save_leftovers(lambda *shape: torch.randn(*shape, generator=others))
    torch.save(make_checkpoint(flat), FOLDER / "checkpoint.ckpt", pickle_module=OldNames("old_names"))
    adapter = {"image_proj": {}, "ip_adapter": {}}
    for key, value in load_file(MODEL / "adapters" / "base.safetensors").items():
        part, rest = key.split(".", 1)
        adapter[part][rest] = value
    torch.save(adapter, FOLDER / "adapter.bin")
    torch.save(load_file(ROOT / "loras" / "sd15-processor.safetensors"), FOLDER / "lora.bin", _use_new_zipfile_serialization=False)
    encoder = FOLDER / "image_encoder"
    encoder.mkdir()
    shutil.copy(MODEL / "image_encoder" / "config.json", encoder)
    torch.save(load_file(MODEL / "image_encoder" / "model.safetensors"), encoder / "pytorch_model.bin", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
