"""What a denoiser is trained to predict, of which noised samples, and with which weight.

Everything here is float32, under autocast, too: in bfloat16 a schedule's ends round to 0, and step 999 to 1000.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from typing_extensions import override

from inlay.errors import InlayError


class Noised(NamedTuple):
    """Samples on their way to noise, and what a denoiser shall make of them."""

    sample: Tensor
    """``(B, C, H, W)`` float32."""
    target: Tensor
    """``(B, C, H, W)`` float32: the output of a perfect denoiser."""
    timestep: Tensor
    """``(B,)``: what the denoiser is told of the noise."""
    weight: Tensor
    """``(B,)`` float32: of each sample in the loss."""


class Objective(ABC):
    """One way to train a denoiser. A level says how much noise a sample has: a step of the schedule, or a share."""

    @abstractmethod
    def draw(self, generators: Sequence[torch.Generator]) -> Tensor:
        """Draw a level for each sample, with the sample's own generator: ``(B,)`` on the CPU."""

    @abstractmethod
    def noised(self, clean: Tensor, noise: Tensor, level: Tensor) -> Noised:
        """Mix ``(B, C, H, W)`` clean samples with standard normal noise at ``(B,)`` levels."""

    @abstractmethod
    def clean(self, sample: Tensor, output: Tensor, level: Tensor) -> Tensor:
        """The clean sample that a denoiser's output stands for, ``(B, C, H, W)`` float32."""


class Scheduled(Objective):
    """Objectives of the discrete, variance-preserving process (Ho et al. 2020, equation 4).

    ``sample = signal * clean + sigma * noise`` with ``signal**2 = alphas_cumprod[level]`` and
    ``sigma**2 = 1 - alphas_cumprod[level]``.

    Args:
        alphas_cumprod: ``(T,)`` decreasing, in ``[0, 1]``.
        min_snr: largest signal-to-noise ratio that a sample is weighted with (min-SNR, Hang et al. 2023); None weighs
            all samples alike.

    Raises:
        InlayError: ``min_snr`` is not above 0.
    """

    def __init__(self, alphas_cumprod: Tensor, min_snr: float | None = None) -> None:
        if min_snr is not None and min_snr <= 0:
            raise InlayError(f"task.min_snr must be null or above 0 (5 as a rule), got {min_snr}.")
        self.alphas_cumprod = alphas_cumprod.double()
        self.min_snr = min_snr

    @override
    def draw(self, generators: Sequence[torch.Generator]) -> Tensor:
        return torch.stack([torch.randint(len(self.alphas_cumprod), (), generator=one) for one in generators])

    @override
    def noised(self, clean: Tensor, noise: Tensor, level: Tensor) -> Noised:
        clean, noise = clean.float(), noise.float()
        signal, sigma = self.scales(level.to(clean.device))  # (B, 1, 1, 1) each
        sample = signal * clean + sigma * noise
        return Noised(
            sample, self.target(clean, noise, signal, sigma), level.to(clean.device), self.weight(level, clean)
        )

    def scales(self, level: Tensor) -> tuple[Tensor, Tensor]:
        """Share of the clean sample and of the noise at ``(B,)`` levels: two of ``(B, 1, 1, 1)`` float32."""
        kept = self.alphas_cumprod.to(level.device)[level][:, None, None, None]
        return kept.sqrt().float(), (1 - kept).sqrt().float()

    def weight(self, level: Tensor, like: Tensor) -> Tensor:
        """Weights of the samples, ``(B,)`` float32 on the device of ``like``."""
        kept = self.alphas_cumprod[level.cpu()]
        snr = kept / (1 - kept)
        capped = torch.ones_like(snr) if self.min_snr is None else self.snr_weight(snr, snr.clamp(max=self.min_snr))
        return capped.float().to(like.device)

    @abstractmethod
    def target(self, clean: Tensor, noise: Tensor, signal: Tensor, sigma: Tensor) -> Tensor:
        """The output of a perfect denoiser."""

    @abstractmethod
    def snr_weight(self, snr: Tensor, capped: Tensor) -> Tensor:
        """Min-SNR weight of a loss on the target, of the signal-to-noise ratio and the capped one."""


class Epsilon(Scheduled):
    """The denoiser predicts the noise (Ho et al. 2020, equation 14). Arguments: see :class:`Scheduled`.

    Raises:
        InlayError: the schedule ends in pure noise, of which the clean sample cannot be told from it.
    """

    def __init__(self, alphas_cumprod: Tensor, min_snr: float | None = None) -> None:
        super().__init__(alphas_cumprod, min_snr)
        if (alphas_cumprod <= 0).any():
            raise InlayError(
                "prediction_type=epsilon cannot be trained on a schedule that ends in pure noise "
                "(rescale_betas_zero_snr). Use v_prediction."
            )

    @override
    def target(self, clean: Tensor, noise: Tensor, signal: Tensor, sigma: Tensor) -> Tensor:
        return noise

    @override
    def clean(self, sample: Tensor, output: Tensor, level: Tensor) -> Tensor:
        signal, sigma = self.scales(level)
        return (sample.float() - sigma * output.float()) / signal

    @override
    def snr_weight(self, snr: Tensor, capped: Tensor) -> Tensor:
        return capped / snr


class Velocity(Scheduled):
    """The denoiser predicts ``signal * noise - sigma * clean`` (Salimans and Ho 2022, appendix D).

    Arguments: see :class:`Scheduled`.
    """

    @override
    def target(self, clean: Tensor, noise: Tensor, signal: Tensor, sigma: Tensor) -> Tensor:
        return signal * noise - sigma * clean

    @override
    def clean(self, sample: Tensor, output: Tensor, level: Tensor) -> Tensor:
        signal, sigma = self.scales(level)
        return signal * sample.float() - sigma * output.float()

    @override
    def snr_weight(self, snr: Tensor, capped: Tensor) -> Tensor:
        return capped / (snr + 1)


class Flow(Objective):
    """The denoiser predicts ``noise - clean`` of ``(1 - s) * clean + s * noise`` (rectified flow, Liu et al. 2022).

    Levels are shares of noise, the sigmoid of a standard normal variable (Esser et al. 2024).

    Args:
        shift: above 1 for more noise, which larger pictures need: ``s`` becomes ``k s / (1 + (k - 1) s)``.
        steps: what the denoiser is told of pure noise.

    Raises:
        InlayError: ``shift`` is not above 0.
    """

    def __init__(self, shift: float = 1.0, steps: int = 1000) -> None:
        if shift <= 0:
            raise InlayError(f"task.shift must be above 0 (1 for none), got {shift}.")
        self.shift, self.steps = shift, steps

    @override
    def draw(self, generators: Sequence[torch.Generator]) -> Tensor:
        share = torch.stack([torch.randn((), generator=one) for one in generators]).sigmoid()
        return self.shift * share / (1 + (self.shift - 1) * share)

    @override
    def noised(self, clean: Tensor, noise: Tensor, level: Tensor) -> Noised:
        clean, noise, level = clean.float(), noise.float(), level.to(clean.device)
        share = level[:, None, None, None]
        sample = (1 - share) * clean + share * noise
        return Noised(sample, noise - clean, level * self.steps, torch.ones_like(level))

    @override
    def clean(self, sample: Tensor, output: Tensor, level: Tensor) -> Tensor:
        return sample.float() - level[:, None, None, None] * output.float()


def denoising_loss(output: Tensor, noised: Noised, mask: Tensor, hole_weight: float = 1.0) -> Tensor:
    """The weighted mean square error of a denoiser, a scalar in float32.

    Args:
        output: ``(B, C, H, W)`` of the denoiser.
        noised: what it was shown.
        mask: ``(B, 1, H, W)`` of the samples' size, 1 = hole.
        hole_weight: of the hole beside what is known, whose weight is 1; each picture's weights have a mean of 1.
    """
    squared = (output.float() - noised.target) ** 2
    if hole_weight != 1.0:
        cells = 1 + (hole_weight - 1) * mask.float()  # (B, 1, H, W)
        squared = squared * (cells / cells.mean(dim=(1, 2, 3), keepdim=True))
    return (noised.weight * squared.mean(dim=(1, 2, 3))).mean()
