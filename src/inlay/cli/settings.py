"""The configuration of ``inlay train`` or another program, composed of settings and checked."""

import argparse
import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, ListConfig, OmegaConf, read_write

from inlay.cli.building import instantiate, problems
from inlay.cli.homes import in_settings
from inlay.cli.overrides import explained, suggestion
from inlay.configs import CONF
from inlay.errors import InlayError
from inlay.files import at_home

if TYPE_CHECKING:
    from inlay.data.pictures import Pictures


def add_settings(parser: argparse.ArgumentParser, example: str) -> None:
    """Let a command take settings."""
    parser.add_argument(
        "settings", nargs="*", metavar="group=choice|key=value", help=f"as for `inlay train`: {example}"
    )


def compose_config(settings: list[str], config: str = "train") -> DictConfig:
    """The configuration of ``inlay train``, or of another program, under these settings.

    Raises:
        InlayError: a setting is not one.
    """
    running = GlobalHydra.instance().is_initialized()  # that program's own, which is asked then
    with explained(config), nullcontext() if running else initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose(config, in_settings(settings))
    replace_home(cfg)
    return cfg


def replace_home(config: DictConfig | ListConfig) -> None:
    """Turn ``~`` into the user's folder where a value of a configuration begins with it."""
    with read_write(config):
        for key in list(config) if isinstance(config, DictConfig) else range(len(config)):
            if OmegaConf.is_missing(config, key) or OmegaConf.is_interpolation(config, key):
                continue
            value = config[key]
            if isinstance(value, DictConfig | ListConfig):
                replace_home(value)
            elif (path := at_home(value)) != value:
                config[key] = path


def require(missing: list[str]) -> None:
    """Refuse a configuration with gaps.

    Raises:
        InlayError: naming the keys that have to be given on the command line.
    """
    if missing:
        raise InlayError(f"give {' and '.join(f'{key}=...' for key in missing)} on the command line.")


def check(cfg: DictConfig, config: str, own: Mapping[str, Any]) -> None:
    """Refuse settings of a wrong type, and those that nothing reads, before anything is built.

    Args:
        cfg: composed of ``conf/CONFIG.yaml``.
        config: the name of that file.
        own: types of the settings outside of the groups.

    Raises:
        InlayError: naming the first such setting.
    """
    written = cast(DictConfig, OmegaConf.load(CONF / f"{config}.yaml"))
    known = {*map(str, written), *(group.rpartition("@")[2] for group in _groups(config))}
    for name in map(str, cfg):
        if name not in known and name != "hydra":
            raise InlayError(f"{name}=: nothing reads this.{suggestion(name, settings_of(config))}")
    for problem in problems(cfg, own):
        raise InlayError(problem)


@cache
def settings_of(config: str) -> dict[str, str]:
    """All groups and settings of a program as it is without a command line, by name.

    Returns:
        For one that stands for another (``${iterations}``) the other one, else an empty text.
    """
    return dict.fromkeys(_groups(config), "") | dict(_names(compose_config([], config)))


def _groups(config: str) -> list[str]:
    """Such as ``masks`` and ``masks@val_masks``."""
    defaults = OmegaConf.load(CONF / f"{config}.yaml").defaults
    return [str(next(iter(entry))) for entry in defaults if isinstance(entry, DictConfig)]


def _names(node: DictConfig) -> Iterator[tuple[str, str]]:
    written = OmegaConf.to_container(node, resolve=False)
    for key, raw in cast(dict[str, Any], written).items():
        source = re.fullmatch(r"\$\{([\w.]+)\}", raw) if isinstance(raw, str) else None
        yield str(node._get_full_key(key)), source[1] if source else ""
        if isinstance(raw, dict):
            yield from _names(node[key])


def open_dataset(data: DictConfig, split: str) -> "Pictures":
    """The pictures of a split that the group ``data`` describes; without a folder, those of the demo.

    Raises:
        InlayError: see :func:`inlay.data.prepare.find_index` and :func:`inlay.data.index.open_split`.
    """
    if "root" not in data:
        from inlay.data.demo import whole

        return whole(split)
    from inlay.data.index import open_split
    from inlay.data.pictures import IndexedPictures
    from inlay.data.prepare import find_index
    from inlay.parallel import cores

    root, stop = Path(data.root), data.on_bad_file == "error"
    listing = instantiate(data.get("listing"))
    index = find_index(root, listing, data.index, cores(), data.verify, stop, data.on_damaged)
    return IndexedPictures(root, open_split(index, split, root))
