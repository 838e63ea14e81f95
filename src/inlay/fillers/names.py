"""What fillers are called: where they are asked for, and in tables."""

from collections import Counter
from collections.abc import Sequence
from os.path import abspath
from pathlib import Path

from inlay.errors import InlayError
from inlay.fillers.classical import CLASSICAL

_MODEL = "model:"
_EVERYWHERE = "checkpoints"  # the folder that every run keeps its checkpoints in says nothing of it


def checkpoint_of(name: str | Path) -> Path | None:
    """The file that a filler (named as :func:`~inlay.fillers.load_filler` takes it) comes from; None for classical."""
    return None if name in CLASSICAL else Path(str(name).removeprefix(_MODEL))


def short_name(name: str) -> str:
    """What a table calls a filler: ``telea``; ``demo/best`` for ``model:outputs/demo/checkpoints/best.ckpt``.

    Args:
        name: as :func:`~inlay.fillers.load_filler` takes it.
    """
    return _names(name)[0]


def short_names(names: Sequence[str]) -> dict[str, str]:
    """What a table calls each of several fillers; those that would be called the same get further folders in front.

    Args:
        names: as :func:`~inlay.fillers.load_filler` takes them.

    Returns:
        By what was given, in its order.

    Raises:
        InlayError: two of them are the same filler.
    """
    same: dict[str, str] = {}
    for name in names:
        longest = _names(name)[-1]
        if longest in same:
            raise InlayError(f"filler: {same[longest]} and {name} are the same filler. Leave one of them out.")
        same[longest] = name
    waiting = {name: _names(name) for name in names}
    while True:
        counts = Counter(choices[0] for choices in waiting.values())
        if max(counts.values(), default=1) == 1:
            return {name: choices[0] for name, choices in waiting.items()}
        waiting = {name: _next(choices, counts) for name, choices in waiting.items()}


def _next(choices: list[str], counts: Counter[str]) -> list[str]:
    return choices[1:] if counts[choices[0]] > 1 and len(choices) > 1 else choices


def _names(name: str) -> list[str]:
    """From the shortest to the whole path, which no other file has."""
    path = checkpoint_of(name)
    if path is None:
        return [name]
    whole = Path(abspath(path))  # noqa: PTH100 -- a link such as best.ckpt keeps its name
    folders = [*(part for part in whole.parent.parts[1:] if part != _EVERYWHERE), whole.stem]
    given = sum(part not in (_EVERYWHERE, "..", whole.root) for part in path.parts)  # the rest is not to be seen
    return ["/".join(folders[-count:]) for count in range(min(given, 2), len(folders) + 1)] + [str(whole)]
