"""What can be tuned, where, and how the answer is told."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from inlay.data.datamodule import InpaintingData
from inlay.data.loader import ENDLESS
from inlay.errors import InlayError
from inlay.printing import say
from inlay.runs.setup import set_aside
from inlay.tasks.base import Task
from inlay.tuning import batch_size, learning_rate

PLOT = "lr_find.png"
BARE: dict[str, Any] = {
    "logger": False,
    "callbacks": [],
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "num_sanity_val_steps": 0,
    "val_check_interval": ENDLESS,
}
"""A trainer that trains and does nothing else; nothing of a run is touched."""


def run(task: Task, data: InpaintingData, make_trainer: Callable[..., Any], make_tuner: Callable[[Any], Any]) -> None:
    """Try what the run's ``tune`` says, and print the value as the setting to give.

    The run's folder stays as it was, but for the plot of ``tune=lr``.

    Args:
        task: as the run would train it.
        data: what on.
        make_trainer: the run's ``pytorch_lightning.Trainer`` of further keywords.
        make_tuner: a ``pytorch_lightning.tuner.Tuner`` of a trainer.

    Raises:
        InlayError: that cannot be tuned in this recipe or on this device, or nothing was found.
    """
    what, folder = task.settings["tune"], Path(task.settings["run_dir"])
    make_bare = partial(make_trainer, **BARE)
    check(task, make_bare())
    if what == "lr":
        _tell_rate(learning_rate.rise(task, data, make_bare, make_tuner, folder), folder / PLOT)
    else:
        _tell_size(batch_size.find(task, data, make_bare))


def check(task: Task, trainer: Any) -> None:
    """Refuse what cannot be tuned.

    Args:
        task: of the run.
        trainer: of the run.

    Raises:
        InlayError: saying why.
    """
    what = task.settings["tune"]
    if what not in ("lr", "batch_size"):
        raise InlayError(f"tune must be null, lr or batch_size, got {what}.")
    if task.settings["resume"]:
        raise InlayError(f"tune={what} starts afresh. Leave resume= out; init_from=CHECKPOINT brings weights.")
    if not task.automatic_optimization:
        raise InlayError(
            f"tune={what} is for recipes with one optimizer. Two players have no one loss that should fall, and no one "
            "step that takes the memory: begin with the values of an experiment of this recipe."
        )
    if trainer.world_size > 1:
        raise InlayError(
            f"tune={what} runs on one device: trainer.devices=1. The learning rate holds for any number of them, as "
            "data.batch_size is that of all together; a batch size is to be multiplied by their number."
        )
    if what == "batch_size" and trainer.strategy.root_device.type != "cuda":
        raise InlayError(
            "tune=batch_size looks for the end of a GPU's memory. Without a GPU there is no such end, only a machine "
            "that swaps until it stands still. Choose data.batch_size=8, say, and watch the memory."
        )


def _tell_rate(curve: learning_rate.Curve, path: Path) -> None:
    set_aside(path.parent, [path.name])
    curve.draw(path)
    rate = curve.suggestion
    if rate is None:
        raise InlayError(f"tune=lr: the loss fell nowhere by more than its noise: no rate to suggest. Look at {path}.")
    say(f"optimizer.lr={rate:.2g}\nThe loss falls fastest there; {path} shows where it rises.")


def _tell_size(fitting: int) -> None:
    if not fitting:
        raise InlayError("tune=batch_size: not even the smallest batch fits. Lower data.image_size or model.width.")
    say(f"data.batch_size={fitting}\nA tenth of what fits is left for validation and averages of weights.")
