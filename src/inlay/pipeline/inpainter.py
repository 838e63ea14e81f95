"""A model that fills holes, for programs: ``inlay.load`` and ``fill``."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from inlay.device import choose_device
from inlay.errors import InlayError
from inlay.files import at_home
from inlay.fillers import Filler, FillerConfig, load_filler, short_name
from inlay.fillers.base import remedy
from inlay.images import MaskPolarity
from inlay.pipeline.conversions import to_pages, to_picture
from inlay.pipeline.fill import FillOptions, Job, fill_pictures
from inlay.pipeline.regions import MaskRegion, Region, load_region
from inlay.precision import InferencePrecision
from inlay.randomness import check_seed

log = logging.getLogger(__name__)


def load(
    model: FillerConfig,
    device: str = "auto",
    precision: InferencePrecision = "32",
    options: FillOptions | None = None,
) -> "Inpainter":
    """Load a model that fills holes.

    Args:
        model: a checkpoint of ``inlay train``, a folder or an ``.onnx`` file of ``inlay export``, the name of such a
            folder on the Hugging Face hub, or ``telea``, ``navier_stokes``, ``biharmonic``, ``mean``; or a
            filler as configuration, a mapping with ``_target_`` or the path of a yaml file with one, as ``conf/filler``
            has them.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: of a network's numbers: ``32``, ``bf16``, ``16``.
        options: strategy and composer.

    Raises:
        InlayError: there is no such model or device, or the file is not to be trusted.

    Example:
        >>> import inlay
        >>> filler = inlay.load("telea")
        >>> filled = filler.fill("photo.jpg", "mask.png")
        >>> filled.save("filled.png")
    """
    model = at_home(model)
    name = short_name(model) if isinstance(model, Mapping) else str(model)
    return Inpainter(load_filler(model, choose_device(device), precision), name, options or FillOptions())


@dataclass(repr=False, eq=False)
class Inpainter:
    """A filler for pictures of any form and size; messages have its name."""

    filler: Filler
    name: str
    options: FillOptions

    def __repr__(self) -> str:
        return f"<inlay.Inpainter {self.name}: {self.filler.described}>"

    def fill(
        self,
        image: Any,
        mask: Any = None,
        text: str | Sequence[str] | None = None,
        seed: int | None = None,
        samples: int = 1,
        mask_polarity: MaskPolarity = "white",
        threshold: float | None = None,
        frame: int | None = None,
        region: Region | str | Path | Mapping[str, Any] | None = None,
        reference: Any = None,
    ) -> Any:
        """Fill the hole of a picture; known pixels keep their value bit for bit unless the composer changes them.

        Args:
            image: a path, a PIL image, an array ``(H, W)`` or ``(H, W, C)``, a tensor ``(C, H, W)``, or several of one
                size as ``(B, C, H, W)``; see :func:`~inlay.pipeline.conversions.to_picture`.
            mask: a path, a PIL image, an array or a tensor, 1 or white = hole; files and images are resized to the
                picture, arrays and tensors have its size; for several pictures one for all, or ``(B, 1, H, W)``.
            text: what the hole shall show; for several pictures one for all, or a list.
            seed: draws a prediction; without it the model's deterministic one is returned.
            samples: number of predictions, drawn with ``seed``, ``seed + 1``, and so on, from 0 without a seed.
            mask_polarity: ``black`` for masks in which 0, False or black is the hole.
            threshold: share of full white from which the mask is hole; None for one half, and to refuse photographs.
            frame: page of a TIFF file or frame of an animation, counted from 1; without it all pages of a TIFF are
                filled, with one mask or as many as there are pages.
            region: where the hole comes from instead of ``mask``: a name in ``conf/region``, the path of a YAML file, a
                mapping with ``_target_``, or a :class:`~inlay.pipeline.regions.Region`.
            reference: a picture to take content from, in any form of ``image``.

        Returns:
            The filled picture in the form of the given one: an image for a path or an image, an array for an array, a
            tensor for a tensor; a list of images for a TIFF of several pages; a list of all that for several samples.

        Raises:
            InlayError: a form or size is not understood, or the model cannot use an argument.
        """
        if (mask is None) == (region is None):
            raise InlayError("mask, region: give one of them, and not both.")
        source = region if isinstance(region, Region) else load_region(region) if region is not None else None
        source = source or MaskRegion(mask, mask_polarity, threshold)
        for each in [text] if text is None or isinstance(text, str) else text:
            self.check(each, seed, samples, source, reference)
        image = at_home(image)
        several = isinstance(image, torch.Tensor) and image.ndim == 4
        if several and not len(image):
            raise InlayError("image: a batch of 0 pictures. Give at least one.")
        forms = [to_picture(each) for each in image] if several else to_pages(image, frame)
        pictures, restores = [picture for picture, _ in forms], [restore for _, restore in forms]
        texts: list[str | None] = [text] * len(forms) if text is None or isinstance(text, str) else [*text]
        if len(texts) != len(forms):
            raise InlayError(f"text must be one, or one for each of {len(forms)} pictures, got {len(texts)}.")
        shown = None if reference is None else to_picture(at_home(reference))[0]
        holes = source.holes(pictures, image, frame=frame, seed=seed or 0)
        for warning in dict.fromkeys(warning for hole in holes for warning in hole.warnings):
            log.warning(warning)
        results = []
        for drawn in seeds(seed if self.filler.takes_seed else None, samples):
            jobs = [
                Job(picture, hole.mask, each, drawn, shown)
                for picture, hole, each in zip(pictures, holes, texts, strict=True)
            ]
            done = fill_pictures(self.filler, jobs, self.options)
            filled = [restore(each.picture) for each, restore in zip(done, restores, strict=True)]
            results.append(torch.stack(filled) if several else filled if len(filled) > 1 else filled[0])
        return results[0] if samples == 1 else results

    def warnings(self, text: str | None) -> list[str]:
        """What a user should know about how a text is read, one sentence each."""
        return [f"text: {warning}" for warning in self.filler.text_warnings(text or "")]

    def check(
        self, text: str | None, seed: int | None, samples: int = 1, region: Region | None = None, reference: Any = None
    ) -> None:
        """Refuse what the model cannot use: a text or reference it does not take, a seed where nothing is drawn."""
        check_request(text, seed, samples)
        other = "name a text-guided model (task=tdanet)"
        if text and not self.filler.takes_text:
            raise InlayError(f"text: {self.name} takes no text. Leave it out, or {other}.")
        if reference is not None and not self.filler.takes_reference:
            raise InlayError(f"reference: {self.name} takes none. {remedy('takes_reference')}")
        drawn = {"samples": samples > 1, "seed": seed is not None and not (region and region.takes_seed)}
        asked = " and ".join(option for option, given in drawn.items() if given)
        if asked and not self.filler.takes_seed:
            raise InlayError(f"{asked}: {self.name} has one answer and draws nothing. Leave it out, or {other}.")


def check_request(text: str | None, seed: int | None, samples: int) -> None:
    """Refuse arguments that no model can use: a number out of range, a text that is not UTF-8."""
    if samples < 1:
        raise InlayError(f"samples must be at least 1, got {samples}. Leave it out for one picture.")
    if seed is not None:
        check_seed(seed)
        check_seed(seed + samples - 1, "the seed of the last sample")
    if text and any("\ud800" <= letter <= "\udfff" for letter in text):  # bytes that Python kept as such
        raise InlayError(f"text must be UTF-8, got {text!r}. Set the terminal to UTF-8 and write it again.")


def seeds(seed: int | None, samples: int) -> list[int | None]:
    """The seed of each sample; None for a prediction that is not drawn."""
    return [seed] if samples == 1 else [(seed or 0) + number for number in range(samples)]
