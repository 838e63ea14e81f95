"""Numerical precision of training and of inference."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, get_args

import torch

from inlay.errors import InlayError

InferencePrecision = Literal["32", "bf16", "16"]
"""Precision in which a trained network fills: float32, or autocast to bfloat16 or float16."""

_AUTOCAST = {"bf16": torch.bfloat16, "16": torch.float16}


def resolve(wanted: str | int, accelerator: str) -> str | int:
    """The precision of a run, as Lightning names it.

    Args:
        wanted: ``auto`` for ``bf16-mixed`` where the run gets a CUDA device that computes in bfloat16, else for
            ``32-true``; or a precision of Lightning's.
        accelerator: what the run computes on, as Lightning names it.

    Raises:
        InlayError: float16 is wanted.
    """
    if str(wanted).startswith("16"):
        raise InlayError(
            f"trainer.precision={wanted}: float16 ends at 65504, and Gram matrices and KL overflow it. Use bf16-mixed, "
            "which is as fast and has the range of float32, or 32-true where the GPU has no bfloat16."
        )
    if wanted != "auto":
        return wanted
    with_cuda = accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    return "bf16-mixed" if with_cuda and torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"


def autocast(device: torch.device, precision: str | int) -> AbstractContextManager[object]:
    """The context in which a network fills with a precision.

    Args:
        device: where the network runs.
        precision: one of :data:`InferencePrecision`, or its number.

    Raises:
        InlayError: there is no such precision.
    """
    precision = str(precision)
    if precision not in get_args(InferencePrecision):
        raise InlayError(f"precision must be one of {', '.join(get_args(InferencePrecision))}, got {precision!r}.")
    return torch.autocast(device.type, _AUTOCAST[precision]) if precision in _AUTOCAST else nullcontext()
