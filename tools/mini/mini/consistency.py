"""The consistency term of a control for edges, after ControlNet++ (Li et al., 2024): what the base predicts at one step, decoded to pixels,
is to have its edges where the control has them. The mean squared error of v counts a subject that stands two pixels aside as nearly right;
this term does not. It is the detector's measure made smooth, so that the error has a gradient.
"""

import torch
import torch.nn.functional as F

from .shipped import load_vae
from .training import images

THRESHOLD = 200 / 127.5  # of cv2.Canny, for pictures in [-1, 1]
ELSEWHERE = 0.15  # weight of the pixels that have no edge in the control
SOBEL = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])


def edginess(x):
    """(n, 3, h, w) in [-1, 1] -> (n, 1, h, w) from 0 to 1: 0.5 where cv2.Canny would be sure of an edge. As there, a pixel's gradient is
    that of its strongest colour. The largest of 3 x 3 pixels counts, so that an edge may lie a pixel aside."""
    n, c, h, w = x.shape
    kernels = torch.stack([SOBEL, SOBEL.T])[:, None].to(x)
    gradients = F.conv2d(F.pad(x.reshape(n * c, 1, h, w), (1, 1, 1, 1), mode="replicate"), kernels)
    strength = gradients.abs().sum(1).view(n, c, h, w).amax(1, keepdim=True)
    return F.max_pool2d(strength / (strength + THRESHOLD), 3, 1, 1)


class Consistency:
    """Decodes the first samples of a batch with the shipped autoencoder, which stays frozen, and compares their edges with the true pictures'."""

    def __init__(self, model, products):
        self.vae = load_vae(model).to(memory_format=torch.channels_last)
        self.products = products

    def __call__(self, x, t, v, pictures, hint):
        """`x`: noisy latents, `t`: their steps, `v`: what the base predicted, `pictures`: the true ones, uint8, of the samples to decode,
        `hint`: the control's edges. -> loss"""
        x, t, v, hint = (part[: len(pictures)] for part in (x, t, v, hint))
        product = self.products[t].view(-1, 1, 1, 1)
        z = (product.sqrt() * x - (1 - product).sqrt() * v) / self.vae.config.scaling_factor
        painted = self.vae.decode(z.contiguous(memory_format=torch.channels_last)).sample
        near = F.max_pool2d(hint[:, :1], 3, 1, 1)
        weight = near + ELSEWHERE * (1 - near)
        error = (edginess(painted) - edginess(images(pictures))).pow(2)
        return (weight * error).sum() / weight.sum()
