"""The official weights of TDANet (idealwhite/tdanet), onto the layout of ``conf/model/tdanet_official5.yaml``.

Spectral norm is kept there as a raw weight and two vectors, which one power iteration moves before every forward pass,
in evaluation, too. So its answers drift from picture to picture; what is taken over is the state in which it fills the
first one: the stored vectors and one iteration. Our layers keep that state in evaluation and go on from it in training.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from inlay.convert.card import MEASURE, UNKNOWN, card
from inlay.convert.damsm import read_captions, silent
from inlay.convert.files import Imported, Move, Shape, carried, entry, imported, opened, shapes_of, tally, tensors
from inlay.errors import InlayError
from inlay.models.tdanet import TDANet

SIZE = 256  # side of the crops that it was trained on

OFFICIAL = {
    "encoder_strides": [2] * 5,
    "encoder_tap": 2,
    "fusion_blocks": 1,
    "refine_blocks": 6,
    "latent_transform": True,
    "scaled_attention": False,
    "fill_low": False,
    "pool_rec": True,
    "spectral_dim": "inputs",
    "mask_downsampling": "points",
    "zero_outside_region": True,
    "min_std": 0.0,
    "merge_slope": 0.01,
}
"""Arguments of our network that no shape tells."""

# The official code names a convolution twice: as an attribute, and by its place in a sequence. Ours behind.
_RESIDUAL = {("conv1", "model.1"): "first", ("conv2", "model.3"): "second", ("bypass", "shortcut.0"): "shortcut"}
_FIRST = {("conv1", "model.0"): "first", ("conv2", "model.2"): "second", ("bypass", "shortcut.1"): "shortcut"}
_UP = {("conv1", "model.2"): "conv", ("conv2", "model.5"): "up.conv", ("bypass", "shortcut.0"): "shortcut.conv"}
_HEAD = {("conv1", "model.2"): "conv"}

_E = {
    "block0": (_FIRST, "encoder.layers.0"),
    **{f"encoder{i}": (_RESIDUAL, f"encoder.layers.{i + 1}") for i in range(4)},
    **{f"infer_prior{i}": (_RESIDUAL, f"refine.{i}") for i in range(6)},
    "posterior": (_RESIDUAL, "posterior.blocks.0"),
    "prior": (_RESIDUAL, "prior.blocks.0"),
}
_G = {
    "generator": (_RESIDUAL, "transform"),
    "f_transformer": (_RESIDUAL, "project"),
    **{f"decoder{i}": (_UP, f"generator.blocks.{i}") for i in range(5)},
    "attn1.model": (_RESIDUAL, "generator.attention.merge"),
    **{f"out{i + 1}": (_HEAD, f"generator.heads.{i}") for i in range(4)},
}
_E_PLAIN = {"word_attention.conv_image.weight": "words.project.weight"}
_G_PLAIN = {
    **{f"attn1.{name}": f"generator.attention.{name}" for name in ("gamma", "alpha")},
    **{f"attn1.query_conv.{name}": f"generator.attention.query.{name}" for name in ("weight", "bias")},
    **{
        f"decoder{i}.model.{place}.{name}": f"generator.blocks.{i}.{norm}.{name}"
        for i in range(5)
        for place, norm in ((0, "norm1"), (3, "norm2"))
        for name in ("weight", "bias")
    },
}
_SPECTRAL = {  # what is kept of a normalized convolution
    "bias": ("bias", "copied"),
    "weight_bar": ("parametrizations.weight.original", "copied"),
    "weight_u": ("parametrizations.weight.0.norm._u", "one power iteration"),
    "weight_v": ("parametrizations.weight.0.norm._v", "one power iteration, which begins with weight_u"),
}


_Blocks = Mapping[str, tuple[Mapping[tuple[str, str], str], str]]
_PARTS: Mapping[str, tuple[_Blocks, Mapping[str, str]]] = {"E": (_E, _E_PLAIN), "G": (_G, _G_PLAIN)}


def import_tdanet(folder: str | Path, text: str | Path | None = None, words: str | Path | None = None) -> Imported:
    """Turn the files of one step into a checkpoint of Inlay: ``latest``, or the highest number.

    Args:
        folder: with ``<step>_net_E.pth`` and ``<step>_net_G.pth``; the discriminators' are not needed.
        text: the state dict of the text encoder that it was trained with (DAMSM's bidirectional LSTM), which the
            official files leave out; without it the network reads no captions, and the picture alone decides.
        words: that encoder's words in its own order, see :func:`~inlay.convert.damsm.read_words`.

    Raises:
        InlayError: a file is missing, damaged or holds more than plain data; or it is of another kind, with the first
            keys that do not fit.
    """
    folder = Path(folder)
    files = _files(folder)
    states = {letter: tensors(path, opened(path)) for letter, path in files.items()}
    settings = _settings(files, states)
    net, moves = _network(files, states, settings)
    dim = settings["text_dim"]
    reader = silent(dim) if text is None else read_captions(text, words, dim)
    moves += reader.moves
    remarks = [*_left(folder, files.values()), *reader.remarks, f"captions: {reader.summary}"]
    sources = [*files.values(), *(Path(path) for path in (text, words) if path is not None)]
    config = {
        "model": {"_target_": "inlay.models.TDANet", **settings},
        "text": {"_target_": "inlay.text.LSTMEncoder", **reader.settings},
        "data": {"image_size": SIZE},
    }
    lines: list[Move | str] = [*moves, *remarks, tally(moves)]
    about = _card(sources, tally(moves), reader.summary)
    return imported(sources, about, lines, "tdanet", config, net=net, text=reader.state)


def _files(folder: Path) -> dict[str, Path]:
    """E and G of the step to be taken."""
    if not folder.is_dir():
        raise InlayError(f"{folder}: no such folder. Give the one that holds <step>_net_E.pth and <step>_net_G.pth.")
    steps = {
        letter: {p.name.removesuffix(f"_net_{letter}.pth") for p in folder.glob(f"*_net_{letter}.pth")}
        for letter in "EG"
    }
    both = {step for step in steps["E"] & steps["G"] if step == "latest" or re.fullmatch(r"\d+", step)}
    if not both:
        raise InlayError(f"{folder}: no step of which <step>_net_E.pth and <step>_net_G.pth are both there. Add them.")
    step = max(both, key=lambda step: (step == "latest", int(step) if step != "latest" else 0))
    return {letter: folder / f"{step}_net_{letter}.pth" for letter in "EG"}


def _left(folder: Path, taken: Iterable[Path]) -> Iterator[str]:
    for path in sorted(set(folder.glob("*_net_*.pth")) - set(taken)):
        why = "a discriminator, which fills no holes" if "_net_D" in path.name else "another step, or another network"
        yield f"{path.name} left out: {why}"


def _settings(files: Mapping[str, Path], states: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Any]:
    """Arguments of our network, widths from the shapes."""

    def weight(letter: str, key: str) -> Shape:
        return tuple(entry(states[letter], key, str(files[letter]), dims=4).shape)

    encoder = ["block0", *(f"encoder{i}" for i in range(4))]
    return {
        "encoder_channels": [weight("E", f"{block}.conv2.module.weight_bar")[0] for block in encoder],
        "decoder_channels": [weight("G", f"decoder{i}.conv1.module.weight_bar")[0] for i in range(5)],
        "text_dim": weight("E", "word_attention.conv_image.weight")[0],
        "latent": weight("G", "generator.conv1.module.weight_bar")[1],
        "fusion_width": weight("E", "prior.conv1.module.weight_bar")[0],
        **OFFICIAL,
    }


def _network(
    files: Mapping[str, Path], states: Mapping[str, Mapping[str, Tensor]], settings: Mapping[str, Any]
) -> tuple[dict[str, Tensor], list[Move]]:
    """Our state dict of the network, and what became of theirs."""
    shapes = shapes_of(TDANet, settings)
    net: dict[str, Tensor] = {}
    moves: list[Move] = []
    for letter, (blocks, plain) in _PARTS.items():
        own, twins = list(_moves(blocks, plain, shapes)), list(_twins(blocks))
        kept = {move.key: move.shape for move in own}
        every = [*own, *(Move(twin, kept[key], None, f"the same as {key}") for key, twin in twins)]
        net |= carried(str(files[letter]), states[letter], every, twins)
        moves += every
    # Every normalized convolution in the state in which the original fills its first picture.
    for key in [key for key in net if key.endswith(".original")]:
        u, v = (f"{key.removesuffix('original')}0.norm.{name}" for name in ("_u", "_v"))
        net[u], net[v] = _power_iteration(net[key], net[u])
    return net, moves


def _moves(blocks: _Blocks, plain: Mapping[str, str], shapes: Mapping[str, Shape]) -> Iterator[Move]:
    for theirs, (convs, ours) in blocks.items():
        for (name, _), our in convs.items():
            for kept, (entry_of_ours, what) in _SPECTRAL.items():
                key = f"{ours}.{our}.{entry_of_ours}"
                yield Move(f"{theirs}.{name}.module.{kept}", shapes[key], key, what)
    for theirs, key in plain.items():
        yield Move(theirs, shapes[key], key)


def _twins(blocks: _Blocks) -> Iterator[tuple[str, str]]:
    """Pairs of names of one tensor."""
    for theirs, (convs, _) in blocks.items():
        for name, place in convs:
            for kept in _SPECTRAL:
                yield f"{theirs}.{name}.module.{kept}", f"{theirs}.{place}.module.{kept}"


def _power_iteration(weight: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """The vectors of spectral norm after one iteration; the weight's first axis makes the rows of the matrix."""
    matrix = weight.double().flatten(1)
    v = F.normalize(matrix.mT @ u.double(), dim=0)
    return F.normalize(matrix @ v, dim=0).to(weight.dtype), v.to(weight.dtype)


def _card(sources: Iterable[Path], counted: str, captions: str) -> str:
    origin = (
        "as trained with [idealwhite/tdanet](https://github.com/idealwhite/tdanet), the code of Zhang, Chen, Hu and "
        'Jiang 2020, "Text-Guided Neural Image Inpainting".'
    )
    points = {
        "Computes": "what the original computes for the first picture after it is loaded. Before every picture the "
        "original moves the vectors of its spectral norm on; here they stay as they were for the first. "
        f"{counted}.",
        "Captions": captions,
        "Trained": f"by others on crops of {SIZE} px; {UNKNOWN} {MEASURE}",
        "License": "is not in the files. Ask whoever published them.",
    }
    return card("TDANet, 256 px: the official weights", ["tdanet", "text-guided"], list(sources), origin, points)
