"""The filler protocol."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class Filler(Protocol):
    """Anything that fills holes. ``predict`` and the demo know fillers and nothing else."""

    def fill(self, image: Tensor, mask: Tensor, text: Sequence[str] | None = None, seed: int | None = None) -> Tensor:
        """Fill the holes of a batch.

        Args:
            image: ``(B, 3, H, W)`` float32 RGB in ``[0, 1]``; what lies under the mask is not used.
            mask: ``(B, 1, H, W)`` in ``{0, 1}``, 1 = hole.
            text: what the holes shall show, one a picture; fillers that take no text leave it unread.
            seed: of the draws of stochastic fillers; deterministic ones leave it unread.

        Returns:
            ``(B, 3, H, W)`` in ``[0, 1]``; known pixels are bit for bit those of ``image``.
        """
        ...
