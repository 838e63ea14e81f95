"""What ``inlay predict`` is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from inlay.errors import InlayError
from inlay.images import MaskPolarity
from inlay.pipeline import FillOptions, check_asked, check_threshold
from inlay.precision import InferencePrecision


@dataclass(frozen=True)
class Request:
    """Which pictures to fill, with what, and where to put them.

    Raises:
        InlayError: ``samples``, ``seed`` or ``text`` is nothing to work with.
    """

    image: Sequence[str | Path]
    """Files, folders, and patterns such as ``photos/*.jpg``."""
    model: str
    """As :func:`~inlay.fillers.load_filler` takes it: a classical filler's name, or a checkpoint."""
    output: Path
    """A file for one picture that was named itself, else a folder."""
    mask: str | Path | None = None
    """One file for all, or a folder of masks named as the pictures; None: what is transparent is the hole."""
    frame: int | None = None
    """Which page of a TIFF, or frame of an animation, counted from 1; None for all pages, and for no animations."""
    mask_polarity: MaskPolarity = "white"
    threshold: float | None = None
    """From which share of full white a mask is white; None for one half, and to refuse photographs given as masks."""
    device: str = "auto"
    precision: InferencePrecision = "32"
    how: FillOptions = field(default_factory=FillOptions)
    compare: bool = False
    """Also write a sheet: masked, filled, given."""
    text: str | None = None
    """What the holes shall show; without it the context decides."""
    format: Literal["same", "png", "webp", "tiff", "jpg"] = "same"
    """Of the answers in a folder: that of their pictures, or another; all but JPEG are without loss."""
    captions: bool = False
    """Take the text of ``name.jpg`` from the first line of ``name.txt`` beside it."""
    samples: int = 1
    """How many pictures to draw; one is not drawn, unless there is a seed."""
    seed: int | None = None
    """Of the first sample, the next one's is one higher; 0 where several are drawn without."""

    def __post_init__(self) -> None:
        check_asked(self.text, self.seed, self.samples)
        check_threshold(self.threshold)
        if self.mask is None and self.mask_polarity != "white":
            raise InlayError(
                "--mask-polarity: without --mask the hole is what is transparent. Leave it out, or name a mask."
            )
        if self.mask is None and self.threshold is not None:
            raise InlayError("--threshold: without --mask there is nothing to cut. Leave it out, or name a mask.")
        if self.captions and self.text is not None:
            raise InlayError("--captions and --text: both say what the holes shall show. Leave one of them out.")

    def settings(self) -> dict[str, Any]:
        """What decides how the pictures look, as plain data; the model and the inputs aside."""
        return {
            "frame": self.frame,
            "mask_polarity": self.mask_polarity,
            "threshold": self.threshold,
            "precision": self.precision,
            "strategy": self.how.strategy,
            "feather": self.how.feather,
            "dilate": self.how.dilate,
            "blend": self.how.blend,
            "compare": self.compare,
            "text": self.text or None,
            "format": self.format,
            "captions": self.captions,
            "samples": self.samples,
            "seed": self.seed,
        }
