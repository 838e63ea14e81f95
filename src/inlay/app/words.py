"""What the page calls things, in words of those who edit photographs."""

from inlay.pipeline import Strategy

LOOKS: dict[Strategy, str] = {
    "auto": "Choose for me",
    "whole": "The whole picture at once",
    "crop": "Only what is around each hole, at full sharpness",
    "tile": "Square by square: long scratches, large holes",
    "resize": "A small copy first, then the edges at full sharpness",
}
"""What a model is shown, by the strategy of that name."""

_LOOKED: dict[Strategy, str] = {
    "whole": "it saw the whole picture at once",
    "crop": "it saw what is around each hole",
    "tile": "it went square by square",
    "resize": "it saw a small copy first, then the edges",
}
_MODELS = {
    "telea": "Quick patch (Telea)",
    "navier_stokes": "Quick patch along lines (Navier-Stokes)",
    "biharmonic": "Smooth surface, slow (biharmonic)",
    "mean": "One plain color (mean)",
}


def called(model: str) -> str:
    """What the page calls a model: a filler that needs no training by what it does, any other by its name."""
    return _MODELS.get(model, model)


def looked(strategy: Strategy) -> str:
    """What was done, by strategy."""
    return _LOOKED[strategy]
