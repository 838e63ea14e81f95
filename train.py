"""Train a network: ``python train.py experiment=NAME key=value ...`` (``--help`` lists the choices)."""

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Train as configured; return the best value of the monitored metric (what a sweep maximizes)."""
    from inlay import runs
    from inlay.errors import reported

    with reported():
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            runs.check_sweep(cfg.trainer.devices)
            cfg.run_dir = HydraConfig.get().runtime.output_dir  # every job of a sweep has a folder of its own
        return train(cfg)


def train(cfg: DictConfig) -> float | None:
    """Build every part from its group of the configuration and run it."""
    import pytorch_lightning as pl  # heavy imports wait until Hydra has answered --help

    from inlay import runs

    runs.quiet()
    runs.require(sorted(OmegaConf.missing_keys(cfg)))
    runs.check_used(cfg)
    given = OmegaConf.to_container(cfg, resolve=True)
    resume = runs.find_checkpoint(cfg.run_dir, cfg.resume)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    data = instantiate(cfg.data)
    if words := runs.vocabulary(cfg, data, resume):
        cfg.text.vocabulary = words  # part of the configuration that checkpoints carry
    task = instantiate(cfg.task)(
        net=instantiate(cfg.model),
        loss=instantiate(cfg.loss),
        optimizer=instantiate(cfg.optimizer),
        scheduler=instantiate(cfg.scheduler),
        config=OmegaConf.to_container(cfg, resolve=True),
    )
    if not resume:
        runs.start_from(task, cfg.init_from, cfg.text_from)
    data.tokenizers = task.tokenizers()
    runs.open_folder(cfg.run_dir, OmegaConf.to_yaml(given), resume is None, words)
    trainer = instantiate(cfg.trainer)(
        callbacks=list(instantiate(cfg.callbacks).values()),
        logger=list(instantiate(cfg.logger).values()),
        val_check_interval=min(cfg.validate_every, cfg.iterations),
    )
    for logger in trainer.loggers:
        logger.log_hyperparams(given)
    trainer.fit(task, data, ckpt_path=resume, weights_only=True)
    return None if (best := trainer.checkpoint_callback.best_model_score) is None else float(best)


if __name__ == "__main__":
    main()
