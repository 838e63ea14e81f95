"""The generator of nipponjo/deepfillv2-pytorch, with the names of layers that DeepFillv2's own code has.

Ours has the layers in the order in which they compute, in sequences. Whether a layer's convolution is an entry of
its own (``.conv``) is not looked at.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inlay.convert.card import FOR_YOU, MEASURE, UNKNOWN, card
from inlay.convert.files import Imported, Move, carried, entry, imported, opened, shapes_of, tally, tensors
from inlay.models import DeepFill

SIZE = 256  # side of the crops that it was trained on

_DOWN = ["conv1", "conv2_downsample", "conv3", "conv4_downsample", "conv5", "conv6"]
_DILATED = [f"conv{number}_atrous" for number in (7, 8, 9, 10)]
_UP = ["conv11", "conv12", "deconv13_upsample", "conv14", "deconv15_upsample", "conv16", "conv17"]
LAYERS = {  # theirs, in the order of each of our sequences
    "coarse": [*_DOWN, *_DILATED, *_UP],
    "far": [f"x{name}" for name in (*_DOWN, *_DILATED)],
    "near": [f"pm{name}" for name in _DOWN],
    "attended": ["pmconv9", "pmconv10"],
    "fine": [f"all{name}" for name in _UP],
}
_KEY = re.compile(r"(?:stage[12]\.)?(\w+?)(?:\.conv)*\.(weight|bias)")


def import_deepfillv2(path: str | Path) -> Imported:
    """Turn published weights of the generator into a checkpoint of Inlay.

    Raises:
        InlayError: the file is missing, damaged or holds more than plain data; or it is of another kind, with the first
            keys that do not fit.
    """
    path = Path(path)
    file = opened(path)
    wrapped = isinstance(file, dict) and isinstance(file.get("G"), Mapping)
    state = {_plain(key): value for key, value in tensors(path, file["G"] if wrapped else file).items()}
    width = entry(state, "conv1.weight", str(path), dims=4).shape[0] // 2  # half of them are gates
    settings = {"width": width, "zero_excluded": True}
    moves = list(_moves(settings))
    ours = carried(str(path), state, moves)
    moves += [Move(key, None, None, "of its training") for key in file if key != "G"] if wrapped else []
    config: dict[str, Any] = {
        "model": {"_target_": "inlay.models.DeepFill", **settings},
        "data": {"image_size": SIZE},
    }
    about = _card(path, counted := tally(moves))
    return imported([path], about, [*moves, counted], "deepfillv2", config, net=ours)


def _plain(key: str) -> str:
    """A key by layer and parameter alone."""
    found = _KEY.fullmatch(key)
    return f"{found[1]}.{found[2]}" if found else key


def _moves(settings: Mapping[str, Any]) -> Iterator[Move]:
    shapes = shapes_of(DeepFill, settings)
    for part, layers in LAYERS.items():
        for number, layer in enumerate(layers):
            for name in ("weight", "bias"):
                ours = f"{part}.{number}.conv.{name}"
                ours = ours if ours in shapes else f"{part}.{number}.{name}"  # the last one has no gate
                yield Move(f"{layer}.{name}", shapes[ours], ours)


def _card(path: Path, counted: str) -> str:
    origin = (
        "published by [nipponjo/deepfillv2-pytorch](https://github.com/nipponjo/deepfillv2-pytorch), a port of "
        'DeepFillv2, Yu et al. 2019, "Free-Form Image Inpainting with Gated Convolution".'
    )
    points = {
        "Computes": "what the port computes that pads evenly, by a description of it: no published file was at hand. "
        "Weights converted from TensorFlow want the uneven padding of its layers that halve the size, and differ by "
        f"it. {counted}.",
        "Trained": f"by others on crops of {SIZE} px; {UNKNOWN} {MEASURE}",
        "License": f"of DeepFillv2's own weights: CC BY-NC 4.0, not for commercial use. {FOR_YOU}",
    }
    return card("DeepFillv2: published weights", ["deepfillv2"], [path], origin, points)
