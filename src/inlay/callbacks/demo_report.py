"""The end of the demo's run."""

from pathlib import Path

import pytorch_lightning as pl

from inlay.demo import report


class DemoReport(pl.Callback):
    """When training has ended, score the network on the held-out photographs (:func:`inlay.demo.report`).

    Args:
        folder: of the run.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            report(self.folder)
