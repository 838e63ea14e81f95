"""Mistakes in settings on the command line, explained in one line."""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import SequenceMatcher

from hydra.errors import HydraException, InstantiationException, MissingConfigException, OverrideParseException
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException

from inlay.cli.homes import in_settings
from inlay.errors import InlayError, reported, unwritable
from inlay.shell import quoted

_CLOSE = 0.75  # of two names: the share of their letters that they have in common
_MOST = 3
_TRACEBACKS = "HYDRA_FULL_ERROR"


@contextmanager
def reported_overrides(config: str) -> Iterator[None]:
    """End a program of Hydra's with one line and status 1 where its command line cannot be understood.

    Args:
        config: the name of its configuration. With ``HYDRA_FULL_ERROR=1`` Hydra's tracebacks stay.
    """
    sys.argv = [sys.argv[0], *in_settings(sys.argv[1:])]
    if os.environ.get(_TRACEBACKS) == "1":
        yield
        return
    os.environ[_TRACEBACKS] = "1"  # Hydra hands on what it would print over many lines
    try:
        with reported(), explained(config):
            yield
    finally:
        os.environ.pop(_TRACEBACKS, None)


@contextmanager
def explained(config: str) -> Iterator[None]:
    """Turn mistakes in a program's command line, as Hydra and OmegaConf report them, into an :class:`InlayError`."""
    try:
        yield
    except InstantiationException:
        raise  # of a constructor: inlay.cli.building knows
    except (HydraException, OmegaConfBaseException) as error:
        raise InlayError(explanation(error, config)) from None
    except OSError as error:  # Hydra's own folder and log
        if error.filename is None:
            raise
        raise unwritable(error.filename, error) from error


def explanation(error: Exception, config: str) -> str:
    """What was wrong with the command line of a program, and what to write instead, in a line."""
    from inlay.cli.settings import settings_of  # which needs this module

    message = " ".join(str(error).split())
    if isinstance(error, OverrideParseException):
        return _not_read(error.override)
    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        choices = [name for name in error.options if name not in ("base", "indexed")]  # what others are built on
        return f"{group}={choice}: there is no such choice. Choose one of: {', '.join(choices)}."
    if match := re.match(r"Ambiguous value for argument '(.*?)=(.*)' 1\.", message):
        key, value = match.groups()
        return (
            f"{key}={value}: several values are for sweeps, which -m starts. A list is {key}=[{value}]; a text with "
            f"commas is quoted twice: {quoted(key, value)}"
        )
    if match := re.match(r"Could not override '(.*?)'\.", message):
        known = settings_of(config)
        if match[1] in known:
            return f"{match[1]}=: there is no such setting where other groups were chosen as they were."
        return f"{match[1]}=: there is no such setting.{suggestion(match[1], known)}"
    if match := re.match(r"Could not delete from config\. '(.*?)' does not exist", message):
        return f"~{match[1]}: there is no such setting to delete.{suggestion(match[1], settings_of(config))}"
    if match := re.match(r"Error merging override (.*?)=(.*)", message):
        key, value = match.groups()
        return (
            f"{key}={value}: cannot be read. ${{...}} stands for another setting, whose name ends with a brace; the "
            f"signs themselves are quoted twice: {quoted(key, value)}"
        )
    if isinstance(error, InterpolationKeyError):
        key = str(error.full_key)
        return (
            f"{key}: ${{...}} stands for another setting, and there is none of this name "
            f"({message.split(' full_key')[0]}). For the signs themselves: {quoted(key, '${...}')}"
        )
    return f"{message.split(' full_key:')[0]}."


def suggestion(given: str, known: Mapping[str, str]) -> str:
    """Settings whose names are close to one that does not exist, as a question.

    Those that are known come with the one to set in its place, if it stands for another (``${iterations}``).
    """
    close = sorted(((_likeness(given, name), known[name] or name) for name in known), key=lambda pair: -pair[0])
    names = list(dict.fromkeys(name for likeness, name in close if likeness >= _CLOSE))[:_MOST]
    return f" Did you mean {' or '.join(names)}?" if names else " conf/ explains all there are."


def _likeness(given: str, known: str) -> float:
    """From 0 to 1: of the whole names, or of their last parts where only those were meant."""
    known = known.rpartition("@")[2]
    ours, theirs = _squashed(given), _squashed(known)
    whole = SequenceMatcher(None, ours, theirs).ratio()
    if "." in given:
        return whole
    return max(whole, SequenceMatcher(None, ours, _squashed(known.rpartition(".")[2])).ratio())


def _squashed(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _not_read(override: str) -> str:
    key, equals, value = override.partition("=")
    if not equals or not key:
        return f"{override}: a setting is written key=value."
    if value[:1] in "[{":
        return f"{override}: cannot be read. A list is written {key}=[a,b], a mapping {key}={{a:b}}, without spaces."
    return (
        f"{override}: cannot be read. A text with quotes, signs such as , = : ( ) {{ }} ~ & # or letters with accents "
        f"is quoted twice: {quoted(key, value)}"
    )
