"""A run's folder, and what a run says before it starts."""

import logging
import os
import warnings
from pathlib import Path

from inlay.errors import InlayError

log = logging.getLogger(__name__)

ARTIFACTS = ("checkpoints", "grids", "metrics.csv", "config.yaml", "tensorboard", "wandb")


def quiet() -> None:
    """Silence what libraries say that no user can act on."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")  # VGG, a frozen encoder norm
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")  # a resumed run's


def is_first_process() -> bool:
    """Whether this process is the one that writes: rank 0, or the only one (Lightning, torchrun and SLURM)."""
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "RANK", "SLURM_PROCID"))


def require(missing: list[str]) -> None:
    """Refuse a configuration with gaps.

    Raises:
        InlayError: naming the keys that have to be given on the command line.
    """
    if missing:
        raise InlayError(f"give {' and '.join(f'{key}=...' for key in missing)} on the command line.")


def prepare(run_dir: str, resume: str | None, config: str) -> Path | None:
    """Make a run's folder ready and write its ``config.yaml``; in distributed training the first process does.

    A fresh run in a folder that holds an earlier one moves that one to ``earlier/N``: nothing is overwritten.

    Args:
        run_dir: the folder; made if missing.
        resume: None for a fresh run, ``last``, or the path of a checkpoint.
        config: the resolved configuration as YAML.

    Returns:
        The checkpoint to go on from, if any.

    Raises:
        InlayError: the checkpoint to go on from does not exist.
    """
    folder = Path(run_dir)
    checkpoint = None if resume is None else _checkpoint(folder, resume)
    if is_first_process():
        folder.mkdir(parents=True, exist_ok=True)
        if checkpoint is None:
            _set_aside(folder)
        (folder / "config.yaml").write_text(config)
    return checkpoint


def _checkpoint(folder: Path, resume: str) -> Path:
    path = folder / "checkpoints/last.ckpt" if resume == "last" else Path(resume)
    if not path.is_file():
        raise InlayError(
            f"resume={resume}: no checkpoint at {path}. Give run_dir=... of the run, or the checkpoint's path; "
            "without resume= a fresh run starts."
        )
    return path


def _set_aside(folder: Path) -> None:
    present = [folder / name for name in ARTIFACTS if (folder / name).exists()]
    if not present:
        return
    number = 1
    while (target := folder / "earlier" / str(number)).exists():
        number += 1
    target.mkdir(parents=True)
    for path in present:
        path.rename(target / path.name)
    log.warning("%s held an earlier run; it is now in %s.", folder, target)
