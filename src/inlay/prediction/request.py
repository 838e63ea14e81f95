"""Filling the hole of one picture on disk: what ``predict.py`` does."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.fillers import Filler, load_filler
from inlay.images import (
    HoleIs,
    Picture,
    check_writable,
    contact_sheet,
    labeled,
    polarity_doubt,
    read_mask,
    read_picture,
    resize_mask,
    write_picture,
)

log = logging.getLogger(__name__)

_LAST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Request:
    """What to fill, with what, and where to put it.

    Raises:
        InlayError: ``samples``, ``seed`` or ``text`` is nothing to work with.
    """

    image: Path
    mask: Path
    model: str
    """As :func:`~inlay.fillers.load_filler` takes it: a classical filler's name, or a checkpoint."""
    output: Path
    hole_is: HoleIs = "white"
    device: str = "auto"
    compare: bool = False
    text: str | None = None
    """What the hole shall show; without it the context decides."""
    samples: int = 1
    """How many pictures to draw; one is not drawn, unless there is a seed."""
    seed: int | None = None
    """Of the first picture, the next one's is one higher; 0 where several are drawn without."""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise InlayError(f"--samples must be at least 1, got {self.samples}. Leave it out for one picture.")
        if self.seed is not None and not 0 <= self.seed <= _LAST_SEED:
            raise InlayError(f"--seed must be from 0 to {_LAST_SEED}, got {self.seed}. Leave it out to draw nothing.")
        if self.text and any("\ud800" <= letter <= "\udfff" for letter in self.text):  # bytes that Python kept as such
            raise InlayError(f"--text must be UTF-8, got {self.text!r}. Set the terminal to UTF-8 and write it again.")

    @property
    def outputs(self) -> dict[Path, int | None]:
        """The file of each picture, and the seed that it is drawn with; None: not drawn."""
        if self.samples == 1:
            return {self.output: self.seed}
        stem, first = self.output.stem, self.seed or 0
        return {self.output.with_stem(f"{stem}_{number + 1}"): first + number for number in range(self.samples)}

    @property
    def sheet(self) -> Path:
        """Where the comparison goes."""
        return self.output.with_name(f"{self.output.stem}_compare.png")


def predict(request: Request) -> list[Path]:
    """Fill the hole of one picture, once or with several samples.

    Returns:
        The files that were written: a picture a sample, and the sheet when it was asked for.

    Raises:
        InlayError: a file cannot be read or written, the mask leaves nothing to do, or the model cannot do what was
            asked. Nothing was written then, unless it is the disk that refused.
    """
    picture = read_picture(request.image)
    if picture.stored_as:
        log.warning("%s is stored as %s; the output is %s.", request.image, picture.stored_as, picture.mode)
    check_writable(request.output, picture)
    _check_inputs_survive(request)
    hole = load_hole(request.mask, picture.size, request.hole_is)
    filler = load_filler(request.model, choose_device(request.device))
    _check_understood(request, filler)

    columns = [np.where(hole[..., None], np.float32(1), picture.rgb())]
    for path, seed in request.outputs.items():
        filled = fill_picture(filler, picture, hole, request.text, seed)
        write_picture(path, filled)
        if request.compare:
            columns.append(filled.rgb())
    if request.output.suffix.lower() in (".jpg", ".jpeg"):
        log.warning("JPEG changes every pixel a little; write .png to keep known pixels exactly.")
    if not request.compare:
        return [*request.outputs]
    write_picture(request.sheet, _side_by_side([*columns, picture.rgb()], request.text))
    return [*request.outputs, request.sheet]


def fill_picture(
    filler: Filler, picture: Picture, hole: NDArray[np.bool_], text: str | None = None, seed: int | None = None
) -> Picture:
    """A picture with its hole filled; size, mode and known pixels stay exactly as they are.

    Args:
        filler: does the filling.
        picture: any mode.
        hole: ``(H, W)``, True = hole.
        text: what the hole shall show, for fillers that take text; None or empty leaves it to the context.
        seed: for fillers that draw; None for their deterministic answer.
    """
    image = torch.from_numpy(picture.rgb()).permute(2, 0, 1)[None]  # (1, 3, H, W)
    mask = torch.from_numpy(hole).float()[None, None]  # (1, 1, H, W)
    filled = filler.fill(image, mask, text=[text] if text else None, seed=seed)
    return picture.filled(filled[0].permute(1, 2, 0).numpy(), hole)


def load_hole(path: Path, size: tuple[int, int], hole_is: HoleIs) -> NDArray[np.bool_]:
    """Read a mask for a picture of ``size`` (height, width) and say what is odd about it.

    Raises:
        InlayError: the mask cannot be read, has no hole, or is nothing but hole.
    """
    mask = read_mask(path, hole_is)
    (height, width), (mask_height, mask_width) = size, mask.shape
    if mask.shape != size:
        log.info("The mask is %dx%d; resized to the picture's %dx%d.", mask_width, mask_height, width, height)
        if abs(mask_width / mask_height * height / width - 1) > 0.01:
            log.warning("Mask and picture differ in aspect ratio: the mask was stretched. Is it the right one?")
        mask = resize_mask(mask, height, width)
    if not mask.any():
        other = "black" if hole_is == "white" else "white"
        raise InlayError(f"{path}: no hole ({hole_is} = hole). Paint it {hole_is}, or use --hole-is {other}.")
    if mask.all():
        raise InlayError(f"{path}: the whole picture is hole, nothing is left to fill it from. Leave a part unmasked.")
    doubt = polarity_doubt(float(mask.mean()), hole_is)
    if doubt:
        log.warning("%s: %s", path, doubt)
    return mask


def choose_device(name: str) -> torch.device:
    """``auto`` is a CUDA GPU, else Apple's, else the processor; anything else is taken at its word.

    Raises:
        InlayError: the device is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise InlayError(f"device {name}: not available here. Use cpu or auto.") from error


def _check_inputs_survive(request: Request) -> None:
    inputs = request.image.resolve(), request.mask.resolve()
    for path in (*request.outputs, request.sheet) if request.compare else request.outputs:
        if path.resolve() in inputs:
            raise InlayError(f"--output {request.output}: {path} would overwrite an input. Choose another name.")


def _check_understood(request: Request, filler: Filler) -> None:
    """Refuse what the filler would not heed, and say what of the text it will not understand."""
    other = "name a text-guided checkpoint (task=text_guided) as --model"
    if request.text and not filler.takes_text:
        raise InlayError(f"--text: {request.model} takes no text. Leave --text out, or {other}.")
    draws = {"--samples": request.samples > 1, "--seed": request.seed is not None}
    asked = " and ".join(option for option, given in draws.items() if given)
    if asked and not filler.takes_seed:
        raise InlayError(f"{asked}: {request.model} has one answer and draws nothing. Leave {asked} out, or {other}.")
    for doubt in filler.doubts(request.text or ""):
        log.warning("--text: %s", doubt)


def _side_by_side(columns: list[NDArray[np.float32]], text: str | None) -> Picture:
    sheet = contact_sheet([columns])
    return contact_sheet([[labeled(sheet.rgb(), text)]]) if text else sheet
