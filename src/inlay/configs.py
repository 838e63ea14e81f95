"""Small objects described by a YAML file: a region, a composer, a filler. Hydra is not needed to build them."""

import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from inlay.errors import BadFile, InlayError, one_line
from inlay.files import read_text

_PACKAGE = Path(__file__).parent
CONF = next(place for place in (_PACKAGE / "conf", _PACKAGE.parent.parent / "conf") if place.is_dir())
"""The folder of the configuration: installed beside the modules, in a checkout beside ``src``."""

_LARGEST = 2**20  # bytes of a file


def names_in(group: str) -> list[str]:
    """The names of the files in ``conf/GROUP``, sorted."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def is_yaml(name: str | Path) -> bool:
    """Whether a name is the path of a YAML file."""
    return Path(name).suffix.lower() in (".yaml", ".yml")


def read_config(group: str, name: str | Path) -> dict[str, Any]:
    """Read the settings of one object.

    Args:
        group: folder below ``conf`` for names without a suffix.
        name: such as ``poisson`` for ``conf/composer/poisson.yaml``, or the path of a YAML file.

    Raises:
        InlayError: there is no such name or file, or it holds no settings.
    """
    if not is_yaml(name):
        if str(name) not in (known := names_in(group)):
            raise InlayError(f"{group}: no {str(name)!r}. Use {', '.join(known)}, or the path of a .yaml file.")
        name = CONF / group / f"{name}.yaml"
    path = Path(name)
    if not path.is_file():
        raise BadFile(path, "no such file. Check the path.")
    try:
        config = yaml.load(read_text(path, _LARGEST), _PlainLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadFile(path, f"not a YAML file ({one_line(error)}). Mend it.") from error
    if not isinstance(config, dict) or "_target_" not in config:
        raise BadFile(path, "has no _target_, the class to build. Add it.")
    return config


def load(group: str, config: str | Path | Mapping[str, Any], packages: Sequence[str], base: type) -> Any:
    """Build the object that a name, a YAML file or a mapping describes; see :func:`read_config` and :func:`build`.

    Raises:
        InlayError: there is no such name or file, or it does not describe an instance of ``base``.
    """
    built = build(group, config if isinstance(config, Mapping) else read_config(group, config), packages)
    if not isinstance(built, base):
        raise InlayError(f"{group}: {type(built).__name__} is no {group}. Name a class as conf/{group} does.")
    return built


class _PlainLoader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Plain data without references, by which a small file could stand for more than the memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has references (*name); write the value out")
        return super().compose_node(parent, index)


def build(group: str, config: Mapping[str, Any], packages: Sequence[str]) -> Any:
    """Build the object that a configuration describes, and the objects nested in it.

    Args:
        group: such as ``region``; for messages.
        config: ``_target_`` names a class; the other settings are its arguments.
        packages: the classes that may be named are those that these packages export or define.

    Raises:
        InlayError: ``_target_`` names anything else, or the arguments are not those of the class.
    """
    kind = find_class(target := config.get("_target_"), packages)
    if kind is None:
        raise InlayError(f"{group}: _target_={target!r} is not a class of {' or '.join(packages)}. Name one of theirs.")
    arguments = _built(group, {key: value for key, value in config.items() if key != "_target_"}, packages)
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        known = ", ".join(inspect.signature(kind).parameters)
        raise InlayError(f"{group}: {kind.__name__}: {one_line(error)}. Its settings are {known}.") from error


def _built(group: str, value: Any, packages: Sequence[str]) -> Any:
    if isinstance(value, Mapping):
        if "_target_" in value:
            return build(group, value, packages)
        return {str(key): _built(group, item, packages) for key, item in value.items()}
    return [_built(group, item, packages) for item in value] if isinstance(value, list) else value


def find_class(target: Any, packages: Sequence[str]) -> type | None:
    """The class that a ``_target_`` names, where one of some packages exports or defines it; None for anything else.

    A file of a stranger cannot make this import or call anything else: modules are looked for below the packages only,
    and what they import from elsewhere is not theirs.

    Args:
        target: such as ``inlay.masks.Strokes``.
        packages: such as ``inlay.masks``.
    """
    if not isinstance(target, str) or not all(word.isidentifier() and word[0] != "_" for word in target.split(".")):
        return None
    home, _, name = target.rpartition(".")
    try:
        found = getattr(import_module(home), name, None) if _is_in(home, packages) else None
    except ImportError:
        return None
    return found if isinstance(found, type) and _is_in(found.__module__, packages) else None


def _is_in(module: str, packages: Sequence[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)
