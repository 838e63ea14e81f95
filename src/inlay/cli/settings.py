"""Commands take the settings of ``train.py``: the same groups, the same names."""

import argparse
from contextlib import nullcontext
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

import inlay
from inlay.errors import InlayError

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
