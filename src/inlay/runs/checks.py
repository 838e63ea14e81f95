"""What is wrong with a run's settings, found before anything is built."""

from collections.abc import Iterator, Mapping
from typing import Any

from inlay.checkpoints.groups import OPTIONAL
from inlay.errors import InlayError
from inlay.randomness import check_seed


def check_numbers(config: Mapping[str, Any]) -> None:
    """Refuse a seed out of range, and lengths below one iteration, with an :class:`InlayError`."""
    check_seed(config["seed"])
    counts = {key: config[key] for key in ("iterations", "validate_every", "checkpoint_every")}
    counts["trainer.log_every_n_steps"] = config["trainer"]["log_every_n_steps"]
    for key, count in counts.items():
        if count < 1:
            raise InlayError(f"{key} must be at least 1, got {count}.")


def check_used(config: Mapping[str, Any]) -> None:
    """Refuse parts that the recipe has no use for, with an :class:`InlayError`: they would do nothing, unsaid."""
    for group in OPTIONAL:
        if config.get(group) is not None and group not in config["task"]:  # which names what it takes
            raise InlayError(
                f"{group}= does nothing in this recipe. Leave it out, or choose one that uses it: task=tdanet."
            )


def check_teacher(config: Mapping[str, Any]) -> None:
    """Refuse a teacher whom the loss does not ask, with an :class:`InlayError`."""
    if config.get("teacher") is not None and config["teacher"] not in _values(config["loss"]):
        raise InlayError("teacher= does nothing with this loss. Leave it out, or take loss=distill.")


def _values(config: Any) -> Iterator[Any]:
    if isinstance(config, Mapping):
        for value in config.values():
            yield from _values(value)
    else:
        yield config


def check_sweep(devices: int | str, launcher: str = "") -> None:
    """Refuse a sweep over several devices: Lightning starts the script once a device, and each would run the sweep.

    Raises:
        InlayError: ``devices`` is not 1, and no submitit launches each trial in processes of its own.
    """
    if "submitit" in launcher:
        if str(devices) in ("-1", "auto"):
            raise InlayError(f"trainer.devices={devices}: a job has to ask for a number. Give trainer.devices=8, say.")
    elif str(devices) != "1":
        raise InlayError(
            f"-m with trainer.devices={devices}: every process would run the whole sweep. "
            "Sweep with trainer.devices=1, or start each trial as a run of its own."
        )
