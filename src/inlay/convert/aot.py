"""The generator of researchmm/AOT-GAN-for-Inpainting (Apache 2.0), ``G*.pt``: with other names than ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from inlay.convert.card import FOR_YOU, MEASURE, UNKNOWN, card
from inlay.convert.files import Imported, Move, carried, entry, imported, opened, shapes_of, tally, tensors
from inlay.errors import InlayError
from inlay.models import AOTGenerator

SIZE = 512  # side of the crops that it was trained on
EPS = 1e-9  # of its normalization

_RATES = [1, 2, 4, 8]  # of the published ones; the file does not say


def import_aot(path: str | Path) -> Imported:
    """Turn the published generator into a checkpoint of Inlay.

    Raises:
        InlayError: the file is missing, damaged or holds more than plain data; or it is of another kind, with the first
            keys that do not fit.
    """
    path = Path(path)
    state = tensors(path, opened(path))
    settings = _settings(str(path), state)
    moves = list(_moves(settings))
    ours = carried(str(path), state, moves)
    config = {"model": {"_target_": "inlay.models.AOTGenerator", **settings}, "data": {"image_size": SIZE}}
    return imported([path], _card(path, counted := tally(moves)), [*moves, counted], "aot", config, net=ours)


def _settings(source: str, state: dict[str, Tensor]) -> dict[str, Any]:
    width = entry(state, "encoder.1.weight", source, dims=4).shape[0]
    blocks = sum(key.startswith("middle.") and key.endswith(".fuse.1.weight") for key in state)
    if not blocks:
        raise InlayError(f"{source}: without a block (middle.N.fuse.1.weight). Give the published G*.pt.")
    return {"width": width, "blocks": blocks, "rates": _RATES, "eps": EPS}


def _moves(settings: dict[str, Any]) -> Iterator[Move]:
    layers = {f"encoder.{2 * number + 1}": f"encoder.{2 * number}" for number in range(3)}
    for block in range(settings["blocks"]):
        theirs, ours = f"middle.{block}", f"blocks.{block}"
        layers |= {f"{theirs}.block0{branch}.1": f"{ours}.branches.{branch}" for branch in range(len(_RATES))}
        layers |= {f"{theirs}.{part}.1": f"{ours}.{part}" for part in ("fuse", "gate")}
    layers |= {"decoder.0.conv": "decoder.0.conv", "decoder.2.conv": "decoder.1.conv", "decoder.4": "head"}
    shapes = shapes_of(AOTGenerator, settings)
    for their, our in layers.items():
        for name in ("weight", "bias"):
            yield Move(f"{their}.{name}", shapes[f"{our}.{name}"], f"{our}.{name}")


def _card(path: Path, counted: str) -> str:
    origin = (
        "trained with [researchmm/AOT-GAN-for-Inpainting](https://github.com/researchmm/AOT-GAN-for-Inpainting), the "
        'code of Zeng et al. 2022, "Aggregated Contextual Transformations for High-Resolution Image Inpainting".'
    )
    points = {
        "Computes": f"what the original computes, by the names of its layers; no file was at hand. {counted}.",
        "Trained": f"by others on crops of {SIZE} px; {UNKNOWN} {MEASURE}",
        "License": f"of the project: Apache 2.0. {FOR_YOU}",
    }
    return card("AOT-GAN: the published weights", ["aot-gan"], [path], origin, points)
