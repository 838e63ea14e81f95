"""Settings that are found by trying: ``tune=lr`` and ``tune=batch_size``. A run that tunes does not train."""

from inlay.tuning.tune import run

__all__ = ["run"]
