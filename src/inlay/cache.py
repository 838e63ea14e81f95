"""Where Inlay keeps what it can make again."""

import os
from pathlib import Path


def cache_dir() -> Path:
    """``$INLAY_CACHE``, else ``inlay`` in the user's cache directory (``$XDG_CACHE_HOME``, ``~/.cache``)."""
    if own := os.environ.get("INLAY_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "inlay"
