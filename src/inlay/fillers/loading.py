"""From a name, a file or a mapping to the filler that it stands for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from inlay.configs import build, find_class, is_yaml, read_config
from inlay.errors import InlayError
from inlay.files import at_home
from inlay.fillers.base import Filler
from inlay.fillers.classical import CLASSICAL
from inlay.fillers.names import FillerConfig, checkpoint_of
from inlay.precision import InferencePrecision

_PACKAGES = ("inlay.fillers",)


def load_filler(
    filler: FillerConfig, device: torch.device | str = "cpu", precision: InferencePrecision = "32"
) -> Filler:
    """Make the filler that a name, a path or a mapping stands for.

    Args:
        filler: ``mean``, ``telea``, ``navier_stokes``, ``biharmonic``; a checkpoint that ``inlay train`` wrote, a
            folder or an ``.onnx`` file that ``inlay export`` wrote, as its path or as ``model:PATH`` (which may lead to
            a file called ``telea``), or the name of such a folder on the Hugging Face hub; a mapping with
            ``_target_``, a class of :mod:`inlay.fillers`, and its arguments; or the path of a yaml file with such a
            mapping, as ``conf/filler`` has them.
        device: where it runs, unless the mapping says.
        precision: of a network's numbers, unless the mapping says.

    Raises:
        InlayError: there is no such filler; see :class:`~inlay.fillers.CheckpointFiller` and
            :class:`~inlay.fillers.OnnxFiller`; or the mapping is not one of a filler.
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
    """The mapping that a short name or a path stands for."""
    if is_yaml(name):
        return read_config("filler", at_home(name))
    path = checkpoint_of(name)
    if path is None:
        return {"_target_": f"inlay.fillers.{CLASSICAL[str(name)].__name__}"}
    if str(name) == path.name == path.stem and not path.exists():
        raise InlayError(f"{name}: neither a filler nor a file. Give {', '.join(CLASSICAL)} or model:PATH.")
    if path.suffix == ".onnx":
        return {"_target_": "inlay.fillers.OnnxFiller", "path": path}
    return {"_target_": "inlay.fillers.CheckpointFiller", "checkpoint": path}
