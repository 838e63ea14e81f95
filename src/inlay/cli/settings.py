"""Commands take the settings of ``train.py``: the same groups, the same names."""

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

import inlay
from inlay.errors import InlayError

if TYPE_CHECKING:
    from inlay.data.pictures import IndexedPictures

_PACKAGE = Path(inlay.__file__).parent
_PLACES = (_PACKAGE / "conf", _PACKAGE.parent.parent / "conf")  # installed; in a checkout


def add_settings(parser: argparse.ArgumentParser, example: str) -> None:
    """Let a command take settings."""
    parser.add_argument("settings", nargs="*", metavar="group=choice|key=value", help=f"as for train.py: {example}")


def composed(settings: list[str]) -> DictConfig:
    """The configuration of ``train.py`` under these settings.

    Raises:
        InlayError: a setting is not one.
    """
    folder = next(place for place in _PLACES if place.is_dir())
    running = GlobalHydra.instance().is_initialized()  # train.py's own, which is asked then
    try:
        with nullcontext() if running else initialize_config_dir(str(folder), version_base="1.3"):
            return compose("train", settings)
    except (HydraException, OmegaConfBaseException) as error:
        raise InlayError(f"{' '.join(settings)}: {error}") from error


def require(missing: list[str]) -> None:
    """Refuse a configuration with gaps.

    Raises:
        InlayError: naming the keys that have to be given on the command line.
    """
    if missing:
        raise InlayError(f"give {' and '.join(f'{key}=...' for key in missing)} on the command line.")


def pictures(data: DictConfig, split: str) -> "IndexedPictures":
    """The pictures of a dataset that the group ``data`` describes.

    Args:
        data: the group.
        split: which of them.

    Raises:
        InlayError: see :func:`inlay.data.prepare.find_index` and :func:`inlay.data.index.open_split`.
    """
    from hydra.utils import instantiate

    from inlay.data.index import open_split
    from inlay.data.parallel import cores
    from inlay.data.pictures import IndexedPictures
    from inlay.data.prepare import find_index

    root, stop = Path(data.root), data.on_bad_file == "error"
    index = find_index(root, instantiate(data.get("listing")), data.index, cores(), data.verify, stop_at_bad_file=stop)
    return IndexedPictures(root, open_split(index, split, root))
