"""The end of a run: what came of it, where it lies, and what to do next."""

import csv
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
import torch
from rich.table import Table
from torch.utils.data import Subset

from inlay.buckets import ALL, NAMES
from inlay.callbacks.checkpoints import Checkpoints
from inlay.data.loader import SampleLoader, to_batch
from inlay.errors import InlayError
from inlay.fillers import Telea
from inlay.images import Picture, write_picture
from inlay.metrics import InpaintingMetrics
from inlay.printing import console
from inlay.shell import listed, setting
from inlay.tasks import InpaintingTask
from inlay.tasks.base import Task

PICTURE, HOLE = "example.png", "example_hole.png"
_USUAL = "psnr_hole"
_MEBI = 2**20

Row = Mapping[str, str]


class Summary(pl.Callback):
    """When a run ends, print its best and last metric by hole ratio beside Telea's, its checkpoints, and what is next.

    Args:
        folder: of the run; ``example.png`` and ``example_hole.png`` go there, a validation picture and its hole.
        telea: most validation pictures that Telea fills, once, for comparison; 0 leaves it out.
        by_hole_ratio: whether to print the table; not where another callback has one of its own.

    Raises:
        InlayError: ``telea`` is negative.
    """

    def __init__(self, folder: str, telea: int = 100, by_hole_ratio: bool = True) -> None:
        if telea < 0:
            raise InlayError(f"callbacks.summary.telea must be at least 0, got {telea}.")
        self.folder, self.telea, self.by_hole_ratio = Path(folder), telea, by_hole_ratio
        self._begun = time.monotonic()
        self._from = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._begun, self._from = time.monotonic(), trainer.global_step

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        seconds, task = time.monotonic() - self._begun, cast(Task, pl_module)
        kept = next((each for each in trainer.callbacks if isinstance(each, Checkpoints)), None)  # type: ignore[attr-defined]
        if kept is None:
            return
        screen, measured = console(), _validation_rows(self.folder / "metrics.csv", kept.monitor)
        screen.print()
        if measured:
            pick = max if task.higher_is_better(kept.monitor) else min
            best = pick(measured, key=lambda row: float(row[kept.monitor]))
            shown = self._table if self.by_hole_ratio and isinstance(task, InpaintingTask) else _sentence
            for part in shown(trainer, kept.monitor, best, measured[-1]):
                screen.print(part, soft_wrap=isinstance(part, str))
        for line in (*self._places(trainer.global_step, seconds), *self._next(trainer, task)):
            screen.print(line, soft_wrap=True)

    def _table(self, trainer: pl.Trainer, monitor: str, best: Row, last: Row) -> Iterator[Table | str]:
        metric = monitor.removeprefix("val/").split("/")[0]
        if metric not in {score.name for score in InpaintingMetrics.scores}:
            yield from _sentence(trainer, monitor, best, last)
            metric = _USUAL
        few, all_of_them = _samples(trainer, self.telea), len(_samples(trainer)) * trainer.world_size
        classical = _telea(few)
        better = next(score.better for score in InpaintingMetrics.scores if score.name == metric)
        yield f"val/{metric} by hole ratio (holes in percent of the picture), {better} is better"
        table = Table()
        columns = "holes", "pictures", f"best\nafter {_step(best)}", f"last\nafter {_step(last)}"
        for heading in (*columns, *(["Telea"] if few else [])):
            table.add_column(heading, justify="right")
        for bucket in (*NAMES, ALL):
            name = metric if bucket == ALL else f"{metric}/{bucket}"
            cells = [_number(row.get(f"val/{name}", "")) for row in (best, last)]
            if any(cells):
                pictures = str(all_of_them) if bucket == ALL else _number(last.get(f"val/pictures/{bucket}", ""), ".0f")
                table.add_row(bucket, pictures, *cells, *([_number(classical.get(name, ""))] if few else []))
        yield table
        if few:
            yield f"Telea, a classical filler, filled {len(few):,} of the {all_of_them:,} validation pictures."

    def _places(self, steps: int, seconds: float) -> Iterator[str]:
        done = steps - self._from
        speed = f", {seconds / done:.3g} s each, validation included" if done else ""
        yield f"{steps:,} iterations; {done:,} of them now, in {timedelta(seconds=round(seconds))}{speed}"
        checkpoints = self.folder / "checkpoints"
        files = [path for path in checkpoints.glob("step_*.ckpt") if not path.is_symlink()]
        each = max((path.stat().st_size for path in files), default=0)
        yield f"{checkpoints}: best.ckpt, last.ckpt; {len(files)} files of {each / _MEBI:,.1f} MiB"

    def _next(self, trainer: pl.Trainer, task: Task) -> Iterator[str]:
        if not isinstance(task, InpaintingTask):
            return
        best = self.folder / "checkpoints/best.ckpt"
        model = str(best if best.exists() else best.with_name("last.ckpt"))
        picture, hole = self._example(trainer)
        filled, exported, to = (str(self.folder / name) for name in ("example_filled.png", "exported", "evaluation"))
        yield "Next:"
        inlay = _command()
        yield shlex.join([*inlay, "predict", "--image", picture, "--mask", hole, "--model", model, "--output", filled])
        protocol = "protocol=pconv_buckets_v2"
        data = _dataset(task.settings.get("data") or {})
        where = " ".join([listed("fillers", [f"model:{model}", "telea"]), setting("run_dir", to)])
        yield f"{shlex.join([*inlay, 'evaluate'])} {protocol} {data} {where}"
        yield shlex.join([*inlay, "export", model, "--to", exported])

    def _example(self, trainer: pl.Trainer) -> tuple[str, str]:
        """A validation picture and its hole, as files."""
        paths = self.folder / PICTURE, self.folder / HOLE
        for sample in _samples(trainer, 1):
            write_picture(paths[0], Picture(np.asarray(sample["image"])))
            write_picture(paths[1], Picture(np.asarray(sample["mask"])[..., None].astype(np.uint8) * 255))
        return str(paths[0]), str(paths[1])


def _samples(trainer: pl.Trainer, limit: int | None = None) -> Sequence[Any]:
    """The first validation samples of this process, in the order that they are measured in."""
    loader = trainer.val_dataloaders
    if not isinstance(loader, SampleLoader):
        return []
    return cast(Sequence[Any], Subset(loader.dataset, list(cast(Any, loader.sampler))[:limit]))


def _validation_rows(path: Path, monitor: str) -> list[Row]:
    """The rows of the run's metrics that a validation wrote, those of earlier starts too."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row.get(monitor) not in (None, "", "nan")]


def _telea(samples: Sequence[Any]) -> dict[str, str]:
    """The metrics of Telea by name; none of no samples, and none where samples are not pictures under a hole."""
    if not samples or "mask" not in samples[0] or "target" in samples[0]:
        return {}
    metrics, filler = InpaintingMetrics(all_processes=False), Telea()
    for sample in samples:
        stored = {"image": torch.as_tensor(sample["image"])[None], "mask": torch.as_tensor(sample["mask"])[None]}
        batch = to_batch(stored | {"id": [sample["id"]]})
        metrics.update(filler.fill(batch["image"], batch["mask"]), batch["image"], batch["mask"])
    return {name: str(float(value)) for name, value in metrics.compute().items()}


def _sentence(trainer: pl.Trainer, monitor: str, best: Row, last: Row) -> Iterator[str]:
    yield (
        f"{monitor}: best {_number(best[monitor])} after {_step(best)} iterations, "
        f"last {_number(last[monitor])} after {_step(last)}"
    )


def _step(row: Row) -> str:
    return f"{int(row['step']) + 1:,}"  # Lightning counts rows from 0


def _number(value: str, how: str = ".4g") -> str:
    return format(float(value), how) if value else ""


def _dataset(data: Mapping[str, Any]) -> str:
    """The run's pictures as settings of an evaluation; a placeholder where it cannot read them."""
    if str(data.get("_target_")).endswith(".DemoData"):
        return "data=demo"
    if not data.get("root"):
        return "data.root=PICTURES"
    listing = str((data.get("listing") or {}).get("_target_", ".index")).rpartition(".")[2].lower()
    given = {"data.index": data.get("index"), "data.val_split": data.get("val_split")}
    usual = {"val", None}
    more = [setting(key, str(value)) for key, value in given.items() if value not in usual]
    return " ".join([f"data={listing}", setting("data.root", str(data["root"])), *more])


def _command() -> list[str]:
    """``inlay``, as this shell finds it."""
    script, found = Path(sys.executable).with_name("inlay"), shutil.which("inlay")
    if not script.exists():
        return [_near(sys.executable), "-m", "inlay"]
    return ["inlay" if found and Path(found).resolve() == script.resolve() else _near(str(script))]


def _near(path: str) -> str:
    """Relative to the working folder where that is shorter."""
    return min(path, os.path.relpath(path), key=len)
