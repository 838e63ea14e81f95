"""Differences of neighbors: how rough a filled picture is, and whether its seam shows."""

import torch
from torch import Tensor
from typing_extensions import override

from inlay.metrics.base import FillResult, Metric, MetricSpec


class BoundaryError(Metric):
    """Break of the gradient at the edge of the hole.

    ====================  ==============================================================================================
    name                  formula
    ====================  ==============================================================================================
    ``boundary_error``    along every line of four pixels ``a b | c d`` across the edge of the hole (``b`` known, ``c``
                          hole or the other way round, in rows and columns), the jump of the gradient is
                          ``J = (c - b) - ((b - a) + (d - c)) / 2``; the mean of ``|J(filled) - J(truth)|`` over the
                          lines of all pictures, in ``[0, 4]``, lower is better. A visible seam is high
    ====================  ==============================================================================================
    """

    specs = (
        MetricSpec(
            "boundary_error", "lower", weight="edge_lines", about="Jump of the gradient at the hole's edge: a seam."
        ),
    )

    @override
    def __call__(self, result: FillResult) -> dict[str, Tensor]:
        hole = (result.mask > 0.5).to(result.filled.dtype)
        filled, truth = result.filled, result.truth
        error, lines = _breaks(filled, truth, hole, 2) + _breaks(filled, truth, hole, 3)
        return {"boundary_error": error / (lines * filled.shape[1]), "edge_lines": lines}


def _breaks(a: Tensor, b: Tensor, hole: Tensor, axis: int) -> Tensor:
    """``(2, B)`` along an axis: the summed differences of jumps across the edge of the hole, the number of lines."""
    crossed = (_cut(hole, axis, 1, 2) - _cut(hole, axis, 2, 1)).abs()  # between the second and third of four
    error = (_jumps(a, axis) - _jumps(b, axis)).abs() * crossed
    return torch.stack([error.sum(dim=(1, 2, 3)), crossed.sum(dim=(1, 2, 3))])


def _jumps(x: Tensor, axis: int) -> Tensor:
    """``(c - b) - ((b - a) + (d - c)) / 2`` along every line of four pixels."""
    steps = x.diff(dim=axis)
    return _cut(steps, axis, 1, 1) - (_cut(steps, axis, 0, 2) + _cut(steps, axis, 2, 0)) / 2


def _cut(x: Tensor, axis: int, first: int, last: int) -> Tensor:
    """``x`` without its ``first`` and ``last`` places along an axis."""
    return x.narrow(axis, first, x.shape[axis] - first - last)


class TotalVariation(Metric):
    """Total variation of filled pictures. It needs no truth, describes and does not judge: blur has a small one.

    ===========  =======================================================================================================
    name         formula
    ===========  =======================================================================================================
    ``tv``       mean of ``|x[i, j+1] - x[i, j]|`` plus mean of ``|x[i+1, j] - x[i, j]|``, in ``[0, 2]``
    ``tv_hole``  twice the mean difference over all pairs of neighbors that are both hole
    ===========  =======================================================================================================
    """

    needs_truth = False
    specs = (
        MetricSpec("tv", "neither", about="Total variation: roughness. Real pictures have some, too; blur has little."),
        MetricSpec("tv_hole", "neither", weight="hole_pairs", about="Total variation inside the holes: roughness."),
    )

    @override
    def __call__(self, result: FillResult) -> dict[str, Tensor]:
        hole = (result.mask > 0.5).to(result.filled.dtype)
        whole, in_hole, pairs = _steps(result.filled, hole, 2) + _steps(result.filled, hole, 3)
        return {"tv": whole, "tv_hole": 2 * in_hole / (pairs * result.filled.shape[1]), "hole_pairs": pairs}


def _steps(x: Tensor, hole: Tensor, axis: int) -> Tensor:
    """``(3, B)`` along an axis: the mean difference of neighbors, its sum over pairs in the hole, their number."""
    steps, length = x.diff(dim=axis).abs(), x.shape[axis] - 1
    both = hole.narrow(axis, 0, length) * hole.narrow(axis, 1, length)
    return torch.stack([steps.mean(dim=(1, 2, 3)), (steps * both).sum(dim=(1, 2, 3)), both.sum(dim=(1, 2, 3))])
