"""The models that the page offers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inlay.fillers import short_names
from inlay.printing import console, printable

if TYPE_CHECKING:
    from inlay.pipeline import Inpainter
    from inlay.precision import InferencePrecision

Models = dict[str, "Inpainter"]
"""By their names on the page, in the order in which they were given."""

UNTRAINED = ("telea", "navier_stokes", "biharmonic", "mean")
"""The models of a page for which none was given; the first is chosen."""


def open_models(names: Sequence[str], device: str = "auto", precision: "InferencePrecision" = "32") -> Models:
    """Open every model before there is a page: what cannot be opened ends the program, not a visit.

    Raises:
        InlayError: see :func:`inlay.pipeline.load`; or two names are the same model.
    """
    from inlay.pipeline import load

    screen = console(stderr=True)
    models = {}
    for name, label in zip(names, short_names(names), strict=True):
        with screen.status(printable(f"opening {name}")):
            models[label] = load(name, device=device, precision=precision)
    return models
