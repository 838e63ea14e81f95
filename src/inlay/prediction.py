"""Filling the hole of one picture on disk: what ``predict.py`` does."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from inlay.errors import InlayError
from inlay.fillers import Filler, Learned
from inlay.images import (
    HoleIs,
    Picture,
    check_writable,
    contact_sheet,
    polarity_doubt,
    read_mask,
    read_picture,
    resize_mask,
    write_picture,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What to fill, with what, and where to put it."""

    image: Path
    mask: Path
    model: Path
    output: Path
    hole_is: HoleIs = "white"
    device: str = "auto"
    compare: bool = False


def predict(request: Request) -> list[Path]:
    """Fill the hole of one picture.

    Returns:
        The files that were written: the output, and the sheet when it was asked for.

    Raises:
        InlayError: a file cannot be read or written, or the mask leaves nothing to do.
    """
    sheet = request.output.with_name(f"{request.output.stem}_compare.png")
    for path in (request.output, sheet) if request.compare else (request.output,):
        if path.resolve() in (request.image.resolve(), request.mask.resolve()):
            raise InlayError(f"--output {request.output}: {path} would overwrite an input. Choose another name.")
    picture = read_picture(request.image)
    if picture.stored_as:
        log.warning("%s is stored as %s; the output is %s.", request.image, picture.stored_as, picture.mode)
    check_writable(request.output, picture)
    hole = load_hole(request.mask, picture.size, request.hole_is)
    filler = Learned.from_checkpoint(request.model, choose_device(request.device))

    filled = fill_picture(filler, picture, hole)
    write_picture(request.output, filled)
    if request.output.suffix.lower() in (".jpg", ".jpeg"):
        log.warning("JPEG changes every pixel a little; write .png to keep known pixels exactly.")
    written = [request.output]
    if request.compare:
        masked = np.where(hole[..., None], np.float32(1), picture.rgb())
        write_picture(sheet, contact_sheet([[masked, filled.rgb(), picture.rgb()]]))
        written.append(sheet)
    return written


def fill_picture(filler: Filler, picture: Picture, hole: NDArray[np.bool_]) -> Picture:
    """A picture with its hole filled; size, mode and known pixels stay exactly as they are.

    Args:
        filler: does the filling.
        picture: any mode.
        hole: ``(H, W)``, True = hole.
    """
    image = torch.from_numpy(picture.rgb()).permute(2, 0, 1)[None]  # (1, 3, H, W)
    mask = torch.from_numpy(hole).float()[None, None]  # (1, 1, H, W)
    return picture.filled(filler.fill(image, mask)[0].permute(1, 2, 0).numpy(), hole)


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
        raise InlayError(f"--device {name}: not available here. Use --device cpu or auto.") from error
