"""The hole as the page sends it and is shown it: pixel by pixel of the picture itself.

It travels as run lengths, row by row from the top left, known pixels and hole by turns: ``"5 2 1"`` is five known
pixels, two of the hole, and one known. Nothing painted is the empty text.
"""

import numpy as np
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.images import USUAL_HOLE, polarity_warning

Mask = NDArray[np.bool_]

MOST_RUNS = 2_000_000
"""Of a mask that is shown; more are noise, and more than is sent with every stroke of the brush."""


def decode_runs(runs: str, size: tuple[int, int]) -> Mask:
    """Decode what was painted on a picture of ``size`` (height, width) to ``(H, W)`` bool, True = hole.

    Raises:
        InlayError: the runs are not those of such a picture.
    """
    count = size[0] * size[1]
    if not runs:
        return np.zeros(size, np.bool_)
    try:
        lengths = np.array(runs.split(), np.int64)
        if len(lengths) > 2 * MOST_RUNS or lengths.min() < 0 or lengths.max() > count or lengths.sum() != count:
            raise ValueError("of another picture")
    except (ValueError, OverflowError) as error:
        raise InlayError("What was painted cannot be read. Load the picture again.") from error
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(size)


def encode_runs(hole: Mask) -> str:
    """Encode a hole for :func:`decode_runs`.

    Raises:
        InlayError: it is noise rather than a hole.
    """
    pixels = hole.ravel()
    ends = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    if len(ends) > MOST_RUNS:
        raise InlayError(
            f"The mask is made of {len(ends) + 1:,} pieces, and the page takes {MOST_RUNS:,}. Make it smoother (a "
            "median filter does), or use `inlay predict`."
        )
    lengths = np.diff(ends, prepend=0, append=pixels.size).tolist()
    return " ".join(map(str, [0, *lengths] if pixels[0] else lengths)) if hole.any() else ""


def remarks(hole: Mask, from_file: bool = False) -> list[str]:
    """Lines for the page about a hole: its share of the picture, then what is odd about it.

    A small hole is odd ``from_file`` only, where the colors may be inverted.
    """
    count = int(np.count_nonzero(hole))
    if not count:
        return ["No hole yet: paint over what is to be replaced, add a box, or give a mask file."]
    ratio = count / hole.size
    said = [f"Hole: {ratio:.1%} of the picture, {count:,} pixel{'s' * (count > 1)}."]
    if count == hole.size:
        return [*said, "Nothing is left to fill it from. Leave a part of the picture unpainted."]
    if polarity_warning(ratio) and (from_file or ratio > USUAL_HOLE[1]):
        said.append("That is unusual. If the hole is the wrong way round, press Invert.")
    return said
