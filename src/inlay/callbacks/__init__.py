"""What a run does besides learning: checkpoints, grids, logs, a progress bar."""

from inlay.callbacks.atomic_io import AtomicCheckpointIO
from inlay.callbacks.bad_files import BadFiles
from inlay.callbacks.demo_report import DemoReport
from inlay.callbacks.ema import EMA
from inlay.callbacks.grids import ImageGrids
from inlay.callbacks.last_checkpoint import LastCheckpoint
from inlay.callbacks.metrics_csv import MetricsCSV, RewindMetrics
from inlay.callbacks.progress import IterationBar

__all__ = [
    "EMA",
    "AtomicCheckpointIO",
    "BadFiles",
    "DemoReport",
    "ImageGrids",
    "IterationBar",
    "LastCheckpoint",
    "MetricsCSV",
    "RewindMetrics",
]
