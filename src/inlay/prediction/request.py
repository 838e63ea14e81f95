"""Arguments of ``inlay predict``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from inlay.errors import InlayError
from inlay.images import MaskPolarity
from inlay.pipeline import FillOptions, Region, check_request
from inlay.pipeline.masks import check_threshold
from inlay.precision import InferencePrecision


@dataclass(frozen=True)
class Request:
    """Which pictures to fill, with what, and where to put them.

    Raises:
        InlayError: arguments are out of range, or exclude each other.
    """

    image: Sequence[str | Path]
    """Files, folders, and patterns such as ``photos/*.jpg``."""
    model: str
    """A classical filler's name, a checkpoint, or a YAML file; see :func:`~inlay.fillers.load_filler`."""
    output: Path
    """A file for one picture that was named itself, else a folder."""
    mask: str | Path | None = None
    """One file for all, or a folder of masks named as the pictures; None: what is transparent is the hole."""
    region: Region | None = None
    """Where the holes come from, instead of ``mask``."""
    reference: str | Path | None = None
    """A picture to take content from: one file for all, or a folder of files named as the pictures."""
    frame: int | None = None
    """Page of a TIFF, or frame of an animation, counted from 1; None for all pages, and for no animations."""
    mask_polarity: MaskPolarity = "white"
    threshold: float | None = None
    """Share of full white from which a mask is white; None for one half, and to refuse photographs given as masks."""
    device: str = "auto"
    precision: InferencePrecision = "32"
    options: FillOptions = field(default_factory=FillOptions)
    compare: bool = False
    """Also write a sheet: masked, filled, given."""
    text: str | None = None
    """What the holes shall show; without it the context decides."""
    format: Literal["same", "png", "webp", "tiff", "jpg"] = "same"
    """Of the files in a folder: that of their pictures, or another; all but JPEG are lossless."""
    captions: bool = False
    """Take the text of ``name.jpg`` from the first line of ``name.txt`` beside it."""
    samples: int = 1
    """Number of predictions per picture; a single one is not drawn, unless there is a seed."""
    seed: int | None = None
    """Of the first sample, the next one's is one higher, 0 by default; and of a region that draws."""

    def __post_init__(self) -> None:
        check_request(self.text, self.seed, self.samples)
        check_threshold(self.threshold)
        if self.mask is not None and self.region is not None:
            raise InlayError("--mask and --region: both say where the holes are. Leave one of them out.")
        for option, given in (
            ("mask-polarity", self.mask_polarity != "white"),
            ("threshold", self.threshold is not None),
        ):
            if given and self.mask is None:
                raise InlayError(f"--{option}: is for --mask, which is missing. Leave it out, or name a mask.")
        if self.captions and self.text is not None:
            raise InlayError("--captions and --text: both say what the holes shall show. Leave one of them out.")

    def settings(self) -> dict[str, Any]:
        """What decides how the pictures look, as plain data, apart from the model and the inputs."""
        same = ("frame", "mask_polarity", "threshold", "precision", "compare", "format", "captions", "samples", "seed")
        return {
            **{name: getattr(self, name) for name in same},
            "strategy": self.options.strategy,
            "composer": repr(self.options.composer),
            "region": repr(self.region) if self.region else None,
            "text": self.text or None,
        }
