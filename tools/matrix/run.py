"""The matrix of everything that loads: small random models and files of every family, variant and form, made with other people's packages, through diffusers
and through us. README.md says how to run it.
"""
import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
warnings.filterwarnings("ignore")
REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tools" / "goldens"))

import torch  # noqa: E402
from diffusers.utils import logging as diffusers_logging  # noqa: E402
from transformers.utils import logging as transformers_logging  # noqa: E402

import store  # noqa: E402

for logging in (diffusers_logging, transformers_logging):
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, default=REPOSITORY, help="a built package (dist/ and the addon); default: this repository")
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose title contains this; nothing is written then")
    parser.add_argument("--docs", type=Path, default=REPOSITORY / "docs" / "models.md", help="the page whose tables are replaced")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep models and files here (must not exist)")
    return parser.parse_args()


def check_different(made, key, tensors):
    """References that are nearly the same would pass for each other: something in them has no effect."""
    import table
    if key[0] == "vae":
        return  # has the latents of the model's own
    for other, latents in made.items():
        if other[:3] == key[:3]:
            continue  # one model with two samplers, some of which are one in other words
        if latents.shape == tensors["latents"].shape and (latents - tensors["latents"]).norm() < table.LIMIT_LATENTS * latents.norm():
            raise ValueError(f"{key} and {other} have the same latents")
    made[key] = tensors["latents"]


def make_cases(rows, folder):
    """Writes files and references; returns the list for compare.mjs."""
    import cases
    from safetensors.torch import save_file

    made, found, latents = {}, [], {}
    for index, row in enumerate(rows):
        case = cases.build(row)
        if case["key"] not in made:
            tensors = case["reference"]()
            if not all(torch.isfinite(value.float()).all() for value in tensors.values()):
                raise ValueError(f"{row.title}: diffusers' result is not finite")
            check_different(latents, case["key"], tensors)
            made[case["key"]] = folder / f"reference-{len(made)}.safetensors"
            save_file({key: value.detach().contiguous() for key, value in tensors.items()}, made[case["key"]])
        found.append({"id": index, **{key: case[key] for key in ("load", "generate", "first") if key in case}, "reference": made[case["key"]]})
        print(f"\rmade {index + 1} of {len(rows)}", end="", flush=True)
    print(f", {len(made)} references")
    return found


def run(options, work):
    store.ROOT = work  # before the modules that take it from there
    import rows
    import table

    started = time.monotonic()
    chosen = [row for row in rows.ROWS if options.only in row.title]
    active = [row for row in chosen if not row.pending]
    listing, results_file = work / "cases.json", work / "results.json"
    listing.write_text(json.dumps(make_cases(active, work), default=str))
    command = ["node", str(Path(__file__).with_name("compare.mjs")), str(options.package.resolve()), str(listing), str(results_file)]
    subprocess.run(command, check=True)
    results = {id(active[result["id"]]): result for result in json.loads(results_file.read_text())}
    failed = 0
    for row in active:
        passed, text = table.judge(results[id(row)])
        failed += not passed
        print("PASS " if passed else "FAIL ", row.title, text)
    if not options.only:
        versions = table.versions(options.package)
        table.write(options.docs, chosen, results, f"{datetime.date.today()} with {versions}")
    print(f"{len(active) - failed} of {len(active)} rows passed, {len(chosen) - len(active)} are not verified, {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


def main():
    options = read_options()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if options.keep:
        options.keep.mkdir(parents=True)
        return run(options, options.keep.resolve())
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        return run(options, Path(folder))


if __name__ == "__main__":
    with torch.no_grad():
        sys.exit(main())
