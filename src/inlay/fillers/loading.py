"""From a name, a file or a mapping to the filler that it stands for, and to its name in tables."""

from collections import Counter
from collections.abc import Mapping, Sequence
from os.path import abspath
from pathlib import Path
from typing import Any

import torch

from inlay.configs import build, find_class, is_yaml, read_config
from inlay.errors import InlayError
from inlay.files import at_home
from inlay.fillers.base import Filler
from inlay.fillers.classical import CLASSICAL
from inlay.precision import InferencePrecision
from inlay.pretrained.pipelines import INDEX as PIPELINE_INDEX

FillerConfig = str | Path | Mapping[str, Any]
"""What :func:`~inlay.fillers.load_filler` takes."""

_PACKAGES = ("inlay.fillers",)
_MODEL, _PIPELINE = "model:", "diffusers:"
_EVERYWHERE = "checkpoints"  # the folder that every run keeps its checkpoints in says nothing of it


def load_filler(
    filler: FillerConfig, device: torch.device | str = "cpu", precision: InferencePrecision = "32"
) -> Filler:
    """Load the filler that a name, a path or a mapping stands for.

    Args:
        filler: ``mean``, ``telea``, ``navier_stokes``, ``biharmonic``; a checkpoint that ``inlay train`` wrote, a
            folder or an ``.onnx`` file that ``inlay export`` wrote, as its path or as ``model:PATH`` (which may lead to
            a file called ``telea``), or the name of such a folder on the Hugging Face hub; the folder of an inpainting
            pipeline of diffusers, as its path or as ``diffusers:PATH``; a mapping with
            ``_target_``, a class of :mod:`inlay.fillers`, and its arguments; or the path of a yaml file with such a
            mapping, as ``conf/filler`` has them.
        device: where it runs, unless the mapping says.
        precision: of a network's numbers, unless the mapping says.

    Raises:
        InlayError: there is no such filler; see :class:`~inlay.fillers.CheckpointFiller`,
            :class:`~inlay.fillers.DiffusersFiller` and :class:`~inlay.fillers.OnnxFiller`; or the mapping is not one
            of a filler.
    """
    config = filler if isinstance(filler, Mapping) else _config_of(filler)
    kind = find_class(target := config.get("_target_"), _PACKAGES)
    if kind is None or not issubclass(kind, Filler):
        raise InlayError(f"filler: _target_={target!r} is not a class of fillers. See conf/filler.")
    if unset := [key for key, value in config.items() if value == "???"]:
        raise InlayError(f"filler: {kind.__name__}: {unset[0]} is not set. Give it a value.")
    if "precision" not in kind.runs_with and precision != "32":
        name = kind.__name__ if isinstance(filler, Mapping) else filler
        raise InlayError(f"precision {precision}: {name} computes with numbers of its own. Use 32.")
    wanted = {"device": device, "precision": precision}
    given = {key: value for key, value in wanted.items() if key in kind.runs_with and config.get(key) is None}
    made: Filler = build("filler", {**config, **given}, _PACKAGES)
    return made


def _config_of(name: str | Path) -> Mapping[str, Any]:
    if is_yaml(name):
        return read_config("filler", at_home(name))
    path = _checkpoint_of(name)
    if path is None:
        return {"_target_": f"inlay.fillers.{CLASSICAL[str(name)].__name__}"}
    if str(name) == path.name == path.stem and not path.exists():
        raise InlayError(f"{name}: neither a filler nor a file. Give {', '.join(CLASSICAL)} or model:PATH.")
    if str(name).startswith(_PIPELINE) or (path / PIPELINE_INDEX).is_file():
        return {"_target_": "inlay.fillers.DiffusersFiller", "path": path}
    if path.suffix == ".onnx":
        return {"_target_": "inlay.fillers.OnnxFiller", "path": path}
    return {"_target_": "inlay.fillers.CheckpointFiller", "checkpoint": path}


def short_name(filler: FillerConfig) -> str:
    """The name of a filler in a table.

    ``telea``; ``demo/best`` for ``model:outputs/demo/checkpoints/best.ckpt``; ``Telea(radius=5)`` for a mapping.
    """
    return _names(filler)[0]


def short_names(fillers: Sequence[FillerConfig]) -> list[str]:
    """Names for the rows of a table, in the order of the fillers; equal ones get further folders in front.

    Raises:
        InlayError: two of them are the same filler.
    """
    choices = [_names(filler) for filler in fillers]
    longest = [names[-1] for names in choices]
    for position, name in enumerate(longest):
        if (first := longest.index(name)) < position:
            raise InlayError(
                f"filler: {fillers[first]} and {fillers[position]} are the same filler. Leave one of them out."
            )
    while True:
        counts = Counter(names[0] for names in choices)
        if max(counts.values(), default=1) == 1:
            return [names[0] for names in choices]
        choices = [names[1:] if counts[names[0]] > 1 and len(names) > 1 else names for names in choices]


def _names(filler: FillerConfig) -> list[str]:
    """From the shortest to the whole path, which no other file has."""
    if isinstance(filler, Mapping):
        settings = ", ".join(f"{key}={value}" for key, value in filler.items() if key != "_target_")
        return [f"{str(filler.get('_target_')).rpartition('.')[2]}({settings})"]
    path = _checkpoint_of(filler)
    if path is None:
        return [str(filler)]
    whole = Path(abspath(path))  # noqa: PTH100 -- a link such as best.ckpt keeps its name
    folders = [*(part for part in whole.parent.parts[1:] if part != _EVERYWHERE), whole.stem]
    given = sum(part not in (_EVERYWHERE, "..", whole.root) for part in path.parts)  # the rest is not to be seen
    return ["/".join(folders[-count:]) for count in range(min(given, 2), len(folders) + 1)] + [str(whole)]


def _checkpoint_of(name: str | Path) -> Path | None:
    """The file that a filler comes from; None for a classical one."""
    return None if name in CLASSICAL else Path(str(name).removeprefix(_MODEL).removeprefix(_PIPELINE))
