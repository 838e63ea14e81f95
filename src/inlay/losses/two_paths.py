"""The loss of a network with an inpainting and an auxiliary path (TDANet, Zhang et al. 2020; specification 3.5)."""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from inlay.errors import InlayError
from inlay.losses.adversarial import ObjectiveName, objective_by_name
from inlay.losses.gaussian import detached, hole_prior, kl_divergence
from inlay.losses.multiscale import REGIONS, Region, multiscale_l1, pyramid
from inlay.types import Gaussian, PathOutput

Direction = Literal["official", "posterior_to_prior"]
WEIGHTS = (
    "kl_out", "kl_rec", "l1_out", "l1_rec", "gan_out", "gan_rec", "score_out", "score_rec",
    "words_out", "words_rec", "sentence_out", "sentence_rec",
)  # fmt: skip


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
    ``l1_*``           :func:`~inlay.losses.multiscale.multiscale_l1` against the real image
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
        dynamic_prior: let the deviation ``s`` grow with the hole, see :func:`~inlay.losses.gaussian.hole_prior`.
        region_out: where the L1 of the inpainting path looks, see :func:`~inlay.losses.multiscale.multiscale_l1`.
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
        terms = {
            "kl_out": kl_divergence(detached(rec.latent), out.latent).mean(),
            "kl_rec": self._to_prior(rec.latent, mask).mean(),
            "l1_out": multiscale_l1(out.pictures, truth, holes, self.regions[0]),
            "l1_rec": multiscale_l1(rec.pictures, truth, holes, self.regions[1]),
            "gan_out": self.adversarial.generator(scores.gen_out),
            "gan_rec": self.adversarial.generator(scores.gen_rec),
            "score_out": (scores.match_out - scores.real_out).square().mean(),
            "score_rec": (scores.match_rec - scores.real_rec).square().mean(),
            **(matching or {}),
        }
        total = torch.stack([self.weights[name] * value.float() for name, value in terms.items()]).sum()
        return total, {name: value.detach() for name, value in terms.items()}

    def _to_prior(self, posterior: Gaussian, mask: Tensor) -> Tensor:
        prior = hole_prior(mask, self.dynamic_prior)
        return kl_divergence(prior, posterior) if self.kl_direction == "official" else kl_divergence(posterior, prior)
