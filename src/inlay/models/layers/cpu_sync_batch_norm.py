"""Batch norm over a batch that several processes share."""

import torch
import torch.distributed as dist
from torch import Tensor, nn

from inlay.distributed import rank_and_world


class CPUSyncBatchNorm2d(nn.BatchNorm2d):
    """Batch norm whose statistics in training are those of all processes' samples together.

    For processors, what :class:`torch.nn.SyncBatchNorm` is for GPUs, where it refuses to work anywhere else. All
    processes must have the same number of samples.
    """

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C, H, W)``."""
        _, world = rank_and_world()
        if world == 1 or not self.training:
            return super().forward(x)
        wide = x.float()
        mean = _mean_over_processes(wide.mean(dim=(0, 2, 3)))  # (C,)
        variance = _mean_over_processes((wide - mean[:, None, None]).square().mean(dim=(0, 2, 3)))  # (C,)
        with torch.no_grad():
            if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
                count = world * x[:, 0].numel()
                self.num_batches_tracked += 1
                momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
                self.running_mean.lerp_(mean, momentum)
                self.running_var.lerp_(variance * (count / (count - 1)), momentum)
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return ((wide - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


def _mean_over_processes(x: Tensor) -> Tensor:
    from torch.distributed.nn.functional import all_reduce  # brings remote calls along, which only processes need

    # differentiable, unlike that of torch.distributed itself
    total: Tensor = all_reduce(x.contiguous())  # type: ignore[no-untyped-call]
    return total / dist.get_world_size()


def convert_sync_batchnorm(module: nn.Module) -> None:
    """Let every :class:`torch.nn.BatchNorm2d` of a module be a :class:`CPUSyncBatchNorm2d`, in place."""
    _turn(module, nn.BatchNorm2d, CPUSyncBatchNorm2d)


def revert_sync_batchnorm(module: nn.Module) -> None:
    """Let every :class:`CPUSyncBatchNorm2d` of a module be a :class:`torch.nn.BatchNorm2d` again, in place."""
    _turn(module, CPUSyncBatchNorm2d, nn.BatchNorm2d)


def _turn(module: nn.Module, old: type[nn.Module], new: type[nn.Module]) -> None:
    for part in module.modules():
        if type(part) is old:
            part.__class__ = new  # nothing but the forward pass differs: parameters stay where optimizers know them
