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

from typing import NamedTuple, NotRequired, Protocol, TypedDict

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
    caption: NotRequired[list[str]]
    """What is said of each picture, where the dataset has captions; empty for a picture without."""


class Prediction(NamedTuple):
    """What a task makes of a batch."""

    raw: Tensor
    """``(B, 3, H, W)`` the network's whole-frame answer."""
    composite: Tensor
    """``(B, 3, H, W)`` ``raw`` in the hole, the known pixels elsewhere: what a user gets."""


class Scene(Protocol):
    """The picture that a hole is for, seen through the frame of its sample: same crop, same size, not flipped."""

    @property
    def id(self) -> str:
        """What the picture is called in its dataset."""
        ...

    def place(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Cut and resize a mask of the whole picture, of any resolution, as the sample was cut from the picture."""
        ...

    def object(self) -> NDArray[np.bool_] | None:
        """The object that the dataset segments, ``(height, width)`` of the sample; None where it segments none."""
        ...

    def box(self) -> NDArray[np.bool_] | None:
        """The inside of the dataset's bounding box, likewise."""
        ...


class MaskFamily(Protocol):
    """Where holes come from: a pure function of the size, the generator and, for some families, the picture."""

    def __call__(
        self, height: int, width: int, rng: np.random.Generator, scene: Scene | None = None
    ) -> NDArray[np.bool_]:
        """Draw one ``(height, width)`` mask, True = hole.

        Raises:
            NoHole: this picture leaves no usable hole (an object that is too small, a mask without a partner).
        """
        ...
