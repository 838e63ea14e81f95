"""The models that the page offers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inlay.fillers.names import short_names
from inlay.printing import console, printable

if TYPE_CHECKING:
    from inlay.pipeline import Inpainter
    from inlay.precision import InferencePrecision

Models = dict[str, "Inpainter"]
"""By what the page calls them, in the order that they were named in."""

UNTRAINED = ("telea", "navier_stokes", "biharmonic", "mean")
"""What the page offers where no model is named: fillers that need no training, the first is chosen."""


def open_models(names: Sequence[str], device: str = "auto", precision: "InferencePrecision" = "32") -> Models:
    """Open every model once, before there is a page: what cannot be opened ends the program, not a visit.

    Args:
        names: as :func:`inlay.pipeline.load` takes them.
        device: where networks run.
        precision: what they compute in.

    Raises:
        InlayError: see :func:`inlay.pipeline.load`; or two names are the same model.
    """
    from inlay.pipeline import load

    screen = console(stderr=True)
    models = {}
    for name, label in short_names(names).items():
        with screen.status(printable(f"opening {name}")):
            models[label] = load(name, device=device, precision=precision)
    return models
