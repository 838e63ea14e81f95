"""A mask for each picture: drawn by the user, or named by the dataset."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError, NoHole
from inlay.images import MaskPolarity, read_mask
from inlay.masks.pairing import Partners
from inlay.masks.ranges import Ratio, Spread, check_ratio, check_spread, lists_to_tuples
from inlay.masks.ratio import fit
from inlay.types import MaskContext


@dataclass(frozen=True, kw_only=True)
class Paired:
    """The mask that belongs to the picture.

    Attributes:
        root: a folder with a mask for each picture, named alike but for the suffix: ``a/b.png`` for ``a/b.jpg``, or
            just ``b.png`` directly in the folder. None takes the mask that the dataset's index names.
        mask_polarity: the color of the hole in the folder's files, ``white`` or ``black``.
        ratio: lowest and highest share that is hole; a mask outside it is grown or shrunk. None leaves masks alone.
        spread: ``natural`` leaves masks that meet the ratio alone; ``uniform`` grows or shrinks all of them, so that
            every share in it is as probable as any other.
        allow_empty: take a mask without any white as it is: for masks that are targets, where nothing is an answer.
    """

    root: str | None = None
    mask_polarity: MaskPolarity = "white"
    ratio: Ratio | None = None
    spread: Spread = "natural"
    allow_empty: bool = False
    _partners: Partners | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        lists_to_tuples(self)
        check_ratio(self.ratio)
        check_spread(self.spread, self.ratio)
        if self.root is not None:
            object.__setattr__(self, "_partners", Partners.below(self.root, "masks.root"))

    def __call__(
        self, height: int, width: int, rng: np.random.Generator, context: MaskContext | None = None
    ) -> NDArray[np.bool_]:
        """The picture's mask, cut and resized as the picture was.

        Raises:
            NoHole: there is none for this picture, or it is empty.
            BadFile: its file is broken.
            InlayError: there is no picture, or several masks could be meant.
        """
        if context is None:
            raise InlayError("masks=paired takes a mask for each picture of a dataset: give data=... and data.root=...")
        mask = context.object() if self.root is None else self._read(context)
        if mask is None:
            raise NoHole("the dataset names no mask for it" if self.root is None else f"no mask for it in {self.root}")
        if not mask.any():
            if self.allow_empty:
                return mask
            raise NoHole("its mask has no hole in what the sample shows")
        return fit(mask, self.ratio, rng, self.spread)

    def without_partner(self, ids: Iterable[str]) -> list[str]:
        """The pictures that the folder holds no mask for; what an index does not name is met later."""
        return [] if self._partners is None else [id for id in ids if self._partners.of(id) is None]

    def _read(self, context: MaskContext) -> NDArray[np.bool_] | None:
        assert self._partners is not None
        path = self._partners.of(context.id)
        return None if path is None else context.place(read_mask(path, self.mask_polarity))
