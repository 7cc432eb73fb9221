"""Scores the answers of evaluate-controls.mjs: python -m mini.control_score WORK JUDGE [--search]. Prints the table and
writes control-scores.json; with --search it says how good the scales are that were tried, in control-search.json."""

import json
import os
import sys

import cv2
import numpy as np

from . import judge as judging
from .control import HIGH, LOW, edges
from .world import SIDE

NEAR = 2  # pixels between an edge of the control and one of the result
HALVES = dict(left=(0, -1), right=(0, 1), top=(1, -1), bottom=(1, 1))


def share(values):
    return 100 * float(np.mean(values))


def centroid(picture):
    """(x, y) of what differs from the colour of the rim, in pixels from the middle."""
    p = picture.astype(np.float32)
    rim = np.concatenate([p[:4].reshape(-1, 3), p[-4:].reshape(-1, 3), p[:, :4].reshape(-1, 3), p[:, -4:].reshape(-1, 3)])
    other = (np.abs(p - np.median(rim, 0)).max(-1) > 40).astype(np.float32)
    y, x = np.indices(other.shape)
    return np.array([(x * other).sum(), (y * other).sum()]) / max(1, other.sum()) - np.array([p.shape[1] - 1, p.shape[0] - 1]) / 2


def in_half(picture, side):
    axis, sign = HALVES[side]
    return centroid(picture)[axis] * sign > 0


def half(picture, side):
    axis, sign = HALVES[side]
    parts = np.split(picture, 2, 1 - axis)
    return parts[sign > 0]


def followed(layout, picture):
    """Share of the layout's edges with an edge of the picture within NEAR pixels. The picture's are those of its colours: the words choose
    the background, and an orange carrot has no edges on grey in the grey of both."""
    wanted = edges(layout) > 0
    found = cv2.Canny(np.ascontiguousarray(picture), LOW, HIGH)
    distance = cv2.distanceTransform(255 - found, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float((distance[wanted] <= NEAR).mean()) if wanted.any() else 1.0


def correlation(a, b):
    return float(np.corrcoef(a.astype(np.float32).ravel(), b.astype(np.float32).ravel())[0, 1])


class Answers:
    def __init__(self, work, judge):
        self.work, self.judge = work, judge
        self.shown = self.load("control-pictures.raw")
        with open(os.path.join(work, "control-answers.json")) as file:
            self.told = json.load(file)

    def load(self, name, shape=(SIDE, SIDE, 3)):
        return np.fromfile(os.path.join(self.work, name), np.uint8).reshape(-1, *shape)

    def pictures(self, name):
        return self.load(f"control-answers-{name}.raw")

    def right(self, name, questions, *keys, pictures=None):
        said = judging.answers(self.judge, self.pictures(name) if pictures is None else pictures)
        return share(np.all([said[k] == np.array([q[k] for q in questions]) for k in keys], 0))


def masks(answers, questions, lines):
    for name, title in (("masked", "image prompt masked to a half"), ("masked-none", "the same without the mask")):
        flat = answers.load(f"control-answers-{name}.raw", (2 * SIDE * SIDE, 3))
        pictures = [p.reshape(q["height"], q["width"], 3) for p, q in zip(flat, questions)]
        got = share([in_half(p, q["side"]) for p, q in zip(pictures, questions)])
        goal = (">= 80 %", got >= 80) if name == "masked" else ("", None)
        lines.append((title, "centroid lies in it", len(questions), f"{got:.1f} %", *goal))
        got = answers.right(name, questions, "subject", pictures=np.stack([half(p, q["side"]) for p, q in zip(pictures, questions)]))
        lines.append(("the same", "subject in that half", len(questions), f"{got:.1f} %", "", None))


def blocks(answers, questions, lines):
    chosen = ", ".join(f"{place} {scale}" for place, scale in zip(answers.told["places"], answers.told["scales"]) if scale)
    for name, title in (("block", f"image prompt by block ({chosen}), text names another subject"), ("block-none", "the same at scale 1 in all blocks")):
        got = answers.right(name, questions, "subject", "style")
        goal = (">= 60 %", got >= 60) if name == "block" else ("", None)
        lines.append((title, "the text's subject and the picture's style", len(questions), f"{got:.1f} %", *goal))


def starts(answers, questions, lines):
    strengths = answers.told["strengths"]
    got = [float(np.mean([correlation(answers.shown[q["start"]], p) for p, q in zip(answers.pictures(f"start-{s}"), questions)])) for s in strengths]
    falls = all(a > b for a, b in zip(got, got[1:]))
    title = "image to image, strength " + ", ".join(map(str, strengths))
    lines.append((title, "correlation with the start", len(questions), ", ".join(f"{g:.2f}" for g in got), "falls", falls))


def inpaints(answers, questions, lines):
    equal = 0
    changed = []
    for picture, q in zip(answers.pictures("inpaint"), questions):
        x, y, w, h = q["rectangle"]
        start, outside = answers.shown[q["start"]], np.ones((SIDE, SIDE), bool)
        outside[y : y + h, x : x + w] = False
        equal += bool((picture[outside] == start[outside]).all())
        changed.append(bool((picture[~outside] != start[~outside]).any()))
    lines.append(("inpainting a rectangle", "the rest, bytes", len(questions), f"{equal} equal", "all", equal == len(questions)))
    lines.append(("inpainting a rectangle", "the rectangle is changed", len(questions), f"{share(changed):.1f} %", "all", all(changed)))


def structure(answers, questions, lines):
    named = lambda what, use: f"edges by the {what} at scale {use['scale']}, guidance {use['guidance']}"
    used = answers.told["controls"]
    titles = {"edges-controlnet": named("ControlNet", used["controlnet"]), "edges-t2i": named("T2I-Adapter", used["t2i"]), "edges-none": "no control"}
    for name, title in titles.items():
        got = 100 * float(np.mean([followed(answers.shown[q["layout"]], p) for p, q in zip(answers.pictures(name), questions)]))
        goal = ("", None) if name == "edges-none" else (">= 80 %", got >= 80)
        lines.append((f"{title}, subject by an image prompt, background by words", "edges followed within 2 pixels", len(questions), f"{got:.1f} %", *goal))
        got = answers.right(name, questions, "subject", "background")
        goal = ("", None) if name == "edges-none" else (">= 70 %", got >= 70)
        lines.append(("the same", "subject and background", len(questions), f"{got:.1f} %", *goal))


PARTS = dict(masked=masks, block=blocks, start=starts, inpaint=inpaints, edges=structure)


def style_and_subject(answers, name, questions):
    """How often the scales take the style and leave the subject."""
    subject, style, both = (answers.right(name, questions, *keys) for keys in (["subject"], ["style"], ["subject", "style"]))
    print(f"{name}: subject {subject:.1f} %, style {style:.1f} %, both {both:.1f} %")
    return both


def search(answers, questions):
    """How good each of the tried scales is, into control-search.json."""
    scores = [style_and_subject(answers, name, questions) for name in answers.told["tried"]]
    with open(os.path.join(answers.work, "control-search.json"), "w") as file:
        json.dump(dict(scores=scores), file)


def main():
    work, path = sys.argv[1:3]
    with open(os.path.join(work, "control-questions.json")) as file:
        questions = json.load(file)
    answers = Answers(work, judging.load(path, questions["subjects"]))
    if "--search" in sys.argv:
        return search(answers, questions["rows"]["block-search"])
    lines = []
    for row in answers.told["rows"]:
        PARTS[row](answers, questions["rows"][row], lines)
    print("| row | measured | pictures | reached | goal | |\n|---|---|---|---|---|---|")
    for title, key, n, reached, goal, good in lines:
        print(f"| {title} | {key} | {n} | {reached} | {goal} | {'' if good is None else 'yes' if good else 'no'} |")
    with open(os.path.join(work, "control-scores.json"), "w") as file:
        json.dump(lines, file, indent=1)


if __name__ == "__main__":
    main()
