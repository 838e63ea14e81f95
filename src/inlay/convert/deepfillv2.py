"""The generator of nipponjo/deepfillv2-pytorch (``networks.py``), which pads evenly: with other names than ours.

Ours has the layers in the order in which they compute, in sequences.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inlay.convert.card import FOR_YOU, MEASURE, UNKNOWN, card
from inlay.convert.files import Imported, Move, carried, entry, imported, opened, shapes_of, tally, tensors
from inlay.errors import InlayError
from inlay.models import DeepFill

SIZE = 256  # side of the crops that it was trained on

_UP = [f"up_block{block}.{conv}" for block in (1, 2) for conv in ("conv1_upsample.conv", "conv2")]


def _down(branch: str) -> list[str]:
    blocks = [f"{branch}down_block{block}.{conv}" for block in (1, 2) for conv in ("conv1_downsample", "conv2")]
    return [f"{branch}conv1", *blocks]


LAYERS = {  # theirs, in the order of each of our sequences
    "coarse": [f"stage1.{name}" for name in (*_down(""), *(f"conv_bn{n}" for n in range(1, 8)), *_UP, "conv_to_rgb")],
    "far": [f"stage2.{name}" for name in (*_down("conv_"), *(f"conv_conv_bn{n}" for n in range(1, 6)))],
    "near": [f"stage2.{name}" for name in (*_down("ca_"), "ca_conv_bn1")],
    "attended": ["stage2.ca_conv_bn4", "stage2.ca_conv_bn5"],
    "fine": [f"stage2.{name}" for name in ("conv_bn6", "conv_bn7", *_UP, "conv_to_rgb")],
}
_DIAGONAL = "stage2.contextual_attention.fuse_weight"
_OF_TENSORFLOW = "conv2_downsample.conv.weight"


def import_deepfillv2(path: str | Path) -> Imported:
    """Turn published weights of the generator into a checkpoint of Inlay.

    Raises:
        InlayError: the file is missing, damaged or holds more than plain data; or it is of another kind, with the first
            keys that do not fit.
    """
    path = Path(path)
    file = opened(path)
    wrapped = isinstance(file, dict) and isinstance(file.get("G"), Mapping)
    state = tensors(path, file["G"] if wrapped else file)
    if _OF_TENSORFLOW in state:
        raise InlayError(
            f"{path}: converted from TensorFlow, whose padding, and places that attention looks at, are others. Give "
            "the weights that the port itself was trained to (keys stage1...)."
        )
    width = entry(state, "stage1.conv1.conv.weight", str(path), dims=4).shape[0] // 2  # half of them are gates
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


def _moves(settings: Mapping[str, Any]) -> Iterator[Move]:
    shapes = shapes_of(DeepFill, settings)
    for part, layers in LAYERS.items():
        for number, layer in enumerate(layers):
            for name in ("weight", "bias"):
                ours = f"{part}.{number}.conv.{name}"
                ours = ours if ours in shapes else f"{part}.{number}.{name}"  # the last one has no gate
                yield Move(f"{layer}.conv.{name}", shapes[ours], ours)
    yield Move(_DIAGONAL, (1, 1, 3, 3), None, "of no training: it sums along diagonals")


def _card(path: Path, counted: str) -> str:
    origin = (
        "published by [nipponjo/deepfillv2-pytorch](https://github.com/nipponjo/deepfillv2-pytorch), a port of "
        'DeepFillv2, Yu et al. 2019, "Free-Form Image Inpainting with Gated Convolution".'
    )
    points = {
        "Computes": f"what the port computes that pads evenly, by its names of layers: no file was at hand. {counted}.",
        "Trained": f"by others on crops of {SIZE} px; {UNKNOWN} {MEASURE}",
        "License": f"of DeepFillv2's own code and weights: CC BY-NC 4.0, not for commercial use. {FOR_YOU}",
    }
    return card("DeepFillv2: published weights", ["deepfillv2"], [path], origin, points)
