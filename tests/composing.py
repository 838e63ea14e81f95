"""Configurations as the command line composes them; each choice of groups once: Hydra takes as long as a tiny run."""

import copy
import functools

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from tests.conftest import ROOT

CONF = ROOT / "conf"
_GROUPS = {path.name for path in CONF.iterdir() if path.is_dir()}


def configure(*overrides, config="train"):
    """The configuration of a program under these settings; numbers are set by Hydra's own function."""
    words = [_parsed(word) for word in overrides]
    ConfigLoaderImpl.validate_sweep_overrides_legal(words, RunMode.RUN, from_shell=False)
    choices = tuple(word.input_line for word in words if _is_choice(word))
    cfg = copy.deepcopy(_composed(config, choices))
    ConfigLoaderImpl._apply_overrides_to_config([word for word in words if not _is_choice(word)], cfg)
    return cfg


def with_hydra(*overrides):
    """The configuration of a training with Hydra's own part, as its callbacks get it."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", list(overrides), return_hydra_config=True)


@functools.cache
def _parsed(word):
    return OverridesParser.create().parse_overrides([word])[0]


def _is_choice(word):
    return word.key_or_group.partition("@")[0] in _GROUPS or word.key_or_group.startswith("hydra.")


@functools.cache
def _composed(config, choices):
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(config, list(choices))
