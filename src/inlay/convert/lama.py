"""The weights of LaMa (advimman/lama, Apache 2.0): ``best.ckpt`` of Lightning 1.2, or a TorchScript module.

Ours merges the two convolutions that read local channels, and the batch norms behind the last halving; all else has
another name alone. The channels of a spectrum are interleaved in both.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from inlay.convert.card import FOR_YOU, MEASURE, UNKNOWN, card
from inlay.convert.files import Imported, Move, Shape, carried, entry, imported, shapes_of, tally
from inlay.errors import InlayError
from inlay.files.inert import load_inert, tensors_in
from inlay.models import LaMa, PatchDiscriminator

SIZE = 256  # side of the crops that it was trained on

_DEPTHS = {9: "LaMa-Fourier", 18: "Big LaMa"}
_DOWNS = 3
_FIRST_BLOCK = _DOWNS + 2  # the index of the first block in the published sequence; 0 is a padding
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
_NORM = ("weight", "bias", *_BUFFERS)
_KEY = re.compile(r"(?:model\.)?(generator|discriminator)\.(.+)")
_COPIED, _JOINED = "copied", "joined with that of the other part"


def import_lama(path: str | Path) -> Imported:
    """Turn published weights with Fourier convolutions into a checkpoint of Inlay.

    Args:
        path: ``best.ckpt`` or ``big-lama.pt``, or the folder with ``models/best.ckpt``. Discriminator and optimizers
            are carried over, too, if they are there.

    Raises:
        InlayError: the file is missing or damaged, or of another kind, with the first keys that do not fit.
    """
    path = _file(Path(path))
    source, content = str(path), load_inert(path)
    optimizers: Sequence[Any] = ()
    if isinstance(content, dict) and "state_dict" in content:
        content, optimizers = content["state_dict"], content.get("optimizer_states") or ()
    generator, discriminator, others = _split(content)
    blocks = _blocks(source, generator)
    width = entry(generator, "model.1.ffc.convl2l.weight", source, dims=4).shape[0]
    settings = {"width": width, "downs": _DOWNS, "blocks": blocks}
    config: dict[str, Any] = {"model": {"_target_": "inlay.models.LaMa", **settings}, "data": {"image_size": SIZE}}
    sides = [_Side("net", generator, partial(rename_generator, source, settings=settings))]
    if discriminator:
        sides.append(_Side("discriminators.0", discriminator, partial(_rename_discriminator, source)))
        config["discriminator"] = {"_target_": "inlay.models.PatchDiscriminator", "_partial_": True}
    parts: dict[str, dict[str, Tensor]] = {}
    moves = []
    for side in sides:
        parts[side.part], own = side.rename(side.state)
        moves += own
    for number, state in enumerate(optimizers):
        side = sides[min(number, len(sides) - 1)]
        found = _running_means(side, state) if number < len(sides) else {}
        parts |= {f"optimizers.{side.part}": found} if found else {}
        fate = (f"optimizers.{side.part}",) if found else (None, "not what Adam remembers of this network")
        moves.append(Move(f"optimizer_states.{number}", None, *fate))
    moves += others
    about = _card(path, counted := tally(moves), _DEPTHS[blocks], bool(discriminator))
    return imported([path], about, [*moves, counted], "lama", config, **parts)


class _Side(NamedTuple):
    """A network of the file."""

    part: str
    """Of our task."""
    state: dict[str, Tensor]
    """As published."""
    rename: Callable[[Mapping[str, Tensor]], tuple[dict[str, Tensor], list[Move]]]
    """Gives our state dict, and what became of each tensor."""


def _split(content: Any) -> tuple[dict[str, Tensor], dict[str, Tensor], list[Move]]:
    """The state dicts of generator and discriminator, and what is left out."""
    parts: dict[str, dict[str, Tensor]] = {"generator": {}, "discriminator": {}}
    others = []
    for key, value in tensors_in(content):
        if match := _KEY.fullmatch(key):
            parts[match[1]][match[2]] = value
        else:
            others.append(Move(key, tuple(value.shape), None, "neither generator nor discriminator"))
    return parts["generator"], parts["discriminator"], others


def _running_means(side: _Side, optimizer: Any) -> dict[str, Tensor]:
    """What Adam remembers of each of our parameters, ``NAME.exp_avg`` and so on; nothing if it is not of this network.

    The file has it by number, in the order of the published parameters.
    """
    names = [key for key in side.state if key.rpartition(".")[2] not in _BUFFERS]
    state = optimizer.get("state") if isinstance(optimizer, dict) else None
    if not isinstance(state, dict) or state.keys() != set(range(len(names))):
        return {}
    if not all(isinstance(own, dict) and isinstance(own.get("step"), int | float | Tensor) for own in state.values()):
        return {}
    found: dict[str, Tensor] = {}
    for kind in ("exp_avg", "exp_avg_sq"):
        means = {name: state[number].get(kind) for number, name in enumerate(names)}
        if any(not isinstance(mean, Tensor) or mean.shape != side.state[name].shape for name, mean in means.items()):
            return {}
        renamed, _ = side.rename(side.state | means)  # buffers fill the places that have no mean
        ours = {key: mean for key, mean in renamed.items() if key.rpartition(".")[2] not in _BUFFERS}
        found |= {f"{key}.{kind}": mean for key, mean in ours.items()}
        found |= {f"{key}.step": torch.tensor(float(state[0]["step"])) for key in ours}
    return found


def _file(path: Path) -> Path:
    if not path.exists():
        raise InlayError(f"{path}: no such file or folder. Check the path.")
    if path.is_dir():
        if not (found := path / "models" / "best.ckpt").exists():
            raise InlayError(f"{path}: without models/best.ckpt. Give the folder as it was published, or the file.")
        return found
    return path


def _blocks(source: str, state: Mapping[str, Tensor]) -> int:
    """How many residual blocks the published sequence has."""
    found = {match[1] for key in state if (match := re.match(r"model\.(\d+)\.conv1\.ffc\.", key))}
    if len(found) not in _DEPTHS:
        some = ", ".join(list(state)[:3]) or "none"
        raise InlayError(
            f"{source}: {len(found)} Fourier blocks (model.N.conv1.ffc), where LaMa has 9 or 18. Its keys: {some} ... "
            "Give the file as it was published."
        )
    return len(found)


def rename_generator(
    source: str, state: Mapping[str, Tensor], settings: Mapping[str, Any]
) -> tuple[dict[str, Tensor], list[Move]]:
    """Our state dict of a published generator with Fourier convolutions, and what became of each tensor.

    Args:
        source: for messages.
        state: the published state dict, its names without ``generator.``.
        settings: arguments of :class:`~inlay.models.LaMa`.

    Raises:
        InlayError: a tensor is missing, unexpected, or of another shape.
    """
    moves = list(_moves(settings["blocks"]))
    named = {move.ours for move in moves}
    shapes = shapes_of(LaMa, settings)
    local = settings["width"] * 2**_DOWNS // 4
    moves = [move._replace(shape=_part_shape(move, shapes, local)) for move in moves]
    taken = carried(source, state, moves)
    joined: dict[str, Tensor] = {}
    for key in shapes:
        parts = [taken[name] for name in (key, f"{key}#global") if name in named]
        joined[key] = torch.cat(parts) if len(parts) > 1 and parts[0].ndim else parts[0]
    return joined, [move._replace(ours=(move.ours or "").removesuffix("#global")) for move in moves]


def _part_shape(move: Move, shapes: Mapping[str, Shape], local: int) -> Shape:
    """The shape in the published file of what becomes a whole tensor of ours, or a part of one."""
    key = (move.ours or "").removesuffix("#global")
    shape = shapes[key]
    if move.what != _JOINED or not shape:
        return shape
    return ((shape[0] - local if (move.ours or "").endswith("#global") else local), *shape[1:])


def _moves(blocks: int) -> Iterator[Move]:
    """Their keys and ours; what becomes the second part of a tensor has ``#global`` behind its name."""
    for stage in range(_DOWNS + 1):
        last = stage == _DOWNS
        theirs, ours = f"model.{stage + 1}", f"encoder.{stage}"
        for part, end in (("l", ""), ("g", "#global")) if last else (("l", ""),):
            what = _JOINED if last else _COPIED
            yield Move(f"{theirs}.ffc.convl2{part}.weight", None, f"{ours}.conv.weight{end}", what)
            yield from _norm(f"{theirs}.bn_{part}", f"{ours}.norm", what, end)
    for number in range(blocks):
        for their, our in (("conv1", "first"), ("conv2", "second")):
            yield from _fourier(f"model.{_FIRST_BLOCK + number}.{their}", f"blocks.{number}.{our}")
    for stage in range(_DOWNS):
        index = _FIRST_BLOCK + blocks + 1 + 3 * stage
        for name in ("weight", "bias"):
            yield Move(f"model.{index}.{name}", None, f"decoder.{stage}.conv.{name}")
        yield from _norm(f"model.{index + 1}", f"decoder.{stage}.norm")
    for name in ("weight", "bias"):
        yield Move(f"model.{_FIRST_BLOCK + blocks + 2 + 3 * _DOWNS}.{name}", None, f"head.{name}")


def _fourier(theirs: str, ours: str) -> Iterator[Move]:
    yield Move(f"{theirs}.ffc.convl2l.weight", None, f"{ours}.from_local.weight", _JOINED)
    yield Move(f"{theirs}.ffc.convl2g.weight", None, f"{ours}.from_local.weight#global", _JOINED)
    yield Move(f"{theirs}.ffc.convg2l.weight", None, f"{ours}.global_to_local.weight")
    spectral, own = f"{theirs}.ffc.convg2g", f"{ours}.spectral"
    yield Move(f"{spectral}.conv1.0.weight", None, f"{own}.reduce.conv.weight")
    yield from _norm(f"{spectral}.conv1.1", f"{own}.reduce.norm")
    yield Move(f"{spectral}.fu.conv_layer.weight", None, f"{own}.unit.spectral.conv.weight")
    yield from _norm(f"{spectral}.fu.bn", f"{own}.unit.spectral.norm")
    yield Move(f"{spectral}.conv2.weight", None, f"{own}.expand.weight")
    yield from _norm(f"{theirs}.bn_l", f"{ours}.norm_local")
    yield from _norm(f"{theirs}.bn_g", f"{ours}.norm_global")


def _norm(theirs: str, ours: str, what: str = _COPIED, end: str = "") -> Iterator[Move]:
    for name in _NORM:
        yield Move(f"{theirs}.{name}", None, f"{ours}.{name}{end}", what)


def _rename_discriminator(source: str, state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[Move]]:
    moves = list(_discriminator_moves())
    return carried(source, state, moves), moves


def _discriminator_moves() -> Iterator[Move]:
    """Their keys ``modelN.M.name`` and ours, in the published shapes."""
    for key, shape in shapes_of(PatchDiscriminator, {}).items():
        stage = re.fullmatch(r"stages\.(\d)\.(\d)\.(.+)", key)
        theirs = f"model{stage[1]}.{stage[2]}.{stage[3]}" if stage else f"model5.0.{key.removeprefix('score.')}"
        yield Move(theirs, shape, key)


def _card(path: Path, counted: str, name: str, discriminator: bool) -> str:
    origin = (
        "trained with [advimman/lama](https://github.com/advimman/lama), the code of Suvorov et al. 2022, "
        '"Resolution-robust Large Mask Inpainting with Fourier Convolutions".'
    )
    points = {
        "Computes": f"what the original computes. {counted}.",
        "Trained": f"by others on crops of {SIZE} px; {UNKNOWN} {MEASURE}",
        "License": f"of the project: Apache 2.0. {FOR_YOU}",
    }
    if discriminator:
        model = "lama_big" if name == _DEPTHS[18] else "lama"
        points["Goes on"] = (
            f"with its discriminator: `inlay train experiment=lama_finetune model={model} init_from=FOLDER`."
        )
    return card(f"{name}: the published weights", ["lama"], [path], origin, points)
