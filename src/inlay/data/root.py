"""The folder of a dataset; asked for before anything else, so this module imports nothing large."""

from pathlib import Path

from inlay.errors import InlayError


def check_root(root: Path) -> None:
    """Raise :class:`InlayError` where a dataset's folder is missing."""
    if not root.is_dir():
        raise InlayError(f"data.root={root}: no such folder. Give the folder that holds your pictures.")
