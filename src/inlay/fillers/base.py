"""The base of everything that fills holes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from inlay.errors import InlayError
from inlay.ops import composite, erase

if TYPE_CHECKING:
    from inlay.text import Tokenizer

Seed = int | Sequence[int] | None


class Filler:
    """Anything that fills holes. ``predict``, ``evaluate`` and the page know fillers and nothing else.

    A subclass says in :meth:`predict` what becomes of a picture and declares what it takes. The contract of all
    fillers is kept here, once: the hole is erased before a subclass sees it, and known pixels come back bit for bit.
    """

    takes_text: bool = False
    """Whether a text can say what the holes shall show."""
    takes_reference: bool = False
    """Whether there can be a second picture to take content from."""
    takes_seed: bool = False
    """Whether there is more than one output, to be drawn with a seed."""
    runs_with: ClassVar[frozenset[str]] = frozenset()
    """Which of ``device`` and ``precision`` its constructor takes."""
    identity: str
    """Which version it is: the digest of the checkpoint's file, or the library that fills and its release."""
    size: int | None = None
    """Side in pixels of the crops that it was trained on; None where it serves any size equally."""
    tokenizer: "Tokenizer | None" = None
    """How it reads a text."""

    @property
    def described(self) -> str:
        """What it is and where it computes, in a line for people."""
        return f"{type(self).__name__}, on cpu"

    def fill(
        self,
        image: Tensor,
        mask: Tensor,
        *,
        text: Sequence[str] | None = None,
        reference: Tensor | None = None,
        seed: Seed = None,
    ) -> Tensor:
        """Fill the holes of a batch.

        Args:
            image: ``(B, 3, H, W)`` float32 RGB in ``[0, 1]``; what lies under the mask is not used.
            mask: ``(B, 1, H, W)`` in ``{0, 1}``, 1 = hole.
            text: what the holes shall show, one per picture; without it, or empty, the context decides.
            reference: ``(B, 3, H', W')`` float32 RGB in ``[0, 1]``, pictures to take content from.
            seed: of the draws of stochastic fillers, at least 0: one for the batch, whose pictures are then drawn
                differently, or one per picture, which is then drawn as it would be alone; None for their one
                deterministic output. Deterministic fillers leave it unread.

        Returns:
            ``(B, 3, H, W)`` in ``[0, 1]``; known pixels are bit for bit those of ``image``.

        Raises:
            InlayError: a text or reference picture for a filler that takes none, or not one per picture.
        """
        if text is not None and (isinstance(text, str) or len(text) != len(image)):  # a str is a sequence of letters
            raise InlayError(f"text must be a list of {len(image)} texts, one per picture, got {text!r}.")
        if reference is not None and len(reference) != len(image):
            raise InlayError(f"reference must be {len(image)} pictures, one per picture, got {len(reference)}.")
        if text is not None and any(text) and not self.takes_text:
            raise InlayError(f"text: {self.described} takes none. {remedy('takes_text')}")
        if reference is not None and not self.takes_reference:
            raise InlayError(f"reference: {self.described} takes none. {remedy('takes_reference')}")
        raw = self.predict(
            erase(image, mask), mask, text=[""] * len(image) if text is None else text, reference=reference, seed=seed
        )
        return composite(raw.clamp(0, 1).to(image), image, mask)

    def predict(
        self, masked: Tensor, mask: Tensor, *, text: Sequence[str], reference: Tensor | None, seed: Seed
    ) -> Tensor:
        """Predict the whole frame; arguments as for :meth:`fill`, checked, with the hole blanked in ``masked``.

        Returns:
            ``raw``, ``(B, 3, H, W)``, or ``(B, 1, H, W)`` for gray; only its hole is used.
        """
        raise NotImplementedError

    def text_warnings(self, text: str) -> list[str]:
        """What a user should know of how a text will be read, a sentence each; empty where all of it is understood."""
        if self.tokenizer is None:
            return []
        from inlay.fillers.text_warnings import text_warnings

        return text_warnings(self.tokenizer, text)


def remedy(flag: str) -> str:
    """What to do about an argument that a filler cannot use: the networks that can, by their declarations."""
    from inlay import models

    able = [name for name in models.__all__ if getattr(getattr(models, name), flag, False)]
    return f"Leave it out, or use a checkpoint of {' or '.join(able)}." if able else "Leave it out."
