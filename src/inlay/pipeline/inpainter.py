"""A model that fills holes, for programs: ``inlay.load`` and ``fill``."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inlay.device import choose_device
from inlay.errors import InlayError
from inlay.files import at_home
from inlay.fillers import Filler, load_filler
from inlay.images import MaskPolarity, Picture
from inlay.pipeline.conversions import pages_of, picture_of
from inlay.pipeline.fill import Filled, Job, fill_pictures
from inlay.pipeline.masks import check_threshold, frames_of, hole_of
from inlay.pipeline.options import FillOptions
from inlay.precision import InferencePrecision
from inlay.seeds import check_seed

log = logging.getLogger(__name__)


def load(
    model: str | Path, device: str = "auto", precision: InferencePrecision = "32", how: FillOptions | None = None
) -> "Inpainter":
    """Load a model that fills holes.

    Args:
        model: a checkpoint of ``inlay train``, a folder or an ``.onnx`` file of ``inlay export``, the name of such a
            folder on the Hugging Face hub, or ``telea``, ``navier_stokes``, ``biharmonic``, ``mean``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: of a network's numbers: ``32``, ``bf16``, ``16``.
        how: strategy and blending, unless a call says otherwise.

    Raises:
        InlayError: there is no such model or device, or the file is not to be trusted.

    Example:
        >>> import inlay
        >>> filler = inlay.load("telea")
        >>> filled = filler.fill("photo.jpg", "mask.png")
        >>> filled.save("filled.png")
    """
    model = at_home(model)
    return Inpainter(load_filler(model, choose_device(device), precision), str(model), how or FillOptions())


class Inpainter:
    """A filler behind one verb for pictures of any form and size.

    Args:
        filler: does the filling.
        name: what messages call it.
        how: strategy and blending.
    """

    def __init__(self, filler: Filler, name: str, how: FillOptions) -> None:
        self.filler, self.name, self.how = filler, name, how

    def __repr__(self) -> str:
        return f"<inlay.Inpainter {self.name}: {self.filler.described}>"

    def fill(
        self,
        image: Any,
        mask: Any,
        text: str | Sequence[str] | None = None,
        seed: int | None = None,
        samples: int = 1,
        mask_polarity: MaskPolarity = "white",
        threshold: float | None = None,
        frame: int | None = None,
    ) -> Any:
        """Fill the hole of a picture; known pixels come back bit for bit.

        Args:
            image: a path, a PIL image, an array ``(H, W)`` or ``(H, W, C)``, a tensor ``(C, H, W)``, or several of one
                size as ``(B, C, H, W)``; see :func:`~inlay.pipeline.conversions.picture_of`.
            mask: likewise, 1 or white = hole; files and images are resized to the picture, arrays and tensors have its
                size; for several pictures one for all, or ``(B, 1, H, W)``; see
                :func:`~inlay.pipeline.masks.hole_of`.
            text: what the hole shall show; for several pictures one for all, or a list.
            seed: draws an answer; without it the model's deterministic one is given.
            samples: how many to draw, with ``seed``, ``seed + 1``, and so on, from 0 where there is none.
            mask_polarity: ``black`` for masks in which 0, False or black is the hole.
            threshold: from which share of full white the mask is hole; None for one half, and to refuse photographs.
            frame: which page of a TIFF file or frame of an animation, counted from 1; without it all pages of a TIFF
                are filled, with one mask or as many as there are pages.

        Returns:
            What was given, filled: an image for a path or an image, an array for an array, a tensor for a tensor; a
            list of images for a TIFF of several pages; a list of all that for several samples.

        Raises:
            InlayError: a form or size that is not understood, or something that the model does not do.
        """
        for each in [text] if text is None or isinstance(text, str) else text:
            self.check(each, seed, samples)
        check_threshold(threshold)
        image, mask = at_home(image), at_home(mask)
        several = isinstance(image, torch.Tensor) and image.ndim == 4
        if several and not len(image):
            raise InlayError("image: a batch of 0 pictures. Give at least one.")
        forms = [picture_of(each) for each in image] if several else pages_of(image, frame)
        pictures, backs = [picture for picture, _ in forms], [back for _, back in forms]
        frames = frames_of(mask, image, len(forms), frame)
        texts, holes = _one_each(text, len(forms)), _holes(mask, pictures, frames, mask_polarity, threshold)
        answers = []
        for drawn in seeds(seed, samples):
            jobs = [Job(*each, drawn) for each in zip(pictures, holes, texts, strict=True)]
            filled = [back(done.picture) for done, back in zip(self.fill_jobs(jobs), backs, strict=True)]
            answers.append(torch.stack(filled) if several else filled if len(filled) > 1 else filled[0])
        return answers[0] if samples == 1 else answers

    def fill_picture(
        self,
        picture: Picture,
        hole: NDArray[np.bool_],
        text: str | None = None,
        seed: int | None = None,
        how: FillOptions | None = None,
    ) -> Filled:
        """Fill a picture as :mod:`inlay.images` reads it, and say how it was done. Errors: see :meth:`fill`."""
        self.check(text, seed)
        return self.fill_jobs([Job(picture, hole, text, seed)], how)[0]

    def fill_jobs(self, jobs: Sequence[Job], how: FillOptions | None = None) -> list[Filled]:
        """Fill several; a text or seed that the model does not take is not heeded. Errors: see :meth:`fill`."""
        return fill_pictures(self.filler, jobs, how or self.how)

    def doubts(self, text: str | None) -> list[str]:
        """What a user should know of how a text will be read, a sentence each."""
        return [f"text: {doubt}" for doubt in self.filler.doubts(text or "")]

    def check(self, text: str | None, seed: int | None, samples: int = 1) -> None:
        """Refuse what the model would not heed, and what none could.

        Raises:
            InlayError: text for a model without, a draw from one that draws nothing; see :func:`check_asked`.
        """
        check_asked(text, seed, samples)
        other = "name a text-guided model (task=tdanet)"
        if text and not self.filler.takes_text:
            raise InlayError(f"text: {self.name} takes no text. Leave it out, or {other}.")
        asked = " and ".join(
            option for option, given in {"samples": samples > 1, "seed": seed is not None}.items() if given
        )
        if asked and not self.filler.takes_seed:
            raise InlayError(f"{asked}: {self.name} has one answer and draws nothing. Leave it out, or {other}.")


def check_asked(text: str | None, seed: int | None, samples: int) -> None:
    """Refuse what no model could heed.

    Raises:
        InlayError: a number out of range, or a text that is none.
    """
    if samples < 1:
        raise InlayError(f"samples must be at least 1, got {samples}. Leave it out for one picture.")
    if seed is not None:
        check_seed(seed)
        check_seed(seed + samples - 1, "the seed of the last sample")
    if text and any("\ud800" <= letter <= "\udfff" for letter in text):  # bytes that Python kept as such
        raise InlayError(f"text must be UTF-8, got {text!r}. Set the terminal to UTF-8 and write it again.")


def seeds(seed: int | None, samples: int) -> list[int | None]:
    """The seed of each sample; None: not drawn."""
    return [seed] if samples == 1 else [(seed or 0) + number for number in range(samples)]


def _one_each(text: str | Sequence[str] | None, count: int) -> list[str | None]:
    texts: list[str | None] = [text] * count if text is None or isinstance(text, str) else [*text]
    if len(texts) != count:
        raise InlayError(f"text must be one, or one for each of {count} pictures, got {len(texts)}.")
    return texts


def _holes(
    mask: Any,
    pictures: Sequence[Picture],
    frames: Sequence[int | None],
    mask_polarity: MaskPolarity,
    threshold: float | None,
) -> list[NDArray[np.bool_]]:
    several = isinstance(mask, torch.Tensor) and mask.ndim == 4 and len(mask) > 1
    masks = list(mask) if several else [mask] * len(pictures)
    if len(masks) != len(pictures):
        raise InlayError(f"mask must be one, or one for each of {len(pictures)} pictures, got {len(masks)}.")
    holes = [
        hole_of(each, picture.size, mask_polarity, threshold, picture.turned, frame)
        for each, picture, frame in zip(masks, pictures, frames, strict=True)
    ]
    for doubt in dict.fromkeys(doubt for hole in holes for doubt in hole.doubts):
        log.warning(doubt)
    return [hole.mask for hole in holes]
