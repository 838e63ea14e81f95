"""``inlay evaluate protocol=NAME data.root=PATH fillers=[model:CKPT,telea] [shard=3/16]``: measure fillers."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from inlay.cli.evaluation import evaluate
from inlay.cli.overrides import explained, reported_overrides
from inlay.configs import CONF


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="evaluate")
def main(cfg: DictConfig) -> None:
    """Evaluate as configured; print the table and where everything lies."""
    from inlay.errors import reported

    with reported(), explained("evaluate"):
        cfg.run_dir = HydraConfig.get().run.dir
        evaluate(cfg, list(HydraConfig.get().overrides.task))


if __name__ == "__main__":
    with reported_overrides("evaluate"):
        main()
