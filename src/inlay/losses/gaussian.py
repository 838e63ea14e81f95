"""Distances between Gaussian latents."""

import torch
from torch import Tensor

from inlay.types import Gaussian


def kl_divergence(p: Gaussian, q: Gaussian) -> Tensor:
    """``KL(p || q)`` of each element in nats: ``log(d/b) + (b^2 + (a - c)^2) / (2 d^2) - 1/2``.

    >= 0, zero where the distributions agree; float32, shaped as the two broadcast.

    Args:
        p: ``N(a, b)``.
        q: ``N(c, d)``.
    """
    with torch.autocast(p.mean.device.type, enabled=False):
        (a, b), (c, d) = p, q
        return torch.log(d / b) + (b.square() + (a - c).square()) / (2 * d.square()) - 0.5


def detached(latent: Gaussian) -> Gaussian:
    """The distribution without gradient."""
    return Gaussian(latent.mean.detach(), latent.std.detach())


def hole_prior(mask: Tensor, dynamic: bool) -> Gaussian:
    """The prior of a hole: zero mean, and a standard deviation of 1 or, if ``dynamic``, one that grows with the hole.

    ``1 / (1 + exp(8 (v - 0.8)))`` with ``v`` the visible share of the image (Zheng et al. 2019).

    Args:
        mask: ``(B, 1, H, W)``, 1 = hole.
        dynamic: whether the deviation grows with the hole.

    Returns:
        Mean and deviation, ``(B, 1, 1, 1)``.
    """
    visible = 1 - mask.float().mean(dim=(1, 2, 3), keepdim=True)
    std = torch.sigmoid(-8 * (visible - 1e-5 - 0.8)) if dynamic else torch.ones_like(visible)
    return Gaussian(torch.zeros_like(std), std)
