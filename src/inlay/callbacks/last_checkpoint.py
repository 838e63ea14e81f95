"""The checkpoint to go on from."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl


class LastCheckpoint(pl.callbacks.Checkpoint):
    """Keep ``last.ckpt``: after every validation, and when training ends.

    Listed behind the checkpoint of the best network, so that it holds that one's latest record.

    Args:
        folder: where it goes.
    """

    def __init__(self, folder: str) -> None:
        self.path = Path(folder) / "last.ckpt"
        self._saved_at = -1

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save, unless this was only the check before training."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the steps since the last validation."""
        self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        if trainer.global_step != self._saved_at:
            self._saved_at = trainer.global_step
            trainer.save_checkpoint(self.path, weights_only=False)  # optimizers and loops, too

    def state_dict(self) -> dict[str, Any]:
        """Nothing to remember: the file's name is fixed."""
        return {}
