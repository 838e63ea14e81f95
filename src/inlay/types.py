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

from collections.abc import Sequence
from typing import NamedTuple, NotRequired, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class Tokens(TypedDict):
    """Captions as numbers, padded to the longest of the batch (T); what is padded is False in both masks."""

    input_ids: Tensor
    """``(B, T)`` int64, the encoder's own numbering."""
    attention_mask: Tensor
    """``(B, T)`` bool, True = read by the encoder (words, and special tokens where it has them)."""
    words: Tensor
    """``(B, T)`` bool, True = a real word. A caption without any is no caption: the encoder returns the features of
    its learned null caption."""


class TextFeatures(NamedTuple):
    """What a text encoder makes of :class:`Tokens`."""

    words: Tensor
    """``(B, T, D)`` a vector for each word."""
    sentence: Tensor
    """``(B, D)`` a vector for the whole caption."""
    word_mask: Tensor
    """``(B, T)`` bool, True = a word that attention may look at; at least one in each row."""


class Batch(TypedDict):
    """One training or validation batch. Read-only: a task derives tensors from it and never writes into it."""

    image: Tensor
    """``(B, 3, H, W)`` float32 RGB in ``[0, 1]``, channels_last."""
    mask: Tensor
    """``(B, 1, H, W)`` float32 in ``{0, 1}``, 1 = hole; all 0 where samples have no hole."""
    id: list[str]
    """What each picture is called in its dataset (a relative path, mostly)."""
    caption: NotRequired[list[str]]
    """What is said of each picture, where the dataset has captions; empty for a picture without."""
    tokens: NotRequired[Tokens]
    """The captions for the text encoder of the run, where it has one."""
    text_image_tokens: NotRequired[Tokens]
    """The captions for the text-image model of the run, where it has one."""
    target: NotRequired[Tensor]
    """What the composite should become, where that is not ``image`` (:func:`inlay.ops.target_of`): a picture
    ``(B, 3, H, W)`` float32 in ``[0, 1]``, or a mask ``(B, 1, H, W)`` float32 in ``{0, 1}``; cut and flipped as
    ``image`` was."""
    reference: NotRequired[Tensor]
    """``(B, 3, H, W)`` float32 in ``[0, 1]``, a picture that a network may take content from."""
    label: NotRequired[Tensor]
    """``(B,)`` int64, equal for pictures of one class, where the dataset has classes."""
    scores: NotRequired[Tensor]
    """``(B, K)`` float32, K numbers to predict for each picture."""


class Prediction(NamedTuple):
    """What a task makes of a batch."""

    raw: Tensor
    """``(B, 3, H, W)`` the network's whole-frame answer."""
    composite: Tensor
    """``(B, 3, H, W)`` ``raw`` in the hole, the known pixels elsewhere: what a user gets."""
    stages: Sequence[Tensor] = ()
    """``(B, 3, H, W)`` each: what a network that goes from coarse to fine made before ``raw``."""


class Gaussian(NamedTuple):
    """Independent normal distributions, one an element."""

    mean: Tensor
    """Any shape, float32."""
    std: Tensor
    """Shaped as ``mean``, above 0."""


class PathOutput(NamedTuple):
    """The answer of one path of a network that has several."""

    pictures: list[Tensor]
    """``(B, 3, h, w)`` in ``[0, 1]`` from coarse to fine, each twice as large as the one before."""
    latent: Gaussian
    """What the latent was drawn from."""

    @property
    def raw(self) -> Tensor:
        """The finest picture."""
        return self.pictures[-1]


class MaskContext(Protocol):
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
        """The inside of the dataset's bounding box, ``(height, width)`` of the sample; None where it has none."""
        ...


class MaskGenerator(Protocol):
    """Where holes come from: a pure function of the size, the generator and, for some, the picture."""

    def __call__(
        self, height: int, width: int, rng: np.random.Generator, context: MaskContext | None = None
    ) -> NDArray[np.bool_]:
        """Draw one ``(height, width)`` mask, True = hole.

        Raises:
            NoHole: this picture leaves no usable hole (an object that is too small, a mask without a partner).
        """
        ...
