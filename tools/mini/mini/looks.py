"""Looks that a custom checkpoint paints: functions that redraw a glyph's layer, float32 (128, 128, 4) with alpha, 0 to 255."""

import numpy as np
from PIL import Image, ImageFilter


def _grow(alpha, radius):
    """Alpha (h, w) in 0..255 widened by about `radius` pixels, with a soft edge."""
    image = Image.fromarray(alpha.round().astype(np.uint8))
    grown = image.filter(ImageFilter.MaxFilter(2 * radius + 1))
    return np.asarray(grown.filter(ImageFilter.GaussianBlur(0.8)), np.float32)


def _over(top, bottom):
    """Both (h, w, 4), alpha not premultiplied."""
    a, b = top[..., 3:] / 255, bottom[..., 3:] / 255
    alpha = a + b * (1 - a)
    colour = (top[..., :3] * a + bottom[..., :3] * b * (1 - a)) / np.maximum(alpha, 1e-6)
    return np.concatenate([colour, alpha * 255], -1)


def _plain(colour, alpha):
    layer = np.empty((*alpha.shape, 4), np.float32)
    layer[..., :3] = colour
    layer[..., 3] = alpha
    return layer


def sticker(layer):
    """A die-cut sticker: a broad white border with a dark rim around the subject."""
    alpha = layer[..., 3]
    return _over(layer, _over(_plain((255, 255, 255), _grow(alpha, 5)), _plain((40, 40, 48), _grow(alpha, 7))))


LOOKS = {"sticker": sticker}
