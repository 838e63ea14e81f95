"""The filler protocol."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class Filler(Protocol):
    """Anything that fills holes. ``predict``, ``evaluate`` and the demo know fillers and nothing else.

    Whoever derives from it takes neither text nor seed unless it says so.
    """

    takes_text: bool = False
    """Whether the holes can be told what to become."""
    takes_seed: bool = False
    """Whether there is more than one answer, to be drawn with a seed."""
    identity: str
    """Which version it is: the digest of the checkpoint's file, or the library that fills and its release."""
    size: int | None = None
    """Side in pixels of the crops that it was trained on; None where any size is alike to it."""

    @property
    def described(self) -> str:
        """What it is and where it computes, in a line for people."""
        return f"{type(self).__name__}, on cpu"

    @abstractmethod
    def fill(
        self,
        image: Tensor,
        mask: Tensor,
        *,
        text: Sequence[str] | None = None,
        seed: int | Sequence[int] | None = None,
    ) -> Tensor:
        """Fill the holes of a batch.

        Args:
            image: ``(B, 3, H, W)`` float32 RGB in ``[0, 1]``; what lies under the mask is not used.
            mask: ``(B, 1, H, W)`` in ``{0, 1}``, 1 = hole.
            text: what the holes shall show, one a picture; fillers that take no text leave it unread.
            seed: of the draws of stochastic fillers, at least 0: one for the batch, whose pictures are then drawn
                differently, or one a picture, which is then drawn as it would be alone; None for their one
                deterministic answer, if they have one. Deterministic fillers leave it unread.

        Returns:
            ``(B, 3, H, W)`` in ``[0, 1]``; known pixels are bit for bit those of ``image``.
        """
        ...

    def doubts(self, text: str) -> list[str]:
        """What a user should know of how a text will be read, a sentence each; empty where all of it is understood."""
        return []
