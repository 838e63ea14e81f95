"""Parts of the configuration become objects; what does not fit is named before anything is built."""

import inspect
import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import hydra.utils
from hydra.errors import HydraException, InstantiationException
from omegaconf import DictConfig, ListConfig, OmegaConf

from inlay.cli.overrides import suggestion
from inlay.errors import InlayError, one_line
from inlay.shell import quoted

_CALLED = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}
_HYDRAS = ("_target_", "_partial_", "_convert_", "_recursive_", "_args_")
_LISTS = (tuple, list, Sequence, Iterable)


def instantiate(config: Any, **given: Any) -> Any:
    """Build a part of the configuration, and the parts nested in it; the only place that calls Hydra's function.

    Lists and mappings become Python's own, as they are when a network is rebuilt from its file. The configuration is
    the user's, whose ``_target_`` may name anything; a file's goes through :mod:`inlay.checkpoints.building`.

    Args:
        config: the part; None stays None.
        given: further keywords of what is built: plain values, which are not merged with settings.

    Raises:
        InlayError: a setting is none of what is built or has a wrong type, or what is built cannot be.
    """
    for problem in problems(config):
        raise InlayError(problem)
    try:
        # Hydra 1.4 wants a list of targets beside _convert_: _execution_whitelist_=UNSAFE_DISABLE_EXECUTION_CHECKS
        return hydra.utils.instantiate(config, **{"_convert_": "all"} | given)
    except InstantiationException as error:
        name, cause = config._get_full_key(None) if isinstance(config, DictConfig) else "", error.__cause__
        while isinstance(cause, InstantiationException):
            cause = cause.__cause__
        if isinstance(cause, InlayError):
            raise cause from None
        if missing := re.match("Error locating target '(.*?)'", str(error)):
            raise InlayError(f"{name}: there is no {missing[1]}, which _target_ names.") from error
        if isinstance(cause, TypeError | ValueError):
            raise InlayError(f"{name}: {one_line(cause)}.") from error
        raise


def problems(config: Any, own: Mapping[str, Any] | None = None) -> Iterator[str]:
    """What is wrong with the settings of a part, and of the parts in it, going by what their constructors declare.

    Args:
        config: the part. What is interpolated is not looked at: it is checked where it stands.
        own: types by name of the settings of a part that is not built itself.
    """
    if not isinstance(config, DictConfig) or config._is_none() or config._is_missing():
        return
    declared, open_ended = _declared(config.get("_target_")) if own is None else (own, True)
    for key in map(str, config):
        name = config._get_full_key(key)
        if OmegaConf.is_interpolation(config, key) or OmegaConf.is_missing(config, key) or key in _HYDRAS:
            continue
        if not open_ended and key not in declared:
            yield f"{name}: there is no such setting.{suggestion(str(key), dict.fromkeys(declared, ''))}"
            continue
        value, hint = config[key], declared.get(key, Any)
        if not _fits(value, hint):
            shown = OmegaConf.to_container(value, resolve=False) if OmegaConf.is_config(value) else value
            as_text = isinstance(value, int | float) and _fits("", hint)
            remedy = f" To give a number as text, quote it twice: {quoted(name, str(value))}" if as_text else ""
            yield f"{name}={shown}: {_needed(hint)} is needed here.{remedy}"
        yield from problems(value, _entries(value, hint))


def _declared(target: Any) -> tuple[Mapping[str, Any], bool]:
    """What a class or function takes, by name, and whether it may take more than is known."""
    if not isinstance(target, str):
        return {}, True
    try:
        found = hydra.utils.get_object(target)
    except (HydraException, ImportError, ValueError):
        return {}, True  # building it says so
    takes: dict[str, Any] = {}
    for each in found.__mro__ if isinstance(found, type) else [found]:
        function = vars(each).get("__init__") if isinstance(each, type) else each
        if not inspect.isfunction(function):
            continue
        kinds = inspect.signature(function).parameters.values()
        try:
            hints = get_type_hints(function)
        except (NameError, TypeError):  # names that only a type checker knows
            hints = {}
        takes = {one.name: hints.get(one.name, Any) for one in kinds if one.kind != one.VAR_KEYWORD} | takes
        if not any(one.kind == one.VAR_KEYWORD for one in kinds):
            return takes, False
        if not each.__module__.startswith("inlay."):
            break
    return takes, True  # ours hand on to their parents what they do not name, others to anybody


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value can be of a declared type; where a configuration does not show it, True."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is Literal:
        return any(_fits(value, type(each)) for each in inner)  # which of them, its class says better
    if isinstance(value, DictConfig):
        return hint not in _CALLED and origin not in (tuple, list)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in _CALLED:
        return isinstance(value, hint)
    if hint is Path:
        return isinstance(value, str)
    if _is_tensor(hint):
        return False
    if (origin or hint) in _LISTS:
        if not isinstance(value, ListConfig) or not inner:
            return isinstance(value, ListConfig)
        if len(inner) == 1 or inner[-1] is Ellipsis:
            return all(_fits(item, inner[0]) for item in value)
        return len(value) == len(inner) and all(map(_fits, value, inner))
    return True


def _entries(value: Any, hint: Any) -> Mapping[str, Any] | None:
    """The types of the entries of a mapping that stays one; None for what is built."""
    if not isinstance(value, DictConfig) or "_target_" in value:
        return None
    for each in get_args(hint) if get_origin(hint) in (Union, types.UnionType) else [hint]:
        if is_typeddict(each):
            return get_type_hints(each)
        if get_origin(each) in (dict, Mapping):
            return {str(key): get_args(each)[1] for key in value}
    return None


def _needed(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_needed(each) for each in inner if not _is_tensor(each)))
    if origin is Literal:
        return " or ".join(str(each) for each in inner)
    if hint in _CALLED:
        return _CALLED[hint]
    if (origin or hint) in _LISTS:
        items = [each for each in inner if each is not Ellipsis]
        return f"a list, [{', '.join(map(_needed, items))}]," if items else "a list"
    return "text" if hint is Path else "a mapping with other values" if isinstance(hint, type) else "another value"


def _is_tensor(hint: Any) -> bool:
    """Without importing PyTorch, which commands may never need."""
    return isinstance(hint, type) and (hint.__module__, hint.__name__) == ("torch", "Tensor")
