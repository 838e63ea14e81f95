"""The partial-convolution weights of naoto0804/pytorch-inpainting-with-partial-conv (MIT), its only file.

Its layer divides by the sum of a window's mask and leaves out the size of the window, by which its weights are larger
than the paper's. Divided by it, they are weights of :class:`~inlay.models.PConvUNet`, which then computes the same. Its
masks have a channel for every feature and a convolution of ones that sums them up; ours need neither.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from inlay.convert.card import FOR_YOU, MEASURE, card
from inlay.convert.files import Imported, Move, Shape, carried, entry, imported, opened, shapes_of, tally, tensors
from inlay.errors import InlayError
from inlay.models.pconv import PConvUNet

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # of ImageNet: its network takes and returns normalized colors
SIZE = 256  # side of the crops that it was trained on

_STATE = "model"
_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def import_naoto0804(path: str | Path) -> Imported:
    """Turn the published file into a checkpoint of Inlay.

    Raises:
        InlayError: it is missing, damaged or holds more than plain data; or it is of another kind, with the first keys
            that do not fit.
    """
    path = Path(path)
    file = opened(path)
    wrapped = isinstance(file, dict) and _STATE in file
    state = tensors(path, file[_STATE] if wrapped else file)
    settings = _settings(str(path), state)
    moves = list(_moves(settings))
    ours = carried(str(path), state, moves)
    odd = [key for key, value in state.items() if key.endswith("mask_conv.weight") and not (value == 1).all()]
    if odd:
        raise InlayError(f"{path}: {odd[0]} is not all ones, so it sums no mask up. Give the published file.")
    for key, value in ours.items():
        if key.endswith("conv.weight"):
            value /= _window(value.shape)
    moves += [Move(key, None, None, "of its training") for key in file if key != _STATE] if wrapped else []
    config = {"model": {"_target_": "inlay.models.PConvUNet", **settings}, "data": {"image_size": SIZE}}
    counted = tally(moves)
    return imported([path], _card(path, counted), [*moves, counted], "naoto0804", config, net=ours)


def _settings(source: str, state: dict[str, Tensor]) -> dict[str, Any]:
    """Arguments of our network, from the shapes; the published file has 7 levels of width 64."""
    width = entry(state, "enc_1.conv.input_conv.weight", source, dims=4).shape[0]
    levels = sum(key.startswith("enc_") and key.endswith("input_conv.weight") for key in state)
    if not 4 <= levels <= 10:
        raise InlayError(f"{source}: an encoder of {levels} stages, where this family has 7. Give the published file.")
    return {"levels": levels, "width": width, "mean": MEAN, "std": STD}


def _moves(settings: dict[str, Any]) -> Iterator[Move]:
    shapes, levels = shapes_of(PConvUNet, settings), settings["levels"]
    for level in range(1, levels + 1):
        yield from _stage(f"enc_{level}", f"encoder.{level - 1}", shapes)
    for level in range(levels, 0, -1):
        yield from _stage(f"dec_{level}", f"decoder.{levels - level}", shapes)


def _stage(theirs: str, ours: str, shapes: dict[str, Shape]) -> Iterator[Move]:
    shape = shapes[f"{ours}.conv.weight"]
    yield Move(f"{theirs}.conv.input_conv.weight", shape, f"{ours}.conv.weight", f"divided by {_window(shape)}")
    yield Move(f"{theirs}.conv.mask_conv.weight", shape, None, "ones")
    parts = [("conv.input_conv.bias", "conv.bias"), *((f"bn.{name}", f"norm.{name}") for name in _NORM)]
    for their, our in parts:
        if f"{ours}.{our}" in shapes:
            yield Move(f"{theirs}.{their}", shapes[f"{ours}.{our}"], f"{ours}.{our}")


def _window(shape: Shape) -> int:
    """Numbers in a window of a weight ``(C', C, k, k)``."""
    return shape[1] * shape[2] * shape[3]


def _card(path: Path, counted: str) -> str:
    origin = (
        "published by [naoto0804/pytorch-inpainting-with-partial-conv]"
        "(https://github.com/naoto0804/pytorch-inpainting-with-partial-conv), a reproduction of Liu et al. 2018, "
        '"Image Inpainting for Irregular Holes Using Partial Convolutions".'
    )
    points = {
        "Computes": "what the original computes. The weights were divided by the size of their windows, which the "
        "original leaves out of its ratio; the network sees pictures normalized by ImageNet's mean and deviation. "
        f"{counted}.",
        "Trained": f"by that project on crops of {SIZE} px: 500,000 iterations and as many of fine-tuning, 16 pictures "
        "each. Of which pictures is not in the file.",
        "Measured": "by others on Places2 at hole ratios of 10-20, 20-30 and 30-40 %: PSNR 26.77, 23.25 and 21.56 dB. "
        f"{MEASURE}",
        "License": f"of the project: MIT. {FOR_YOU}",
    }
    return card("Partial convolutions, 256 px: the weights of naoto0804", ["pconvunet"], [path], origin, points)
