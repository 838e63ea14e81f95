"""The folder of a run: made ready, and what an earlier run left there moved aside."""

import logging
from collections.abc import Iterable
from pathlib import Path

from inlay.checkpoints import read
from inlay.checkpoints.files import sidecar, step_files
from inlay.files import check_links, read_text, remove_leftovers, write_text
from inlay.processes import is_first_process
from inlay.text import vocabulary as words

log = logging.getLogger(__name__)

# fmt: off
ARTIFACTS = (
    "checkpoints", "faults", "grids", "profile", "tensorboard", "wandb", "mlflow", "mlflow.db",
    "config.yaml", "vocabulary.json", "metrics.csv", "val_items.csv", "bad_files.csv", "rejected_holes.csv",
    "metrics.json", "filled.png", "example.png", "example_hole.png", "example_filled.png", "result.json", "error.txt",
)
"""Files and folders that a run writes; a new run in the same folder moves them to ``earlier/N``."""
# fmt: on
_KEPT = ("earlier", "train.log", "unfinished.json", "lr_find.png", "study.db", "sweep.csv", "sweep.png")


def prepare_run_dir(
    run_dir: str, config: str, checkpoint: Path | None = None, vocabulary: list[str] | None = None
) -> None:
    """Make a run's folder ready and write its ``config.yaml``; in distributed training the first process does.

    Nothing is overwritten: what an earlier run left there moves to ``earlier/N``, and when a run is resumed, so do the
    checkpoints after the one it goes on from, and ``config.yaml`` if settings changed.

    Args:
        run_dir: the folder; made if missing.
        config: the resolved configuration as YAML.
        checkpoint: what the run goes on from; None for a new run.
        vocabulary: words to leave in ``vocabulary.json``, if any.

    Raises:
        InlayError: a link leads out of the folder.
    """
    if not is_first_process():
        return
    folder = Path(run_dir)
    check_folder(folder)
    for place in (folder, folder / "grids", folder / "faults"):
        remove_leftovers(place)
    file = folder / "config.yaml"
    if checkpoint is None or folder.resolve() not in checkpoint.resolve().parents:
        archive_existing(folder, ARTIFACTS)
    else:
        step = int(read(checkpoint)["global_step"])
        beyond = [file for at, file in step_files(folder / "checkpoints").items() if at > step]
        later = [part for file in beyond for part in (file, sidecar(file))]  # damaged, or of steps taken again
        same = file.exists() and _without_resume(read_text(file)) == _without_resume(config)
        archive_existing(folder, [str(path.relative_to(folder)) for path in later] + [file.name] * (not same))
    write_text(file, config)
    if vocabulary:
        words.write(folder / "vocabulary.json", vocabulary)


def check_folder(folder: Path) -> None:
    """Refuse links that lead out of the folder of a run or a sweep, which may have come from somebody else.

    Raises:
        InlayError: naming the link.
    """
    trials = [place.name for place in folder.iterdir() if place.name.isdecimal()] if folder.is_dir() else []
    check_links(folder, [*ARTIFACTS, *_KEPT, *trials])


def _without_resume(config: str) -> list[str]:
    """The lines of a configuration without ``resume:``, which may differ between starts of a run."""
    return [line for line in config.splitlines() if not line.startswith("resume:")]


def archive_existing(folder: Path, names: Iterable[str]) -> None:
    """Move what is there of a folder's files to its ``earlier/N``."""
    present = [name for name in names if (folder / name).exists()]
    if not present:
        return
    number = 1
    while (target := folder / "earlier" / str(number)).exists():
        number += 1
    for name in present:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).rename(target / name)
    log.warning("%s held an earlier %s; now in %s.", folder, ", ".join(present), target)
