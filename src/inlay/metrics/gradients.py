"""Differences of neighbors: how rough and how sharp a filled picture is, and whether its seam shows."""

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


class Sharpness(Metric):
    """Energy of the gradient in the hole, as a share of the original's. It describes: noise is sharp, too.

    ===================  ===============================================================================================
    name                 formula
    ===================  ===============================================================================================
    ``sharpness_hole``   sum of ``(x[i, j+1] - x[i, j])^2`` and ``(x[i+1, j] - x[i, j])^2`` over all pairs of neighbors
                         that are both hole, over the same sum of the original: 1 is as sharp, below 1 is blurred. Of
                         several pictures the quotient of both sums over those whose original is not flat in the hole
    ===================  ===============================================================================================
    """

    specs = (
        MetricSpec(
            "sharpness_hole", "neither", weight="gradient_energy", about="Gradient energy in the hole; original: 1."
        ),
    )

    @override
    def __call__(self, result: FillResult) -> dict[str, Tensor]:
        hole = (result.mask > 0.5).to(result.filled.dtype)
        filled, truth = (_squares(x, hole, 2) + _squares(x, hole, 3) for x in (result.filled, result.truth))
        return {"sharpness_hole": torch.where(truth > 0, filled / truth, torch.nan), "gradient_energy": truth}


def _squares(x: Tensor, hole: Tensor, axis: int) -> Tensor:
    """``(B,)``, the sum of squared differences along an axis of neighbors that are both hole."""
    return (x.diff(dim=axis).square() * _pairs(hole, axis)).sum(dim=(1, 2, 3))


def _pairs(hole: Tensor, axis: int) -> Tensor:
    """1 where a pixel and the next one along an axis are both hole."""
    return _cut(hole, axis, 0, 1) * _cut(hole, axis, 1, 0)


def _steps(x: Tensor, hole: Tensor, axis: int) -> Tensor:
    """``(3, B)`` along an axis: the mean difference of neighbors, its sum over pairs in the hole, their number."""
    steps, both = x.diff(dim=axis).abs(), _pairs(hole, axis)
    return torch.stack([steps.mean(dim=(1, 2, 3)), (steps * both).sum(dim=(1, 2, 3)), both.sum(dim=(1, 2, 3))])
