"""Several mask generators at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError, NoHole
from inlay.masks.morphology import fit
from inlay.masks.paired import Paired
from inlay.masks.ranges import Ratio, Spread, check_family
from inlay.types import MaskContext

_MOST_DRAWS = 100


@dataclass(frozen=True, kw_only=True)
class UnitedMasks:
    """The holes of several mask generators at once.

    Attributes:
        families: by name.
        ratio: lowest and highest share that is hole, for which the united hole is grown or shrunk; None leaves it.
    """

    families: Mapping[str, Any]
    ratio: Ratio | None = None

    def __post_init__(self) -> None:
        check_family(self)
        if not self.families:
            raise InlayError("masks.families must name generators, whose holes are united; got none.")

    def __call__(
        self, height: int, width: int, rng: np.random.Generator, context: MaskContext | None = None
    ) -> NDArray[np.bool_]:
        """Let each draw, one after the other.

        Raises:
            NoHole: one of them finds no hole in the picture.
        """
        holes = [family(height, width, rng, context) for family in self.families.values()]
        mask = np.logical_or.reduce(holes)
        if mask.all():  # a picture of which nothing is known teaches nothing
            mask[rng.integers(height), rng.integers(width)] = False
        return fit(mask, self.ratio, rng)

    def without_partner(self, ids: Iterable[str]) -> list[str]:
        """The pictures that a folder of paired masks holds none for."""
        return _without_partner(self.families.values(), ids)


@dataclass(frozen=True, kw_only=True)
class MixedMasks:
    """One of several mask generators for each mask, by odds.

    Attributes:
        families: by name; dataclasses, so that their ``ratio`` can be set.
        odds: how often each is drawn, relative to the others; 0 for never.
        ratio: lowest and highest share that is hole, for all of them; None leaves each with its own.
        spread: ``natural`` or ``uniform`` within it, for all that have the choice: boxes in the middle and strips are
            uniform as they are, files are taken as they are. None leaves each with its own.
        most: largest share that is hole; a larger hole is drawn again. None for any.
    """

    families: Mapping[str, Any]
    odds: Mapping[str, float]
    ratio: Ratio | None = None
    spread: Spread | None = None
    most: float | None = None

    def __post_init__(self) -> None:
        check_family(self)
        if set(self.odds) != set(self.families):
            raise InlayError(
                f"masks.odds must name the families {', '.join(self.families)}; got {', '.join(self.odds) or 'none'}."
            )
        if not self.odds or min(self.odds.values()) < 0 or sum(self.odds.values()) <= 0:
            raise InlayError(f"masks.odds must not be negative, and one must be positive; got {dict(self.odds)}.")
        if self.most is not None and not 0 < self.most <= 1:
            raise InlayError(f"masks.most must be null or a share above 0, at most 1; got {self.most}.")
        if self.ratio is not None or self.spread is not None:
            families = {}
            for name, family in self.families.items():
                given: dict[str, Any] = {"ratio": self.ratio} if self.ratio is not None else {}
                if self.spread is not None and hasattr(family, "spread"):
                    given["spread"] = self.spread
                families[name] = replace(family, **given)
            object.__setattr__(self, "families", families)

    def __call__(
        self, height: int, width: int, rng: np.random.Generator, context: MaskContext | None = None
    ) -> NDArray[np.bool_]:
        """Choose a generator, and let it draw. One that finds no hole in the picture leaves it to the others.

        Raises:
            NoHole: none of them finds one.
            InlayError: hardly any hole is as small as ``most``.
        """
        for _ in range(_MOST_DRAWS):
            mask = self._draw(height, width, rng, context)
            if self.most is None or mask.mean() <= self.most:
                return mask
        raise InlayError(f"masks.most={self.most}: {_MOST_DRAWS} holes were all larger. Raise it, or take other masks.")

    def _draw(
        self, height: int, width: int, rng: np.random.Generator, context: MaskContext | None
    ) -> NDArray[np.bool_]:
        left = {name: odds for name, odds in self.odds.items() if odds > 0}
        reasons = []
        while left:
            names, odds = list(left), np.array(list(left.values()))
            name = names[rng.choice(len(names), p=odds / odds.sum())]
            try:
                mask: NDArray[np.bool_] = self.families[name](height, width, rng, context)
                return mask
            except NoHole as error:
                reasons.append(str(error))
                del left[name]
        raise NoHole("; ".join(reasons))

    def without_partner(self, ids: Iterable[str]) -> list[str]:
        """The pictures that a folder of paired masks holds none for."""
        return _without_partner((family for name, family in self.families.items() if self.odds[name]), ids)


def _without_partner(families: Iterable[Any], ids: Iterable[str]) -> list[str]:
    paired = [family for family in families if isinstance(family, Paired)]
    ids = list(ids) if paired else ()
    return sorted(set(chain.from_iterable(family.without_partner(ids) for family in paired)))
