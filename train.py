"""Train a network: ``python train.py experiment=NAME key=value ...`` (``--help`` lists the choices)."""

from inlay import stopping

if __name__ == "__main__":
    stopping.listen()  # before the seconds that imports take

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from inlay.cli.training import train


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Train as configured; return the best value of the monitored metric (what a sweep searches for)."""
    from inlay import runs
    from inlay.cli import trials
    from inlay.errors import reported

    with reported():
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            runs.check_sweep(cfg.trainer.devices, HydraConfig.get().launcher._target_)
            return trials.run(cfg, train)
        cfg.run_dir = HydraConfig.get().run.dir
        return train(cfg)


if __name__ == "__main__":
    main()
