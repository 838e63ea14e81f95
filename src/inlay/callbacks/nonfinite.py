"""Steps that were skipped because something was not finite: what it was, kept to be looked at."""

import logging
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities import move_data_to_device
from torch.distributed.tensor import DTensor

from inlay.callbacks.atomic_io import AtomicCheckpointIO
from inlay.checkpoints import META_KEY
from inlay.checkpoints.provenance import provenance
from inlay.distributed import rank_and_world
from inlay.errors import InlayError
from inlay.tasks.base import NonFiniteStep, Task
from inlay.types import Batch

log = logging.getLogger(__name__)


class NonFiniteGuard(pl.Callback):
    """Write a replay file for a batch whose step was skipped; end the run after too many in a row.

    A replay file holds the batch (pictures, masks, ids), and the weights that it has left behind: those that met it,
    but for a player whose own step was sound. ``inlay replay FILE`` computes the step again.

    Args:
        folder: where replay files go.
        stop_after: skipped steps in a row that end the run.
        keep: most replay files; they are as large as the weights.

    Raises:
        InlayError: a number is out of range.
    """

    def __init__(self, folder: str, stop_after: int = 5, keep: int = 3) -> None:
        if stop_after < 1 or keep < 1:
            raise InlayError(
                f"callbacks.faults.stop_after and callbacks.faults.keep must be >= 1, got {stop_after} and {keep}."
            )
        self.folder = Path(folder)
        self.stop_after, self.keep = stop_after, keep
        self._in_a_row = 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        fault = cast(Task, pl_module).fault
        self._in_a_row = 0 if fault is None else self._in_a_row + 1
        if fault is not None:
            note = self._keep(fault, cast(Task, pl_module), batch)
            what = ", ".join(fault.terms) or "gradient"
            log.warning("step %d was skipped: %s not finite. %s", fault.step + 1, what, note)

    def state_dict(self) -> dict[str, Any]:
        return {"in_a_row": self._in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting; a run that was ended by too many gets another chance."""
        self._in_a_row = state_dict["in_a_row"] % self.stop_after

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        # not in on_train_batch_end: between two steps the exception leaves a checkpoint
        if self._in_a_row >= self.stop_after:
            raise InlayError(
                f"{self._in_a_row} steps in a row were not finite, the last one step {trainer.global_step}; the "
                f"weights are those before them. `inlay replay FILE` ({self.folder}) shows where it begins. "
                "Usual remedies: resume=last with task.gradient_clip=1.0 or trainer.precision=32-true, or a new run "
                "with init_from= these weights and a lower optimizer.lr."
            )

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.on_train_batch_start(trainer)

    def _keep(self, fault: NonFiniteStep, task: Task, batch: Batch) -> str:
        """Write the replay file; returns a sentence for the log."""
        rank, world = rank_and_world()
        if rank and not fault.terms:
            return "Process 0 keeps the batch."  # only gradients: it came from anywhere
        state = task.state_dict()
        if any(isinstance(value, DTensor) for value in state.values()):
            return "With trainer=fsdp nothing is kept: each process has a part of the weights."
        path = self.folder / f"step_{fault.step + 1:07d}_rank{rank}.pt"
        held = set(self.folder.glob("step_*.pt"))
        if path not in held and len(held) >= self.keep:
            return f"{self.folder} holds {self.keep} replay files already."
        origin = provenance(task.settings, step=fault.step, rank=rank, world=world)
        try:
            stored = {META_KEY: origin, "state_dict": state, "batch": move_data_to_device(batch, torch.device("cpu"))}
            AtomicCheckpointIO().save_checkpoint(stored, path)
        except InlayError as error:  # no reason to end the run
            return f"Its batch could not be kept: {error}"
        return f"Look at it with: inlay replay {path}"
