"""The loss while the learning rate rises (Smith 2017), and where it falls fastest."""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning.tuner.tuning import Tuner

from inlay.data.datamodule import InpaintingData
from inlay.files import write_bytes
from inlay.tasks.base import Task

_LOWEST, _HIGHEST, _STEPS = 1e-6, 1.0, 100
_MEMORY = 0.98  # of Lightning's running mean of losses
_WINDOW = 11  # steps that are averaged over: two thirds of a decade


class LRCurve(NamedTuple):
    """The loss of each step, while the learning rate rose by the same factor from step to step."""

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]

    def smooth(self) -> "LRCurve":
        """The moving average; without the steps at both ends that it cannot be had for."""
        middle = slice(_WINDOW // 2, 1 - _WINDOW + _WINDOW // 2)
        return LRCurve(self.rates[middle], np.convolve(self.losses, np.full(_WINDOW, 1 / _WINDOW), "valid"))

    @property
    def suggestion(self) -> float | None:
        """The rate, on a logarithmic axis, where the loss falls fastest; None if it falls by less than its noise.

        Lightning's suggestion takes slopes on a linear axis. There the lowest rates lie next to each other, and the
        difference between any two batches is a precipice.
        """
        if len(self.rates) < _WINDOW + 1:
            return None
        smooth = self.smooth()
        noise = np.std(self.losses[_WINDOW // 2 :][: len(smooth.losses)] - smooth.losses)
        if smooth.losses[0] - smooth.losses.min() <= noise:
            return None
        return float(smooth.rates[np.gradient(smooth.losses).argmin()])

    def draw(self, path: Path) -> None:
        """Draw it to a PNG, and mark the suggestion."""
        from matplotlib.figure import Figure  # not pyplot: no window, no global state

        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        panel = figure.subplots()
        panel.semilogx(self.rates, self.losses, ".", color="tab:blue", alpha=0.4, label="step")
        if len(self.rates) >= _WINDOW:
            panel.semilogx(*self.smooth(), color="tab:blue", label=f"mean of {_WINDOW} steps")
        if self.suggestion is not None:
            panel.axvline(self.suggestion, color="tab:orange", label=f"falls fastest: {self.suggestion:.2g}")
        panel.set(xlabel="optimizer.lr", ylabel="train/loss")
        if len(self.losses):
            most = 2 * float(np.median(self.losses[:_WINDOW]))  # what explodes at the end would hide the rest
            panel.set_ylim(top=min(most, panel.get_ylim()[1]))
        panel.grid(alpha=0.3)
        panel.legend(fontsize="small")
        png = BytesIO()
        figure.savefig(png, format="png", dpi=120)
        write_bytes(path, png.getvalue())


def rise(task: Task, data: InpaintingData, make_trainer: Callable[..., Any], folder: Path) -> LRCurve:
    """Train some steps with rates from too low to too high (Lightning's learning-rate finder).

    The weights, which lie in the folder meanwhile, are restored afterwards.

    Returns:
        The curve up to the first loss that is not finite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".tune_", dir=folder) as aside:
        finder = Tuner(make_trainer(default_root_dir=aside)).lr_find(
            task,
            datamodule=data,
            min_lr=_LOWEST,
            max_lr=_HIGHEST,
            num_training=_STEPS,
            early_stop_threshold=None,  # it would take a lucky first batch for the best loss there is
            update_attr=False,
        )
        assert finder is not None  # only trainer.fast_dev_run has none
        found = finder.results
    losses = of_each_step(found["loss"])
    finite = int(np.isfinite(losses).cumprod().sum())
    return LRCurve(np.array(found["lr"])[:finite], losses[:finite])


def of_each_step(smoothed: Sequence[float]) -> NDArray[np.float64]:
    """The loss of each step, out of Lightning's running mean.

    That mean forgets over fifty steps, three decades of rates here, and begins at half the loss: the correction for
    its beginning counts one step too many.
    """
    count = np.arange(1, len(smoothed) + 1)
    mean = np.array(smoothed) * (1 - _MEMORY ** (count + 1))
    before = np.concatenate([[0.0], mean[:-1]])
    losses: NDArray[np.float64] = (mean - _MEMORY * before) / (1 - _MEMORY)
    return losses
