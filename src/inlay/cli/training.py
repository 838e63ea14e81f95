"""A run of training, from its configuration to its end."""

from contextlib import nullcontext
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError

from inlay.cli.building import instantiate
from inlay.cli.settings import check, composed, replace_home, require
from inlay.errors import InlayError, one_line

_OWN = {
    **dict.fromkeys(("run_name", "run_dir", "monitor"), str),
    **dict.fromkeys(("seed", "iterations", "validate_every", "checkpoint_every"), int),
    **dict.fromkeys(("resume", "tune", "replay", "text_from", "init_from"), str | None),
    "run_id": str | int | None,
}


def train(cfg: DictConfig) -> float | None:
    """Build every part from its group of the configuration and run it."""
    import pytorch_lightning as pl  # heavy imports wait until Hydra has answered --help
    from lightning_fabric.utilities.exceptions import MisconfigurationException
    from pytorch_lightning.tuner.tuning import Tuner

    from inlay import distributed, precision, tuning
    from inlay.callbacks import Preemption
    from inlay.runs import replay, resume, setup
    from inlay.tasks.optimization import check_parts

    setup.quiet()
    replace_home(cfg)
    if cfg.replay:
        replay.run(cfg.replay, _replayed(cfg.replay))
        return None
    require(sorted(OmegaConf.missing_keys(cfg)))
    check_run(cfg)
    setup.check_used(cfg)
    checkpoint = resume.find(cfg.run_dir, cfg.resume)
    cfg.run_id = setup.identity(cfg.run_id, checkpoint)
    if "preflight" in cfg.callbacks and cfg.callbacks.preflight.reference_lr is None:
        cfg.callbacks.preflight.reference_lr = recipe_rate()
    given = OmegaConf.to_container(cfg, resolve=True)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    data = instantiate(cfg.data)
    if words := setup.vocabulary(cfg, data, checkpoint):
        cfg.text.vocabulary = words  # part of the configuration that checkpoints carry
    task = build(cfg)
    if checkpoint:
        found = {split: len(data.pictures(split)) for split in ("train", "val")}
        resume.report(checkpoint, OmegaConf.to_container(cfg, resolve=True), found)
    else:
        setup.start_from(task, cfg.init_from, cfg.text_from)
    task.configure_optimizers()  # refuses numbers that they do not take, while nothing is written yet
    data.tokenizers = task.tokenizers()
    make_trainer = instantiate(cfg.trainer, precision=precision.resolve(cfg.trainer.precision, cfg.trainer.accelerator))
    if cfg.tune:
        tuning.run(task, data, make_trainer, Tuner)
        return None
    beside = {name: list(instantiate(cfg[name]).values()) for name in ("callbacks", "logger")}
    try:
        trainer = make_trainer(**beside, val_check_interval=min(cfg.validate_every, cfg.iterations))
    except (MisconfigurationException, TypeError, ValueError) as error:  # no such accelerator, so many devices, ...
        raise InlayError(
            f"the trainer cannot be had here: {error} Choose another: trainer=cpu works anywhere."
        ) from error
    check_parts(data.share(trainer.world_size), task.accumulate)
    preemption = next((one for one in trainer.callbacks if isinstance(one, Preemption)), None)
    with preemption.listening() if preemption else nullcontext(), distributed.told_why(trainer.strategy):
        setup.open_folder(cfg.run_dir, OmegaConf.to_yaml(given), checkpoint, words)
        for logger in trainer.loggers:
            logger.log_hyperparams(given)
        trainer.fit(task, data, ckpt_path=checkpoint, weights_only=True)
    return float(score) if (score := trainer.checkpoint_callback.best_model_score) is not None else None


def _replayed(path: str) -> Any:
    """The task that a replay file describes."""
    from inlay.pretrained import transformers
    from inlay.runs import replay

    config = OmegaConf.create(replay.config(path))
    try:
        # a file's word is no reason to download, nor to fill the memory
        with transformers.local_only(), replay.bounded(path):
            return build(config)
    except (InstantiationException, ConfigKeyError, ConfigAttributeError) as error:
        cause = error.__cause__
        if isinstance(cause, InlayError):
            raise
        told = one_line(cause if isinstance(cause, Exception) else error)
        raise InlayError(f"replay={path}: its settings make no task ({told}). Make it again.") from error


def build(cfg: DictConfig) -> Any:
    """The task, with all its parts; their weights are drawn in this order."""
    config = OmegaConf.to_container(cfg, resolve=True)
    parts = {"net": "model", "loss": "loss", "optimizer": "optimizer", "scheduler": "scheduler"}
    return instantiate(cfg.task)(config=config, **{name: instantiate(cfg[group]) for name, group in parts.items()})


def check_run(cfg: DictConfig) -> None:
    """Refuse what can be known to be wrong before anything is built.

    Raises:
        InlayError: a setting has a wrong type or is out of range, or nothing reads it, or ``monitor`` is unknown.
    """
    from inlay.runs import setup

    checked = cfg.copy()
    if isinstance(OmegaConf.select(checked, "text.vocabulary"), str):  # a file, whose words the encoder is built with
        checked.text.vocabulary = []
    check(checked, "train", _OWN)
    setup.check_numbers(cfg)
    higher_is_better(cfg)


def higher_is_better(cfg: DictConfig) -> bool:
    """Which way the monitored metric is better.

    Raises:
        InlayError: the recipe measures none of this name.
    """
    task: Any = get_class(cfg.task._target_)
    return bool(task.higher_is_better(cfg.monitor))


def recipe_rate() -> float | None:
    """The learning rate of the recipe: what it would be without the command line's word on the optimizer's numbers."""
    if not HydraConfig.initialized():
        return None
    kept = [word for word in HydraConfig.get().overrides.task if not word.lstrip("+").startswith("optimizer.")]
    return float(composed(kept).optimizer.lr)
