"""Train a network: ``python train.py experiment=NAME key=value ...`` (``--help`` lists the choices)."""

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Train as configured; return the best value of the monitored metric (what a sweep maximizes)."""
    from inlay.errors import reported

    if HydraConfig.get().mode == RunMode.MULTIRUN:  # every job of a sweep has a folder of its own
        cfg.run_dir = HydraConfig.get().runtime.output_dir
    with reported():
        return train(cfg)


def train(cfg: DictConfig) -> float | None:
    """Build every part from its group of the configuration and run it."""
    import pytorch_lightning as pl  # heavy imports wait until Hydra has answered --help

    from inlay import runs
    from inlay.callbacks import AtomicCheckpointIO
    from inlay.checkpoints import transfer

    runs.quiet()
    runs.require(sorted(OmegaConf.missing_keys(cfg)))
    resume = runs.prepare(cfg.run_dir, cfg.resume, OmegaConf.to_yaml(cfg, resolve=True))
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    data = instantiate(cfg.data)
    task = instantiate(cfg.task)(
        net=instantiate(cfg.model),
        loss=instantiate(cfg.loss),
        optimizer=instantiate(cfg.optimizer),
        scheduler=instantiate(cfg.scheduler),
        config=OmegaConf.to_container(cfg, resolve=True),
    )
    if cfg.init_from and not resume:
        print(f"init_from={cfg.init_from}\n{transfer(cfg.init_from, task.net)}")
    trainer = instantiate(cfg.trainer)(
        callbacks=list(instantiate(cfg.callbacks).values()),
        logger=list(instantiate(cfg.logger).values()),
        plugins=[AtomicCheckpointIO()],
        max_steps=cfg.iterations,
        max_epochs=-1,  # the loader is endless; iterations end the run
        val_check_interval=min(cfg.validate_every, cfg.iterations),
        check_val_every_n_epoch=None,
        use_distributed_sampler=False,  # the data module shares samples out itself
    )
    trainer.fit(task, data, ckpt_path=resume, weights_only=True)
    best = trainer.checkpoint_callback.best_model_score
    return None if best is None else float(best)


if __name__ == "__main__":
    main()
