"""The end of ``make demo``: how the network it trained fills photographs that it has never seen."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from rich.table import Table

from inlay.data.crops import shrink
from inlay.data.demo import HELD_OUT, photograph
from inlay.data.loader import to_batch
from inlay.files import write_text
from inlay.fillers import CheckpointFiller, Filler, MeanFill, NavierStokes, Telea
from inlay.images import contact_sheet, write_picture
from inlay.masks import Strokes
from inlay.metrics import InpaintingMetrics
from inlay.ops import erase
from inlay.printing import console
from inlay.randomness import RngStream, generator
from inlay.types import Batch

SIDE = 256
HOLES = Strokes(ratio=(0.20, 0.25))
HOLES_PER_PHOTOGRAPH = 8
SEED = 0
COLUMNS = {"hole_psnr": "psnr_hole", "hole_l1": "l1_hole", "psnr": "psnr", "ssim": "ssim"}
SHEET = "masked | filled | original"

Scores = dict[str, dict[str, float]]


class DemoReport(pl.Callback):
    """When training has ended, score the network beside classical fillers on the held-out photographs.

    Prints a table, and writes ``metrics.json`` and ``filled.png`` to the run's folder.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        network = CheckpointFiller(self.folder / "checkpoints/last.ckpt")
        fillers = {"inlay": network, "mean": MeanFill(), "telea": Telea(), "navier_stokes": NavierStokes()}
        photographs = _holed_photographs()
        scores = {name: _score(filler, photographs) for name, filler in fillers.items()}
        write_text(self.folder / "metrics.json", json.dumps(scores, indent=2) + "\n")
        sheet = self.folder / "filled.png"
        write_picture(sheet, contact_sheet([_row(network, batch) for batch in photographs[::HOLES_PER_PHOTOGRAPH]]))
        _print(scores, sheet)


def _holed_photographs() -> list[Batch]:
    """Every held-out photograph whole, at a short side of 256, with different holes, as batches of one."""
    batches = []
    for number, name in enumerate(HELD_OUT):
        image = shrink(photograph(name), SIDE)
        height, width, _ = image.shape
        for hole in range(HOLES_PER_PHOTOGRAPH):
            mask = HOLES(height, width, generator(SEED, RngStream.EVAL_MASK, epoch=hole, index=number))
            stored = {"image": torch.from_numpy(image)[None], "mask": torch.from_numpy(mask)[None], "id": [name]}
            batches.append(to_batch(stored))
    return batches


def _score(filler: Filler, batches: Sequence[Batch]) -> dict[str, float]:
    """Metrics of a filler over all batches, under the keys of :data:`COLUMNS`."""
    metrics = InpaintingMetrics(all_processes=False)  # the first process alone reports
    for batch in batches:
        metrics.update(filler.fill(batch["image"], batch["mask"]), batch["image"], batch["mask"])
    values = metrics.compute()
    return {key: float(values[name]) for key, name in COLUMNS.items()}


def _row(filler: Filler, batch: Batch) -> list[NDArray[np.float32]]:
    image, mask = batch["image"], batch["mask"]
    pictures = erase(image, mask), filler.fill(image, mask), image
    return [picture[0].permute(1, 2, 0).numpy() for picture in pictures]


def _print(scores: Scores, sheet: Path) -> None:
    table = Table(title=f"{len(HELD_OUT)} held-out photographs, {HOLES_PER_PHOTOGRAPH} holes of 20-25 % each")
    table.add_column("filler")
    for title in ("hole PSNR (dB)", "hole L1", "PSNR (dB)", "SSIM"):
        table.add_column(title, justify="right")
    for name, row in scores.items():
        table.add_row(name, *(f"{row[key]:.{2 if 'psnr' in key else 4}f}" for key in COLUMNS))
    screen = console()
    screen.print(table)
    gap = {name: scores["inlay"]["hole_psnr"] - scores[name]["hole_psnr"] for name in ("mean", "telea")}
    screen.print(f"In the hole: {gap['mean']:+.2f} dB against mean fill, {gap['telea']:+.2f} dB against Telea.")
    screen.print("Trained on pixel losses only: perceptual and style terms mean little without ImageNet weights.")
    screen.print(f"{SHEET}: {sheet}", soft_wrap=True)
