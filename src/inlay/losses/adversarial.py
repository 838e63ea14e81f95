"""What two players want of a discriminator's scores, and the gradient penalty on photographs."""

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class AdversarialLoss(Protocol):
    """The two sides of a game. Scores are of any shape; every mean is over all of their elements."""

    def real(self, scores: Tensor) -> Tensor:
        """What the discriminator pays for its scores of photographs; scalar >= 0."""
        ...

    def fake(self, scores: Tensor) -> Tensor:
        """What the discriminator pays for its scores of fillings; scalar >= 0."""
        ...

    def fool(self, scores: Tensor) -> Tensor:
        """What the generator pays for the scores of its fillings; scalar, lower is more like a photograph."""
        ...


class LeastSquares:
    """LSGAN (Mao et al. 2017): photographs shall score 1, fillings 0, and fillings would score 1."""

    def real(self, scores: Tensor) -> Tensor:
        """``mean (D - 1)^2``."""
        return (scores - 1).square().mean()

    def fake(self, scores: Tensor) -> Tensor:
        """``mean D^2``."""
        return scores.square().mean()

    def fool(self, scores: Tensor) -> Tensor:
        """``mean (D - 1)^2``."""
        return self.real(scores)


class Hinge:
    """The hinge loss (Lim and Ye 2017): scores beyond 1 and -1 are good enough."""

    def real(self, scores: Tensor) -> Tensor:
        """``mean max(0, 1 - D)``."""
        return F.relu(1 - scores).mean()

    def fake(self, scores: Tensor) -> Tensor:
        """``mean max(0, 1 + D)``."""
        return F.relu(1 + scores).mean()

    def fool(self, scores: Tensor) -> Tensor:
        """``mean -D``."""
        return -scores.mean()


def discriminator_loss(kind: AdversarialLoss, real: Tensor, fakes: Sequence[Tensor]) -> Tensor:
    """``1/2 real + 1/2 mean over fakes``: as much weight on photographs as on all kinds of fillings together."""
    return (kind.real(real) + torch.stack([kind.fake(fake) for fake in fakes]).mean()) / 2


def r1_penalty(scores: Tensor, image: Tensor) -> Tensor:
    """``1/2 E |grad_image sum(scores)|^2`` (Mescheder et al. 2018, eq. 9, without its weight). Scalar >= 0.

    Args:
        scores: of photographs, any shape, computed from ``image``.
        image: ``(B, ...)``, requires gradient.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), image, create_graph=True)
    return gradient.float().square().flatten(1).sum(dim=1).mean() / 2
