"""The loss of a network with an inpainting and an auxiliary path (TDANet, Zhang et al. 2020; specification 3.5)."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inlay.errors import InlayError
from inlay.losses.adversarial import ObjectiveName, objective_by_name
from inlay.types import Gaussian, PathOutput

Direction = Literal["official", "posterior_to_prior"]
WEIGHTS = (
    "kl_out", "kl_rec", "l1_out", "l1_rec", "gan_out", "gan_rec", "score_out", "score_rec",
    "words_out", "words_rec", "sentence_out", "sentence_rec",
)  # fmt: skip
Region = Literal["full", "visible", "hole_weighted"]
REGIONS: tuple[Region, ...] = ("full", "visible", "hole_weighted")
HOLE_WEIGHT = 6.0
"""Of a hole's pixel beside a visible one in ``hole_weighted``; the ratio of Liu et al. 2018."""


def kl_divergence(p: Gaussian, q: Gaussian) -> Tensor:
    """``KL(p || q)`` of each element in nats: ``log(d/b) + (b^2 + (a - c)^2) / (2 d^2) - 1/2``.

    >= 0, zero where the distributions agree; float32, shaped as the two broadcast.

    Args:
        p: ``N(a, b)``.
        q: ``N(c, d)``.
    """
    with torch.autocast(p.mean.device.type, enabled=False):  # a square below 6e-8 is zero in half precision
        (a, b), (c, d) = p, q
        return torch.log(d / b) + (b.square() + (a - c).square()) / (2 * d.square()) - 0.5


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
    # A sigmoid, as exp overflows; 1e-5 as in the official code.
    std = torch.sigmoid(-8 * (visible - 1e-5 - 0.8)) if dynamic else torch.ones_like(visible)
    return Gaussian(torch.zeros_like(std), std)


def pyramid(image: Tensor, levels: int) -> list[Tensor]:
    """An image at ``levels`` sizes from coarse to fine, each half of the next, by area averages."""
    sizes = [image]
    for _ in range(levels - 1):
        sizes.append(F.avg_pool2d(sizes[-1], 2))
    return sizes[::-1]


def multiscale_l1(
    outputs: Sequence[Tensor], target: Sequence[Tensor], mask: Sequence[Tensor], region: Region
) -> Tensor:
    """Sum over sizes of the mean absolute error. Scalar >= 0, lower is better.

    Args:
        outputs: ``(B, 3, h, w)`` at each size.
        target: of equal shapes (:func:`pyramid`).
        mask: ``(B, 1, h, w)`` at each size, 1 = hole.
        region: ``full``, ``visible`` pixels alone, or ``hole_weighted``, where the hole counts :data:`HOLE_WEIGHT`
            times. Means are over all pixels in any case.
    """
    losses = []
    for output, truth, hole in zip(outputs, target, mask, strict=True):
        error = (output.float() - truth).abs()
        if region != "full":
            error = error * (1 - hole if region == "visible" else 1 + (HOLE_WEIGHT - 1) * hole)
        losses.append(error.mean())
    return torch.stack(losses).sum()


class PatchScores(NamedTuple):
    """Scores that discriminators give to the images of a batch, ``(B, 1, h, w)`` each."""

    gen_out: Tensor
    """Of the inpainting path's image, for the adversarial term."""
    gen_rec: Tensor
    """Of the auxiliary path's image, for the adversarial term."""
    match_out: Tensor
    """Of the inpainting path's image, to be matched with ``real_out``."""
    match_rec: Tensor
    """Of the auxiliary path's image, to be matched with ``real_rec``."""
    real_out: Tensor
    """Of the real image, by the discriminator of ``match_out``; without gradient."""
    real_rec: Tensor
    """Of the real image, by the discriminator of ``match_rec``; without gradient."""


class TwoPathLoss(nn.Module):
    """``sum_k weight_k L_k`` over divergences, multi-scale L1, adversarial, score-matching and text-image terms.

    Names end in ``out`` for the inpainting path, which users get, and in ``rec`` for the auxiliary path.

    =================  ============================================================================================
    term               formula
    =================  ============================================================================================
    ``kl_out``         ``mean KL(sg[posterior] || prior)``: trains ``F`` alone
    ``kl_rec``         ``mean KL(N(0, s) || posterior)`` (``official``), or the other way round, the direction of
                       the evidence bound (``posterior_to_prior``)
    ``l1_*``           :func:`multiscale_l1` against the real image
    ``gan_*``          the adversarial loss of the generator
    ``score_*``        ``mean (D(output) - D(real image))^2`` on the patch scores
    ``words_*``,       text-image matching, where the run has a text-image model
    ``sentence_*``
    =================  ============================================================================================

    Args:
        weights: of each term, all of :data:`WEIGHTS`; images are in ``[0, 1]``, so that the weight of an L1 is twice
            what it is for images in ``[-1, 1]``.
        adversarial: the objective of discriminators and generator, a key of :data:`~inlay.losses.OBJECTIVES`.
        kl_direction: of ``kl_rec``.
        dynamic_prior: let the deviation ``s`` grow with the hole, see :func:`hole_prior`.
        region_out: where the L1 of the inpainting path looks, see :func:`multiscale_l1`.
        region_rec: where that of the auxiliary path looks.

    Raises:
        InlayError: a weight is missing, unknown or negative, or an option is unknown.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        adversarial: ObjectiveName = "least_squares",
        kl_direction: Direction = "official",
        dynamic_prior: bool = False,
        region_out: Region = "full",
        region_rec: Region = "full",
    ) -> None:
        super().__init__()
        if set(weights) != set(WEIGHTS):
            raise InlayError(f"loss.weights needs exactly {', '.join(WEIGHTS)}, got {', '.join(weights)}.")
        for name, weight in weights.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise InlayError(f"loss.weights.{name} must be finite and at least 0, got {weight}.")
        if kl_direction not in ("official", "posterior_to_prior"):
            raise InlayError(f"loss.kl_direction must be official or posterior_to_prior, got {kl_direction!r}.")
        for name, region in (("region_out", region_out), ("region_rec", region_rec)):
            if region not in REGIONS:
                raise InlayError(f"loss.{name} must be one of {', '.join(REGIONS)}, got {region!r}.")
        self.weights = {name: float(weights[name]) for name in WEIGHTS}
        self.adversarial = objective_by_name(adversarial, "loss.adversarial")
        self.kl_direction: Direction = kl_direction
        self.dynamic_prior = dynamic_prior
        self.regions = region_out, region_rec

    def forward(
        self,
        out: PathOutput,
        rec: PathOutput,
        scores: PatchScores,
        image: Tensor,
        mask: Tensor,
        matching: Mapping[str, Tensor] | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The generator's loss of a batch.

        Args:
            out: the inpainting path's output.
            rec: the auxiliary path's output.
            scores: of both.
            image: ``(B, 3, H, W)`` the real image in ``[0, 1]``.
            mask: ``(B, 1, H, W)``, 1 = hole.
            matching: the text-image terms by name, if there is a text-image model.

        Returns:
            The weighted sum (scalar), and each term by name before its weight (scalars without gradient).
        """
        levels = len(out.pictures)
        truth, holes = pyramid(image, levels), pyramid(mask, levels)
        prior, posterior = hole_prior(mask, self.dynamic_prior), rec.latent
        fixed = Gaussian(
            posterior.mean.detach(), posterior.std.detach()
        )  # kl_out must not pull at what it is a target of
        p, q = (prior, posterior) if self.kl_direction == "official" else (posterior, prior)
        terms = {
            "kl_out": kl_divergence(fixed, out.latent).mean(),
            "kl_rec": kl_divergence(p, q).mean(),
            "l1_out": multiscale_l1(out.pictures, truth, holes, self.regions[0]),
            "l1_rec": multiscale_l1(rec.pictures, truth, holes, self.regions[1]),
            "gan_out": self.adversarial.generator(scores.gen_out, None),
            "gan_rec": self.adversarial.generator(scores.gen_rec, None),
            "score_out": (scores.match_out - scores.real_out).square().mean(),
            "score_rec": (scores.match_rec - scores.real_rec).square().mean(),
            **(matching or {}),
        }
        total = torch.stack([self.weights[name] * value.float() for name, value in terms.items()]).sum()
        return total, {name: value.detach() for name, value in terms.items()}
