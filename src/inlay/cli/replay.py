"""``inlay replay``: compute a step again that was skipped because it was not finite."""

from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError

from inlay.cli.homes import in_settings
from inlay.cli.overrides import explained
from inlay.cli.settings import add_settings
from inlay.errors import InlayError, one_line


def add_commands(commands: Any) -> None:
    """Add the command to a parser."""
    replay = commands.add_parser("replay", help="compute a skipped step again, and say what was not finite")
    replay.add_argument("file", help="of RUN/faults")
    add_settings(replay, "loss.vgg.weights=PATH; all others are those of the run")
    replay.set_defaults(run=lambda args: run(args.file, args.settings))


def run(file: str, settings: list[str]) -> None:
    """Compute the step of a replay file again, and print what is not finite.

    Args:
        file: of the ``faults`` folder of a run.
        settings: of that run, to be changed.

    Raises:
        InlayError: it is no replay file, or everything is finite now.
    """
    from inlay.runs import replay
    from inlay.runs.library_warnings import silence_warnings

    silence_warnings()
    replay.run(file, _task(file, settings))


def _task(file: str, settings: list[str]) -> Any:
    """The task that a replay file describes."""
    from inlay.cli.training import build_task
    from inlay.pretrained import transformers
    from inlay.runs import replay

    config = _changed(OmegaConf.create(replay.config(file)), settings)
    try:
        # a file's word is no reason to download, nor to fill the memory
        with transformers.local_only(), replay.bounded(file):
            return build_task(config)
    except (InstantiationException, ConfigKeyError, ConfigAttributeError) as error:
        cause = error.__cause__
        if isinstance(cause, InlayError):
            raise
        reason = one_line(cause if isinstance(cause, Exception) else error)
        raise InlayError(f"{file}: its settings make no task ({reason}). Was it written by this version?") from error


def _changed(config: DictConfig, settings: list[str]) -> DictConfig:
    """The settings of the run with those of the command line."""
    with explained("train"):
        changes = OverridesParser.create().parse_overrides(in_settings(settings))
    OmegaConf.set_struct(config, True)
    for change in changes:
        try:
            OmegaConf.update(config, change.key_or_group, change.value())
        except (ConfigKeyError, ConfigAttributeError):
            raise InlayError(f"{change.key_or_group}=: the run of this file has no such setting.") from None
    OmegaConf.set_struct(config, False)
    return config
