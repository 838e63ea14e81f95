"""Which checkpoints a run keeps, and when it writes them."""

import logging
import math
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl

from inlay.callbacks.atomic_io import remove_leftovers
from inlay.checkpoints.files import sidecar, step_file, step_files
from inlay.errors import InlayError, Preempted, disk_refused
from inlay.files import replace_link, write_text
from inlay.tasks.base import Task

log = logging.getLogger(__name__)


class Checkpoints(pl.callbacks.Checkpoint):
    """Keep the last two checkpoints, the best ones, and one of an exception.

    A checkpoint is ``step_0000600.ckpt``, written once and never again; ``last.ckpt`` and ``best.ckpt`` are links. It
    is written when a run begins, every ``every`` iterations, after each validation, and when the run ends or is
    preempted; always between two steps. An exception leaves ``exception.ckpt``, if it did not strike within the turn
    of an optimizer.

    Args:
        folder: where they go.
        monitor: the metric of validation to rank checkpoints by; the task knows whether higher is better.
        every: iterations between checkpoints.
        keep: how many of the best ones.
        patience: iterations without a better one that end the run; None goes on.

    Raises:
        InlayError: a number is out of range.
    """

    def __init__(self, folder: str, monitor: str, every: int, keep: int = 1, patience: int | None = None) -> None:
        if every < 1 or keep < 1:
            raise InlayError(f"checkpoint_every and callbacks.checkpoints.keep must be >= 1, got {every} and {keep}.")
        if patience is not None and patience < 1:
            raise InlayError(f"callbacks.checkpoints.patience must be null or at least 1, got {patience}.")
        self.folder = Path(folder)
        self.monitor, self.every, self.keep, self.patience = monitor, every, keep, patience
        self.best_model_path = ""
        """The best checkpoint; empty where there is none yet."""
        self._scores: dict[int, float] = {}
        self._of = monitor
        self._sign = 1
        self._saved = -1
        self._training = self._validating = self._saving = False

    @property
    def best_model_score(self) -> float | None:
        """The best value of the metric so far."""
        best = self._best()
        return None if best is None else best[1]

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._sign = 1 if cast(Task, pl_module).higher_is_better(self.monitor) else -1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the first checkpoint: a run that cannot write fails at once, and one can be resumed from its start."""
        self._training = True
        self._scores = {step: score for step, score in self._scores.items() if step_file(self.folder, step).exists()}
        if trainer.global_step or not _is_sharded(trainer):  # where PyTorch counts saving as Adam's first step
            self._save_if_missing(trainer)
        self._saved = trainer.global_step
        self._tidy(trainer)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Between two steps, when what the earlier one logged is on the disk."""
        if trainer.global_step % self.every == 0:
            self._save(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A checkpoint that is written before the end will say that validation is due."""
        self._validating = True

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._validating = False
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._take_score(trainer)
            self._save(trainer)
            self._stop_without_progress(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._save(trainer)
        self._training = False

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A run that was killed at its very end has nothing to train when it is resumed, but may have to tidy up."""
        self._save_if_missing(trainer)
        self._saved = trainer.global_step
        self._tidy(trainer)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        task = cast(Task, pl_module)
        if not self._training or self._saving:
            return
        if not task.at_edge:
            log.warning("step %d was half done: nothing saved, go on with resume=last.", trainer.global_step)
            return
        if self._validating and trainer.global_step >= trainer.max_steps:  # nothing to train would be left to resume
            log.warning("the last validation was interrupted: resume=last repeats the steps since the last checkpoint.")
            return
        task.roll_back()
        if disk_refused(exception):  # what lies behind the last checkpoint is not whole: a row of metrics.csv, say
            log.warning("stopped after %d iterations; make room, then go on with resume=last.", trainer.global_step)
        elif isinstance(exception, Preempted | KeyboardInterrupt):
            self._save(trainer)
            log.warning("stopped after %d iterations; go on with resume=last.", trainer.global_step)
        elif trainer.is_global_zero and not _is_sharded(trainer):
            path = self.folder / "exception.ckpt"
            # without the barrier of Trainer.save_checkpoint: the others may be gone
            trainer.strategy.save_checkpoint(trainer._checkpoint_connector.dump_checkpoint(False), path)
            log.warning("stopped after %d iterations; go on with resume=%s.", trainer.global_step, path)

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: Any) -> None:
        """Set the loops' counters to the number of whole steps, and to whether validation is due.

        Lightning's own counters depend on the hook that a checkpoint is written in.
        """
        steps = trainer.global_step
        loops = checkpoint["loops"]["fit_loop"]
        done = {"ready": steps, "started": steps, "processed": steps, "completed": steps}
        loops["epoch_loop.batch_progress"] |= {"total": done, "current": dict(done), "is_last_batch": False}
        if self._validating:  # begun and not finished: Lightning goes back to it
            nothing = {"ready": 0, "started": 0, "processed": 0, "completed": 0}
            begun = nothing | {"ready": 1, "started": 1}
            loops["epoch_loop.val_loop.batch_progress"] |= {"total": begun, "current": nothing, "is_last_batch": False}

    def state_dict(self) -> dict[str, Any]:
        return {"scores": self._scores, "monitor": self._of}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there; what was best in another metric is kept until this one is measured."""
        self._scores, self._of = state_dict["scores"], state_dict.get("monitor", self.monitor)

    def _take_score(self, trainer: pl.Trainer) -> None:
        if self.monitor not in trainer.callback_metrics:
            known = ", ".join(sorted(name for name in trainer.callback_metrics if name.startswith("val/")))
            raise InlayError(f"monitor={self.monitor} is not measured. Choose one of: {known}.")
        score = float(trainer.callback_metrics[self.monitor])
        if not math.isfinite(score):
            log.warning("%s is %s: no candidate for best.", self.monitor, score)
            return
        earlier, self._of = self._scores if self._of == self.monitor else {}, self.monitor
        self._scores = dict(self._ranked({**earlier, trainer.global_step: score})[: self.keep])

    def _ranked(self, scores: dict[int, float]) -> list[tuple[int, float]]:
        """The best first; of equals the earlier."""
        return sorted(scores.items(), key=lambda item: (-self._sign * item[1], item[0]))

    def _best(self) -> tuple[int, float] | None:
        return next(iter(self._ranked(self._scores)), None) if self._of == self.monitor else None

    def _stop_without_progress(self, trainer: pl.Trainer) -> None:
        best = self._best()
        if self.patience is None or best is None or trainer.global_step - best[0] < self.patience:
            return
        trainer.should_stop = True
        log.warning(
            "%s has not become better than %.5g for %d iterations: the run ends here (callbacks.checkpoints.patience).",
            self.monitor, best[1], trainer.global_step - best[0],
        )  # fmt: skip

    def _save(self, trainer: pl.Trainer) -> None:
        if trainer.global_step == self._saved:
            return
        self._saved, self._saving = trainer.global_step, True
        path = step_file(self.folder, trainer.global_step)
        trainer.save_checkpoint(path, weights_only=False)  # optimizers and loops, too
        self._tidy(trainer)
        self._saving = False

    def _save_if_missing(self, trainer: pl.Trainer) -> None:
        """A run that goes on in another folder has its checkpoint there, too."""
        if not trainer.strategy.broadcast(step_file(self.folder, trainer.global_step).exists()):
            self._save(trainer)

    def _tidy(self, trainer: pl.Trainer) -> None:
        """Let links and files be what they should be, whenever the run was killed."""
        if not trainer.is_global_zero:
            return
        if (last := step_file(self.folder, self._saved)).exists():
            _point(self.folder / "last.ckpt", last)
        if best := self._best():
            self.best_model_path = str(step_file(self.folder, best[0]))
            _point(self.folder / "best.ckpt", Path(self.best_model_path))
        files = step_files(self.folder)
        for step in sorted(files)[:-2]:
            if step not in self._scores:
                trainer.strategy.remove_checkpoint(files[step])
        remove_leftovers(self.folder)


def _point(link: Path, target: Path) -> None:
    """Let a name stand for a file and its sum, from one moment to the next."""
    for name, file in ((sidecar(link), sidecar(target)), (link, target)):
        try:
            replace_link(name, file.name)
        except OSError:
            write_text(name, f"{target.name}\n" if name == link else file.read_text())


def _is_sharded(trainer: pl.Trainer) -> bool:
    """Whether to write a checkpoint takes all processes."""
    return isinstance(trainer.strategy, pl.strategies.ModelParallelStrategy)
