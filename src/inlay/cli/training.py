"""A training run, from its configuration to the best value of its metric."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from inlay.cli.building import instantiate
from inlay.cli.settings import check, compose_config, replace_home, require
from inlay.errors import InlayError

if TYPE_CHECKING:
    from inlay.data.datamodule import InpaintingData
    from inlay.tasks.base import Task

_OWN = {
    **dict.fromkeys(("run_name", "run_dir", "monitor"), str),
    **dict.fromkeys(("seed", "iterations", "validate_every", "checkpoint_every"), int),
    **dict.fromkeys(("resume", "text_from", "init_from", "teacher", "monitor_mode"), str | None),
    "run_id": str | int | None,
}


def train(cfg: DictConfig) -> float | None:
    """Run a training: set up, build, fit, finish.

    Returns:
        The best value of the monitored metric, if it was measured.
    """
    from inlay.runs.folder import prepare_run_dir

    checkpoint = set_up(cfg)
    given = OmegaConf.to_container(cfg, resolve=True)  # without the vocabulary, which checkpoints hold
    task, data, vocabulary = build(cfg, checkpoint)
    trainer = build_trainer(cfg, task, data)
    with _interruptible(trainer):
        prepare_run_dir(cfg.run_dir, OmegaConf.to_yaml(given), checkpoint, vocabulary)
        for logger in trainer.loggers:
            logger.log_hyperparams(given)
        trainer.fit(task, data, ckpt_path=checkpoint, weights_only=True)
    score = trainer.checkpoint_callback.best_model_score
    return None if score is None else float(score)


def set_up(cfg: DictConfig) -> Path | None:
    """Complete the settings of a run and refuse those that cannot work, before anything is built.

    Returns:
        The checkpoint to resume from; None for a new run.

    Raises:
        InlayError: naming the setting.
    """
    from inlay.checkpoints.files import resolved
    from inlay.runs import checks, resume  # heavy imports wait until Hydra has answered --help
    from inlay.runs.library_warnings import silence_warnings

    silence_warnings()
    replace_home(cfg)
    require(sorted(OmegaConf.missing_keys(cfg)))
    check_run(cfg)
    checks.check_used(cfg)
    if cfg.teacher is not None and Path(cfg.teacher).exists():
        cfg.teacher = str(resolved(Path(cfg.teacher)).resolve())  # best.ckpt, which a training may move on meanwhile
    checks.check_teacher(cfg)
    checkpoint = resume.find(cfg.run_dir, cfg.resume)
    cfg.run_id = resume.resolve_run_id(cfg.run_id, checkpoint)
    if "preflight" in cfg.callbacks and cfg.callbacks.preflight.reference_lr is None:
        cfg.callbacks.preflight.reference_lr = _recipe_lr()
    return checkpoint


def build(cfg: DictConfig, checkpoint: Path | None = None) -> tuple["Task", "InpaintingData", list[str] | None]:
    """Build task and data, with the weights that a new run starts from, and the words of an encoder of our own.

    Args:
        cfg: of the run; gets those words, which checkpoints carry.
        checkpoint: what the run is resumed from, if it is.

    Raises:
        InlayError: a setting does not work.
    """
    import pytorch_lightning as pl

    from inlay.runs import resume
    from inlay.runs.start import init_weights, resolve_vocabulary

    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    data = instantiate(cfg.data)
    if vocabulary := resolve_vocabulary(cfg, data, checkpoint):
        cfg.text.vocabulary = vocabulary
    task = build_task(cfg)
    if checkpoint:
        found = {split: len(data.pictures(split)) for split in ("train", "val")}
        resume.report(checkpoint, OmegaConf.to_container(cfg, resolve=True), found)
    else:
        init_weights(task, cfg.init_from, cfg.text_from)
    task.configure_optimizers()  # refuses wrong numbers now, while nothing is written yet
    data.tokenizers = task.tokenizers()
    return task, data, vocabulary


def build_task(cfg: DictConfig) -> Any:
    """Build the task with all its parts; their weights are drawn in this order."""
    from inlay.checkpoints.groups import ARGUMENTS, PARTS, check_rebuildable, without_copies

    config = without_copies(OmegaConf.to_container(cfg, resolve=True))  # type: ignore[arg-type]
    make_task = instantiate(cfg.task)  # what is built of its settings draws first
    task = make_task(config=config, **{argument: instantiate(cfg[group]) for group, argument in ARGUMENTS.items()})
    for group in PARTS:
        check_rebuildable(config.get(group), group)
    return task


def trainer_factory(cfg: DictConfig) -> Any:
    """Lightning's trainer as configured, to be called with further keywords."""
    from inlay import precision

    return instantiate(cfg.trainer, precision=precision.resolve(cfg.trainer.precision, cfg.trainer.accelerator))


def build_trainer(cfg: DictConfig, task: "Task", data: "InpaintingData") -> Any:
    """Build the trainer with its callbacks and loggers.

    Raises:
        InlayError: this machine has no such device, or the batch cannot be shared out.
    """
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    from inlay.tasks.optimization import check_parts

    make = trainer_factory(cfg)
    beside = {name: list(instantiate(cfg[name]).values()) for name in ("callbacks", "logger")}
    try:
        trainer = make(**beside, val_check_interval=min(cfg.validate_every, cfg.iterations))
    except (MisconfigurationException, TypeError, ValueError) as error:  # no such accelerator, too many devices, ...
        raise InlayError(
            f"the trainer cannot be had here: {error} Choose another: trainer=cpu works anywhere."
        ) from error
    check_parts(data.share(trainer.world_size), task.accumulate)
    return trainer


@contextmanager
def _interruptible(trainer: Any) -> Iterator[None]:
    """Stop at the edge of a step when a signal asks for it, and explain which process failed when one does."""
    from inlay.callbacks import Preemption
    from inlay.distributed import explain_collective_errors

    preemption = next((one for one in trainer.callbacks if isinstance(one, Preemption)), None)
    with preemption.listening() if preemption else nullcontext(), explain_collective_errors(trainer.strategy):
        yield


def check_run(cfg: DictConfig) -> None:
    """Refuse what can be known to be wrong before anything is built.

    Raises:
        InlayError: a setting has a wrong type or is out of range, or nothing reads it, or ``monitor`` is unknown.
    """
    from inlay.runs import checks

    checked = cfg.copy()
    if isinstance(OmegaConf.select(checked, "text.vocabulary"), str):  # a file, whose words the encoder is built with
        checked.text.vocabulary = []
    check(checked, "train", _OWN)
    checks.check_numbers(cfg)
    higher_is_better(cfg)


def higher_is_better(cfg: DictConfig) -> bool:
    """Whether higher values of the monitored metric are better.

    Raises:
        InlayError: the recipe measures no metric of this name.
    """
    from inlay.tasks import base

    metrics = OmegaConf.select(cfg, "task.metrics._target_")
    return base.higher_is_better(
        cfg.monitor, get_class(cfg.task._target_), get_class(metrics) if metrics else None, cfg.monitor_mode
    )


def _recipe_lr() -> float | None:
    """The learning rate of the recipe: that of the command line without its settings of the optimizer."""
    if not HydraConfig.initialized():
        return None
    kept = [word for word in HydraConfig.get().overrides.task if not word.lstrip("+").startswith("optimizer.")]
    return float(compose_config(kept).optimizer.lr)
