"""Scores the answers of evaluate.mjs: python -m mini.score WORK MODEL_FOLDER JUDGE. Prints the table and writes scores.json."""

import json
import os
import sys

import numpy as np
import torch

from . import judge as judging
from .shipped import load_vae
from .training import images
from .vae import psnr
from .world import World

GOALS = {
    "text": [("subject", 80), ("background", 95)],
    "image": [("subject", 80)],
    "image-plus": [("subject", 80)],
    "image-text": [("subject and background", 75)],
    "image-text-plus": [("subject and background", 75)],
    "unseen": [("subject and background", 65)],
    "held-out": [("nearer to its own prompt", 85)],
    "style": [("style", 65)],
    "custom": [("subject and background", 60), ("look", 80)],
}


def share(values):
    return 100 * float(np.mean(values))


def measure(row, questions, pictures, judge):
    said = judging.answers(judge, pictures)
    want = lambda key: np.array([-1 if q[key] is None else q[key] for q in questions])
    subject, background = said["subject"] == want("subject"), said["background"] == want("background")
    out = {
        "subject": share(subject),
        "background": share(background),
        "subject and background": share(subject & background),
        "style": share(said["style"] == want("style")),
        "look": share(said["look"] == (judging.LOOK_NAMES.index("sticker") if row == "custom" else 0)),
    }
    if row == "held-out":
        out = {"nearer to its own prompt": share([q["likeness"] > q["otherLikeness"] for q in questions])}
    return out


def reconstruction(work, model):
    """PSNR in dB of held-out renderings (never drawn in training) through the shipped autoencoder: known and held-out subjects."""
    vae = load_vae(model)
    world = World(os.path.join(work, "data"))
    rng = np.random.default_rng(4242)
    out = []
    for subjects in (world.core, world.held_out):
        scenes = [world.scene(rng, subjects, trained_only=False) for _ in range(500)]
        out.append(float(np.mean([psnr(vae, images(np.stack([world.compose(s) for s in scenes[i : i + 50]])))[0] for i in range(0, 500, 50)])))
    return out


def judge_accuracy(work, judge):
    """How often the judge is right on renderings of scenes and looks drawn afresh."""
    pictures, truth = judging.scenes(World(os.path.join(work, "data")), np.random.default_rng(4343), 1000)
    said = judging.answers(judge, pictures)
    return {k: share(said[k] == truth[k]) for k in truth}


def main():
    work, model, path = sys.argv[1:4]
    with open(os.path.join(work, "answers.json")) as file:
        answers = json.load(file)
    judge = judging.load(path, answers["subjects"])
    scores, lines = {}, []
    for row in answers["rows"]:
        pictures = np.fromfile(os.path.join(work, f"answers-{row['name']}.raw"), np.uint8).reshape(-1, 128, 128, 3)
        scores[row["name"]] = measured = measure(row["name"], row["questions"], pictures, judge)
        for key, goal in GOALS[row["name"]]:
            lines.append((row["title"], key, len(pictures), f"{measured[key]:.1f} %", f">= {goal} %", measured[key] >= goal))
    lines.append(("scale 0 equals text only", "latents, bits", answers["scaleZero"]["cases"], f"{answers['scaleZero']['equal']} equal", "all", answers["scaleZero"]["equal"] == answers["scaleZero"]["cases"]))
    known, held = scores["vae"] = reconstruction(work, model)
    lines.append(("VAE, held-out renderings", "PSNR, known subjects", 500, f"{known:.1f} dB", ">= 28 dB", known >= 28))
    lines.append(("VAE, held-out renderings", "PSNR, held-out subjects", 500, f"{held:.1f} dB", ">= 28 dB", held >= 28))
    for key, title in (("model", "shipped model"), ("all", "shipped model and custom LoRA")):
        lines.append((title, "size", 1, f"{answers['megabytes'][key]:.1f} MB", "<= 25 MB", answers["megabytes"][key] <= 25))
    print("| row | measured | pictures | reached | goal | |\n|---|---|---|---|---|---|")
    for title, key, n, reached, goal, good in lines:
        print(f"| {title} | {key} | {n} | {reached} | {goal} | {'yes' if good else 'no'} |")
    scores["judge"] = judge_accuracy(work, judge)
    print("\nThe judge itself, on 1,000 fresh renderings: " + ", ".join(f"{k} {v:.1f} %" for k, v in scores["judge"].items()))
    with open(os.path.join(work, "scores.json"), "w") as file:
        json.dump(scores, file, indent=1)


if __name__ == "__main__":
    main()
