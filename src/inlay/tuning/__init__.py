"""Settings that are found by trying them: the learning rate and the batch size."""

from inlay.tuning.tune import run

__all__ = ["run"]
