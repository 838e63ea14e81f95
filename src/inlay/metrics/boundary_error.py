"""Whether the seam of a fill shows."""

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
            "boundary_error",
            "lower",
            weight="edge_lines",
            about="Jump of the gradient across the edge of the hole against that of the truth: a visible seam.",
        ),
    )

    @override
    def __call__(self, result: FillResult) -> dict[str, Tensor]:
        hole = (result.mask > 0.5).to(result.filled.dtype)
        filled, truth = result.filled, result.truth
        error, lines = _along(filled, truth, hole, 2) + _along(filled, truth, hole, 3)
        return {"boundary_error": error / (lines * filled.shape[1]), "edge_lines": lines}


def _along(a: Tensor, b: Tensor, hole: Tensor, axis: int) -> Tensor:
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
