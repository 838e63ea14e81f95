"""What a run does besides learning: checkpoints, grids, logs, a progress bar."""

from inlay.callbacks.atomic_io import AtomicCheckpointIO
from inlay.callbacks.bad_files import BadFiles
from inlay.callbacks.checkpoints import Checkpoints
from inlay.callbacks.cpu_sync_batch_norm import CPUSyncBatchNorm
from inlay.callbacks.demo_report import DemoReport
from inlay.callbacks.ema import EMA
from inlay.callbacks.grids import ImageGrids
from inlay.callbacks.metrics_csv import MetricsCSV, RewindMetrics
from inlay.callbacks.mlflow_run import MLflowRun
from inlay.callbacks.nonfinite import NonFiniteGuard
from inlay.callbacks.per_sample_metrics import PerSampleMetrics
from inlay.callbacks.preemption import Preemption
from inlay.callbacks.preflight import Preflight
from inlay.callbacks.progress import IterationProgressBar
from inlay.callbacks.summary import Summary
from inlay.callbacks.throughput import Throughput
from inlay.callbacks.wandb_run import WandbRun

__all__ = [
    "EMA",
    "AtomicCheckpointIO",
    "BadFiles",
    "CPUSyncBatchNorm",
    "Checkpoints",
    "DemoReport",
    "ImageGrids",
    "IterationProgressBar",
    "MLflowRun",
    "MetricsCSV",
    "NonFiniteGuard",
    "PerSampleMetrics",
    "Preemption",
    "Preflight",
    "RewindMetrics",
    "Summary",
    "Throughput",
    "WandbRun",
]
