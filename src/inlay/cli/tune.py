"""``inlay tune``: try values of a setting, print the one to give, and end without training."""

from typing import Any

from inlay.cli.settings import add_settings, compose_config
from inlay.errors import InlayError

TUNED = ("lr", "batch_size")


def add_commands(commands: Any) -> None:
    """Add the command to a parser."""
    tune = commands.add_parser("tune", help="propose a learning rate or a batch size, without training")
    tune.add_argument(
        "what", choices=TUNED, help="lr (where the loss falls fastest) or batch_size (what fits into the GPU)"
    )
    add_settings(tune, "experiment=NAME data.root=PATH")
    tune.set_defaults(run=lambda args: run(args.what, compose_config(args.settings)))


def run(what: str, cfg: Any) -> None:
    """Tune a setting of a run, one of :data:`TUNED`.

    Raises:
        InlayError: it cannot be tuned for this run, or on this machine.
    """
    from inlay import tuning
    from inlay.cli.training import build, set_up, trainer_factory

    if cfg.resume:
        raise InlayError(f"inlay tune {what} starts from new weights. Leave resume= out, or give init_from=CHECKPOINT.")
    set_up(cfg)
    task, data, _ = build(cfg)
    tuning.run(what, task, data, trainer_factory(cfg))
