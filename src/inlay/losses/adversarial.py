"""Adversarial objectives, feature matching, and the gradient penalty on real images.

Scores are logits of any shape, one per patch; a target map says how real each patch is: 1 = real, 0 = fake.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inlay.errors import InlayError

ObjectiveName = Literal["non_saturating", "hinge", "least_squares", "least_squares_aot"]


def non_saturating(scores: Tensor, target: Tensor | float, weight: Tensor | None = None) -> Tensor:
    """Binary cross entropy on logits (Goodfellow et al. 2014). Scalar >= 0, mean over all patches.

    Args:
        scores: logits, any shape.
        target: in ``[0, 1]``, 1 = real; a number or a tensor that broadcasts with ``scores``.
        weight: of each patch in the mean, broadcasts with ``scores``; None for equal weights.
    """
    # softplus(-x) is -log(sigmoid(x)), without the zero that the logarithm would get of a very sure discriminator
    return _mean(target * F.softplus(-scores) + (1 - target) * F.softplus(scores), weight)


def hinge(scores: Tensor, target: Tensor | float, weight: Tensor | None = None) -> Tensor:
    """Hinge loss of a discriminator (Lim and Ye 2017): no loss beyond 1 and -1. Arguments: :func:`non_saturating`."""
    return _mean(target * F.relu(1 - scores) + (1 - target) * F.relu(1 + scores), weight)


def least_squares(scores: Tensor, target: Tensor | float, weight: Tensor | None = None) -> Tensor:
    """``mean (scores - target)^2`` (LSGAN, Mao et al. 2017). Arguments: :func:`non_saturating`."""
    return _mean((scores - target).square(), weight)


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return values.mean()
    weight = weight.expand_as(values)
    return (values * weight).sum() / weight.sum().clamp(min=torch.finfo(weight.dtype).tiny)  # of no weight at all, 0


class Objective(NamedTuple):
    """The losses of both sides of adversarial training."""

    discriminator: Callable[[Tensor, Tensor | float], Tensor]
    """Of scores and their target map; scalar >= 0."""
    generator: Callable[[Tensor, Tensor | None], Tensor]
    """Of the scores of generated images, which should look real, and the weights of patches or None; scalar."""


OBJECTIVES: dict[ObjectiveName, Objective] = {
    "non_saturating": Objective(non_saturating, lambda scores, weight: non_saturating(scores, 1.0, weight)),
    "hinge": Objective(hinge, lambda scores, weight: -_mean(scores, weight)),
    "least_squares": Objective(least_squares, lambda scores, weight: least_squares(scores, 1.0, weight)),
    # as AOT-GAN was released: its generator is asked for what its discriminator learns to call filled
    "least_squares_aot": Objective(least_squares, lambda scores, weight: least_squares(scores, 0.0, weight)),
}


def objective_by_name(name: ObjectiveName, setting: str) -> Objective:
    """An objective by its name. Raises :class:`InlayError`, which names the ``setting``, where there is none."""
    if name not in OBJECTIVES:
        raise InlayError(f"{setting} must be one of {', '.join(OBJECTIVES)}, got {name!r}.")
    return OBJECTIVES[name]


def feature_matching(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Mean over a discriminator's feature maps of ``mean (fake - real)^2``. Scalar >= 0.

    Args:
        fake: features of generated images, each ``(B, C, h, w)``.
        real: features of the images they should look like, of equal shapes; no gradient flows into them.
    """
    errors = [(f.float() - r.detach().float()).square().mean() for f, r in zip(fake, real, strict=True)]
    return torch.stack(errors).mean()


def r1_penalty(scores: Tensor, image: Tensor) -> Tensor:
    """``E |grad_image sum(scores)|^2``, R1 without its weight (Mescheder et al. 2018, eq. 9, times 2). Scalar >= 0.

    Args:
        scores: of real images, any shape, computed from ``image``.
        image: ``(B, ...)``, requires gradient.
    """
    # No score depends on another image, so the gradient of the sum holds each image's own.
    (gradient,) = torch.autograd.grad(scores.sum(), image, create_graph=True)
    return gradient.float().square().flatten(1).sum(dim=1).mean()
