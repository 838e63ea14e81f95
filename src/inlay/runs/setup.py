"""A run's folder, and what a run says before it starts."""

import logging
import re
import uuid
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from torch import nn

from inlay.checkpoints import META_KEY, load_matching_weights, load_text, read, settings, weights
from inlay.checkpoints.files import sidecar, step_files
from inlay.data.datamodule import InpaintingData
from inlay.errors import InlayError
from inlay.files import check_links, read_text, remove_leftovers, write_text
from inlay.printing import say
from inlay.processes import is_first_process
from inlay.seeds import check_seed
from inlay.text import vocabulary as words

log = logging.getLogger(__name__)

ARTIFACTS = (
    "checkpoints",
    "faults",
    "grids",
    "metrics.csv",
    "bad_files.csv",
    "rejected_holes.csv",
    "config.yaml",
    "vocabulary.json",
    "tensorboard",
    "wandb",
    "metrics.json",
    "filled.png",
    "example.png",
    "example_hole.png",
    "example_filled.png",
    "val_items.csv",
    "result.json",
    "error.txt",
    "mlflow.db",
    "profile",
    "mlflow",
)
_BESIDE = ("earlier", "train.log", "unfinished.json", "lr_find.png", "study.db", "sweep.csv", "sweep.png")


def quiet() -> None:
    """Silence what libraries say that no user can act on."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("pytorch_lightning.profilers").setLevel(logging.INFO)  # the table of trainer=profiler
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")  # VGG, a frozen encoder norm
    warnings.filterwarnings("ignore", message=r"It is recommended to use `self.log\('val/")  # torchmetrics has reduced
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")  # a resumed run's


def check_numbers(config: Mapping[str, Any]) -> None:
    """Refuse a seed out of range, and lengths below one iteration.

    Args:
        config: of the run.

    Raises:
        InlayError: naming the setting.
    """
    check_seed(config["seed"])
    counts = {key: config[key] for key in ("iterations", "validate_every", "checkpoint_every")}
    counts["trainer.log_every_n_steps"] = config["trainer"]["log_every_n_steps"]
    for key, count in counts.items():
        if count < 1:
            raise InlayError(f"{key} must be at least 1, got {count}.")


def check_used(config: Mapping[str, Any]) -> None:
    """Refuse parts that the recipe has no use for: they would do nothing, unsaid.

    Args:
        config: of the run; what a recipe uses of these groups stands in its ``task``, too.

    Raises:
        InlayError: naming the group.
    """
    for group in ("text", "discriminator", "matcher"):
        if config.get(group) is not None and group not in config["task"]:
            raise InlayError(
                f"{group}= does nothing in this recipe. Leave it out, or choose one that uses it: task=text_guided."
            )


def check_sweep(devices: int | str, launcher: str = "") -> None:
    """Refuse a sweep over several devices: Lightning starts the script once a device, and each would run the sweep.

    Args:
        devices: of a trial.
        launcher: what starts trials; submitit gives each its own processes, as many as wanted.

    Raises:
        InlayError: ``devices`` is not 1.
    """
    if "submitit" in launcher:
        if str(devices) in ("-1", "auto"):
            raise InlayError(f"trainer.devices={devices}: a job has to ask for a number. Give trainer.devices=8, say.")
    elif str(devices) != "1":
        raise InlayError(
            f"-m with trainer.devices={devices}: every process would run the whole sweep. "
            "Sweep with trainer.devices=1, or start each trial as a run of its own."
        )


def identity(given: str | None, checkpoint: Path | None) -> str:
    """What a run is called where names must be unique (dashboards): given, the resumed run's own, or made up.

    Raises:
        InlayError: the checkpoint's is none: dashboards make names of files and questions of it.
    """
    if given:
        return given
    known = read(checkpoint)[META_KEY]["config"].get("run_id") if checkpoint else None
    if known and not re.fullmatch(r"\w[\w. -]{0,127}", str(known)):
        raise InlayError(f"resume: {checkpoint} calls its run {known!r}. Give it another name: run_id=NAME.")
    return str(known or uuid.uuid4().hex[:8])


def vocabulary(config: Mapping[str, Any], data: InpaintingData, resume: Path | None) -> list[str] | None:
    """The words of a run's text encoder: those of the checkpoint it goes on from, else of a file, else of the data.

    Args:
        config: of the run; ``text.vocabulary`` is a path, or says how to make one from the training captions.
        data: of the run.
        resume: the checkpoint to go on from.

    Returns:
        None where no encoder with a vocabulary of its own is configured.

    Raises:
        InlayError: words were asked of something that has none, or a frozen encoder has no weights to keep.
    """
    text = config.get("text") or {}
    if config["text_from"] and not text:
        raise InlayError(
            "text_from=CHECKPOINT needs a text encoder to bring to. Choose the checkpoint's: text=lstm, say."
        )
    if "vocabulary" not in text:
        return None
    if text["frozen"] and not (resume or config["text_from"]):
        raise InlayError("text.frozen=true keeps the weights of text_from=CHECKPOINT, which is not given.")
    if config["text_from"] and isinstance(text["vocabulary"], str):
        raise InlayError("text_from=CHECKPOINT brings its own words. Leave text.vocabulary=FILE out.")
    if source := resume or config["text_from"]:
        return words.checked(settings(source, read(source), "text").get("vocabulary"), f"{source}: its vocabulary")
    wanted = text["vocabulary"]
    if isinstance(wanted, str):
        return words.read(wanted)
    data.prepare_data()
    return words.build(data.captions(), **wanted)


def start_from(task: nn.Module, init_from: str | None, text_from: str | None) -> None:
    """Give a fresh run weights to start from, and print what became of each of the network's.

    Raises:
        InlayError: a checkpoint cannot be used, or the run reads no text.
    """
    if init_from:
        say(f"init_from={init_from}\n{load_matching_weights(init_from, cast(nn.Module, task.net))}")
        discriminators = getattr(task, "discriminators", None)
        if discriminators is not None and weights(read(init_from), "discriminators"):
            say(f"discriminators\n{load_matching_weights(init_from, discriminators, 'discriminators')}")
    if text_from:
        text = getattr(task, "text", None)
        if text is None:
            raise InlayError("text_from=CHECKPOINT is for recipes that read: task=text_guided or task=matching.")
        load_text(text_from, text)


def open_folder(run_dir: str, config: str, checkpoint: Path | None = None, vocabulary: list[str] | None = None) -> None:
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
        OSError: the disk refuses.
    """
    if not is_first_process():
        return
    folder = Path(run_dir)
    check_folder(folder)
    for place in (folder, folder / "grids", folder / "faults"):
        remove_leftovers(place)
    file = folder / "config.yaml"
    if checkpoint is None or folder.resolve() not in checkpoint.resolve().parents:
        set_aside(folder, ARTIFACTS)
    else:
        later = _later(folder / "checkpoints", checkpoint)
        changed = [file.name] if file.exists() and _settings(read_text(file)) != _settings(config) else []
        set_aside(folder, [str(path.relative_to(folder)) for path in later] + changed)
    write_text(file, config)
    if vocabulary:
        words.write(folder / "vocabulary.json", vocabulary)


def check_folder(folder: Path) -> None:
    """Refuse links that lead out of the folder of a run or a sweep, which may have come from somebody else.

    Raises:
        InlayError: naming the link.
    """
    trials = [place.name for place in folder.iterdir() if place.name.isdecimal()] if folder.is_dir() else []
    check_links(folder, [*ARTIFACTS, *_BESIDE, *trials])


def _settings(config: str) -> list[str]:
    """The lines of a configuration but for the one that says how a run begins."""
    return [line for line in config.splitlines() if not line.startswith("resume:")]


def _later(folder: Path, checkpoint: Path) -> list[Path]:
    """Checkpoints, and their sums, after the one that a run goes on from: damaged ones, or of steps it takes again."""
    step = int(read(checkpoint)["global_step"])
    return [file for at, path in step_files(folder).items() if at > step for file in (path, sidecar(path))]


def set_aside(folder: Path, names: Iterable[str]) -> None:
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
