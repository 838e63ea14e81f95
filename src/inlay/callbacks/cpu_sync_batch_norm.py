"""Batch norm over all processes on the CPU, as a plugin of the trainer."""

from pytorch_lightning.plugins.layer_sync import LayerSync
from torch import nn

from inlay.models.layers import convert_sync_batchnorm, revert_sync_batchnorm


class CPUSyncBatchNorm(LayerSync):
    """Statistics of the batch as a whole, so that the number of processes changes nothing.

    For processes on the CPU; on GPUs ``trainer.sync_batchnorm`` does it.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        convert_sync_batchnorm(model)
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        revert_sync_batchnorm(model)
        return model
