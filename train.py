"""Train a network: ``python train.py experiment=NAME key=value ...`` (``--help`` lists the choices)."""

from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Train as configured; return the best value of the monitored metric (what a sweep maximizes)."""
    from inlay import runs
    from inlay.cli import trials
    from inlay.errors import reported

    with reported():
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            runs.check_sweep(cfg.trainer.devices, HydraConfig.get().launcher._target_)
            return trials.run(cfg, train)
        return train(cfg)


def train(cfg: DictConfig) -> float | None:
    """Build every part from its group of the configuration and run it."""
    import pytorch_lightning as pl  # heavy imports wait until Hydra has answered --help
    from pytorch_lightning.tuner import Tuner

    from inlay import distributed, precision, replay, resume, runs, tuning

    runs.quiet()
    if cfg.replay:
        replay.run(cfg.replay, build(OmegaConf.create(replay.config(cfg.replay))))
        return None
    runs.require(sorted(OmegaConf.missing_keys(cfg)))
    runs.check_used(cfg)
    runs.check_shared(str(OmegaConf.to_container(cfg)["run_dir"]))
    checkpoint = resume.find(cfg.run_dir, cfg.resume)
    cfg.run_id = runs.identity(cfg.run_id, checkpoint)
    given = OmegaConf.to_container(cfg, resolve=True)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    data = instantiate(cfg.data)
    if words := runs.vocabulary(cfg, data, checkpoint):
        cfg.text.vocabulary = words  # part of the configuration that checkpoints carry
    task = build(cfg)
    if checkpoint:
        resume.report(checkpoint, OmegaConf.to_container(cfg, resolve=True))
    else:
        runs.start_from(task, cfg.init_from, cfg.text_from)
    data.tokenizers = task.tokenizers()
    make_trainer = instantiate(cfg.trainer, precision=precision.resolve(cfg.trainer.precision, cfg.trainer.accelerator))
    if cfg.tune:
        tuning.run(task, data, make_trainer, Tuner)
        return None
    runs.open_folder(cfg.run_dir, OmegaConf.to_yaml(given), checkpoint, words)
    beside = {name: list(instantiate(cfg[name]).values()) for name in ("callbacks", "logger")}
    trainer = make_trainer(**beside, val_check_interval=min(cfg.validate_every, cfg.iterations))
    for logger in trainer.loggers:
        logger.log_hyperparams(given)
    with distributed.told_why():
        trainer.fit(task, data, ckpt_path=checkpoint, weights_only=True)
    return float(score) if (score := trainer.checkpoint_callback.best_model_score) is not None else None


def build(cfg: DictConfig) -> Any:
    """The task, with all its parts; their weights are drawn in this order."""
    config = OmegaConf.to_container(cfg, resolve=True)
    parts = {"net": "model", "loss": "loss", "optimizer": "optimizer", "scheduler": "scheduler"}
    return instantiate(cfg.task)(config=config, **{name: instantiate(cfg[group]) for name, group in parts.items()})


if __name__ == "__main__":
    main()
