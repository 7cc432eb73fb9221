"""Draws the training log: python -m mini.plot LOGS OUTPUT.png"""

import csv
import glob
import os
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def read(path):
    """A log's rows as dicts. A resumed stage repeats steps; the later row counts."""
    rows = {}
    with open(path, newline="") as file:
        for fields in csv.reader(file):
            row = dict(field.split("=") for field in fields)
            step = int(row.pop("step"))
            rows.setdefault(step, {}).update({k: float(v) for k, v in row.items()})
    return dict(sorted(rows.items()))


def main():
    logs, output = sys.argv[1:]
    shown = ("loss", "style_loss", "whole_loss", "l1", "contrast", "psnr_known", "zero_shot", "subject")
    paths = sorted(glob.glob(os.path.join(logs, "*.csv")))
    figure, axes = plt.subplots(2, -(-len(paths) // 2), figsize=(4 * -(-len(paths) // 2), 6), squeeze=False)
    for axis, path in zip(axes.flat, paths):
        rows = read(path)
        twin = None
        for key in shown:
            points = [(step, row[key]) for step, row in rows.items() if key in row]
            if not points:
                continue
            loss = key.endswith("loss") or key in ("l1", "contrast")
            if not loss and twin is None:
                twin = axis.twinx()
            (axis if loss else twin).plot(*zip(*points), label=key, linestyle="-" if loss else "--", color=None if loss else "tab:green")
        axis.set_title(os.path.basename(path).removesuffix(".csv"))
        axis.set_yscale("log")
        axis.set_xlabel("step")
    figure.tight_layout()
    figure.savefig(output, dpi=70)


if __name__ == "__main__":
    main()
