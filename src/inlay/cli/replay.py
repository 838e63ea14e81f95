"""``inlay replay``: compute a step again that was skipped because it was not finite."""

from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from inlay.cli.homes import in_settings
from inlay.cli.overrides import explained
from inlay.cli.settings import add_settings
from inlay.errors import InlayError


def add_commands(commands: Any) -> None:
    """Add the command to a parser."""
    replay = commands.add_parser("replay", help="compute a skipped step again, and say what was not finite")
    replay.add_argument("file", help="of RUN/faults")
    add_settings(replay, "loss.extractors.vgg.weights=PATH; all others are those of the run")
    replay.set_defaults(run=lambda args: run(args.file, args.settings))


def run(file: str, settings: list[str]) -> None:
    """Compute the step of a replay file again, with some of its run's settings changed; print what is not finite.

    Raises:
        InlayError: it is no replay file, or everything is finite now.
    """
    from inlay.runs import replay
    from inlay.runs.library_warnings import silence_warnings

    silence_warnings()
    config = replay.task_config(file)
    _change(config, settings)
    replay.run(file, replay.build_task(file, config))


def _change(config: dict[str, Any], settings: list[str]) -> None:
    """Put the settings of the command line in the place of the run's."""
    with explained("train"):
        changes = OverridesParser.create().parse_overrides(in_settings(settings))
    for change in changes:
        *groups, name = change.key_or_group.split(".")
        place: Any = config
        for group in groups:
            place = place.get(group) if isinstance(place, dict) else None
        if not isinstance(place, dict) or name not in place:
            raise InlayError(f"{change.key_or_group}=: the run of this file has no such setting.")
        place[name] = change.value()
