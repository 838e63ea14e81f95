"""Weights of a checkpoint for a module that is there already: ``init_from=`` and ``text_from=``."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from inlay.checkpoints.reading import read, weights
from inlay.errors import InlayError


@dataclass(frozen=True)
class LoadReport:
    """Keys of two state dicts by whether their weights were loaded; as text, one key a line."""

    loaded: list[str]
    missing: list[str]
    unexpected: list[str]
    mismatched: list[str]

    def __str__(self) -> str:
        lines = []
        for title, keys in vars(self).items():
            lines += [f"{len(keys)} keys {title}", *(f"  {key}" for key in keys)]
        return "\n".join(lines)


def load_matching_weights(path: str | Path, net: nn.Module, part: str = "net") -> LoadReport:
    """Copy a checkpoint's weights into a network as far as names and shapes agree (``init_from=``).

    Raises:
        InlayError: see :func:`read`; or no weight fits.
    """
    given, own = weights(read(path), part), net.state_dict()
    shared = given.keys() & own.keys()
    fits = {key for key in shared if given[key].shape == own[key].shape}
    report = LoadReport(
        loaded=sorted(fits),
        missing=sorted(own.keys() - given.keys()),
        unexpected=sorted(given.keys() - own.keys()),
        mismatched=[f"{k}: {tuple(given[k].shape)} there, {tuple(own[k].shape)} here" for k in sorted(shared - fits)],
    )
    if not fits:
        raise InlayError(f"init_from={path}: no weight fits this network. Is it a checkpoint of another model?")
    net.load_state_dict({key: given[key] for key in fits}, strict=False)
    return report


def load_text(path: str | Path, text: nn.Module) -> None:
    """Copy a checkpoint's text encoder into one with the same words (``text_from=``).

    Raises:
        InlayError: see :func:`read`; or the encoders differ.
    """
    try:
        text.load_state_dict(weights(read(path), "text"))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise InlayError(f"text_from={path}: its text encoder does not fit text ({reason}).") from None
