"""How smooth an answer is, and whether its seam shows."""

import torch
from torch import Tensor

from inlay.metrics.base import FillResult, MetricSpec


class Smoothness:
    """Roughness of the answer, and the break of its gradient at the edge of the hole.

    ====================  ==============================================================================================
    name                  formula
    ====================  ==============================================================================================
    ``tv``                total variation of the answer: mean of ``|x[i, j+1] - x[i, j]|`` plus mean of
                          ``|x[i+1, j] - x[i, j]|``, in ``[0, 2]``. It describes and does not judge: the truth has a
                          value, too, and blur a small one
    ``tv_hole``           twice the mean step over all pairs of neighbors that are both hole
    ``boundary_error``    along every line of four pixels ``a b | c d`` across the edge of the hole (``b`` known, ``c``
                          hole, either way, in rows and columns), the jump of the gradient is
                          ``J = (c - b) - ((b - a) + (d - c)) / 2``; the mean of ``|J(answer) - J(truth)|`` over the
                          lines of all pictures, in ``[0, 4]``, lower is better. A visible seam is high
    ====================  ==============================================================================================
    """

    metrics = (
        MetricSpec(
            "tv", "neither", about="Total variation of the answers: roughness. The truth has one, too; blur has little."
        ),
        MetricSpec(
            "tv_hole",
            "neither",
            weight="hole_pairs",
            about="Total variation inside the holes: roughness. The truth has one, too; blur has little.",
        ),
        MetricSpec(
            "boundary_error",
            "lower",
            weight="edge_lines",
            about="Jump of the gradient across the edge of the hole against that of the truth: a visible seam.",
        ),
    )

    def __call__(self, answer: FillResult) -> dict[str, Tensor]:
        """See :class:`~inlay.metrics.Metric`."""
        hole = (answer.mask > 0.5).to(answer.image.dtype)
        whole, rough, pairs, broken, lines = _along(answer, hole, 2) + _along(answer, hole, 3)
        channels = answer.image.shape[1]
        return {
            "tv": whole,
            "tv_hole": 2 * rough / (pairs * channels),
            "hole_pairs": pairs,
            "boundary_error": broken / (lines * channels),
            "edge_lines": lines,
        }


def _along(answer: FillResult, hole: Tensor, axis: int) -> Tensor:
    """The sums of an axis, ``(5, B)``: roughness, that of the hole, its pairs, jumps that are wrong, lines of four."""
    steps = answer.filled.diff(dim=axis).abs()
    both = _cut(hole, axis, 0, 1) * _cut(hole, axis, 1, 0)
    crossed = (_cut(hole, axis, 1, 2) - _cut(hole, axis, 2, 1)).abs()  # between the second and the third
    wrong = (_jumps(answer.filled, axis) - _jumps(answer.image, axis)).abs()
    sums = [x.sum(dim=(1, 2, 3)) for x in (steps * both, both, wrong * crossed, crossed)]
    return torch.stack([steps.mean(dim=(1, 2, 3)), *sums])


def _jumps(x: Tensor, axis: int) -> Tensor:
    """``(c - b) - ((b - a) + (d - c)) / 2`` along every line of four pixels."""
    steps = x.diff(dim=axis)
    return _cut(steps, axis, 1, 1) - (_cut(steps, axis, 0, 2) + _cut(steps, axis, 2, 0)) / 2


def _cut(x: Tensor, axis: int, before: int, behind: int) -> Tensor:
    """``x`` without so many of its first and last places along an axis."""
    return x.narrow(axis, before, x.shape[axis] - before - behind)
