"""What flows through Inlay: the definition of shapes, ranges and polarity.

====== ==========================================================================================================
word   meaning
====== ==========================================================================================================
image  ``(B, 3, H, W)`` float32 RGB in ``[0, 1]``
mask   ``(B, 1, H, W)`` float32 in ``{0, 1}``, **1 = hole** (white in a file)
masked ``image * (1 - mask)``: all that a network is ever shown of a picture
raw    a network's whole-frame answer, ``(B, 3, H, W)``, not clamped
====== ==========================================================================================================
"""

from typing import NamedTuple, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class Batch(TypedDict):
    """One training or validation batch. Read-only: a task derives tensors from it and never writes into it."""

    image: Tensor
    """``(B, 3, H, W)`` float32 RGB in ``[0, 1]``, channels_last."""
    mask: Tensor
    """``(B, 1, H, W)`` float32 in ``{0, 1}``, 1 = hole."""
    id: list[str]
    """What each picture is called in its dataset (a relative path, mostly)."""


class Prediction(NamedTuple):
    """What a task makes of a batch."""

    raw: Tensor
    """``(B, 3, H, W)`` the network's whole-frame answer."""
    composite: Tensor
    """``(B, 3, H, W)`` ``raw`` in the hole, the known pixels elsewhere: what a user gets."""


class MaskFamily(Protocol):
    """Where holes come from: a pure function of the size and the generator."""

    def __call__(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Draw one ``(height, width)`` mask, True = hole."""
        ...
