"""Where Inlay keeps what it can make again."""

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_dir() -> Path:
    """``$INLAY_CACHE``, else ``inlay`` in the user's cache directory (on Linux ``$XDG_CACHE_HOME`` or ``~/.cache``)."""
    if own := os.environ.get("INLAY_CACHE"):
        return Path(own).expanduser()
    return user_cache_path("inlay", appauthor=False)
