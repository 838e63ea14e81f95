"""``inlay train experiment=NAME key=value ...``: train a network (``--help`` lists the choices)."""

from inlay import stopping

if __name__ == "__main__":
    stopping.listen()  # before the seconds that imports take

from contextlib import nullcontext
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from inlay.cli.overrides import explained, reported_overrides
from inlay.cli.training import train
from inlay.configs import CONF
from inlay.printing import tee
from inlay.processes import is_first_process


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Train as configured; return the best value of the monitored metric (what a sweep searches for)."""
    from inlay.cli import trials
    from inlay.errors import reported
    from inlay.runs.checks import check_sweep

    log = Path(HydraConfig.get().runtime.output_dir) / "train.log"
    with tee(log) if is_first_process() else nullcontext(), reported(), explained("train"):
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            check_sweep(cfg.trainer.devices, HydraConfig.get().launcher._target_)
            return trials.run(cfg, train)
        cfg.run_dir = HydraConfig.get().run.dir
        return train(cfg)


if __name__ == "__main__":
    with reported_overrides("train"):
        main()
