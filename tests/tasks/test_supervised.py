"""Training with any target, and which values of a metric are better."""

from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.optim.lr_scheduler import ConstantLR
from torch.utils.data import DataLoader
from torchmetrics import JaccardIndex, MetricCollection

from inlay.errors import InlayError
from inlay.metrics import InpaintingMetrics
from inlay.runs.library_warnings import silence_warnings
from inlay.tasks import ReconstructionTask, SupervisedTask
from inlay.tasks.base import higher_is_better


class Terms(nn.BCEWithLogitsLoss):
    """A loss that names its terms."""

    def forward(self, output, target):
        return (total := super().forward(output, target)), {"bce": total.detach()}


@pytest.mark.parametrize(("loss", "terms"), [(nn.BCEWithLogitsLoss(), set()), (Terms(), {"train/bce"})])
def test_a_mask_as_target(loss, terms):
    silence_warnings()
    image = torch.rand(4, 3, 8, 8)
    target = (image[:, :1] > 0.5).float()
    batch = {"image": image, "mask": torch.zeros_like(target), "target": target, "id": list("abcd")}
    rates = {"optimizer": partial(torch.optim.Adam, lr=0.3), "scheduler": partial(ConstantLR, factor=1.0)}
    metrics = MetricCollection({"iou": JaccardIndex(task="binary")})
    task = SupervisedTask(nn.Conv2d(3, 1, 1), loss, metrics=metrics, config={"seed": 0}, accumulate=2, **rates)
    quiet = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary", "enable_checkpointing"), False)
    trainer = pl.Trainer(accelerator="cpu", max_epochs=20, inference_mode=False, **quiet)
    data = DataLoader([batch] * 3, batch_size=None)
    (before,) = trainer.validate(task, data, verbose=False)
    trainer.fit(task, data, data)
    after = trainer.callback_metrics
    assert after["val/loss"] < 0.5 * before["val/loss"]
    assert after["val/iou"] > max(0.9, before["val/iou"])
    logged = {name for name in after if name.startswith("train/")}
    assert logged == {"train/loss", "train/lr", "train/grad_norm"} | terms
    assert not task.higher_is_better("val/loss")


def test_a_metric_without_a_direction_needs_a_mode():
    for mode, expected in ((None, True), ("max", True), ("min", False)):
        assert higher_is_better("val/psnr", ReconstructionTask, InpaintingMetrics, mode) == expected
    assert higher_is_better("val/iou", SupervisedTask, MetricCollection, "max")
    with pytest.raises(InlayError, match=r"monitor=val/iou.*val/loss.*monitor_mode"):
        higher_is_better("val/iou", SupervisedTask, MetricCollection)
    with pytest.raises(InlayError, match="monitor_mode must be max, min or null"):
        higher_is_better("val/iou", SupervisedTask, MetricCollection, "up")
