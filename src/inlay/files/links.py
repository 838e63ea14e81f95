"""Links in a folder that somebody else may have made: they could lead what is written there to another place."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from inlay.errors import InlayError

_OF_LIBRARIES = "wandb"  # keeps links to its own logs elsewhere


def check_links(folder: str | os.PathLike[str], names: Iterable[str]) -> None:
    """Refuse links that lead out of a folder, to something or to nothing, before anything is written there.

    Args:
        folder: may be missing, and may be a link itself.
        names: of what is written there; what lies below them is looked at, too.

    Raises:
        InlayError: naming the first such link.
    """
    home = os.path.realpath(folder)
    for link in _links([Path(folder, name) for name in names]):
        if not Path(target := os.path.realpath(link)).is_relative_to(home):
            raise InlayError(
                f"{link}: a link that leads out of {folder}, to {target}, where this would write. Remove the link, or "
                "move what it leads to into its place."
            )


def _links(paths: list[Path]) -> Iterator[Path]:
    """Those among paths and below them."""
    while paths:
        path = paths.pop()
        if path.is_symlink():
            yield path
        elif path.is_dir() and path.name != _OF_LIBRARIES:
            paths += path.iterdir()
