"""What ``python -m`` may be given of this package."""

import sys
from pathlib import Path

_STARTS = '\nif __name__ == "__main__":'


def check() -> None:
    """End the process where ``python -m`` was given a module of ours that would do nothing, and say so.

    For the moment at which the package is imported: Python is still looking for the module then, and ``sys.argv``
    begins with ``-m`` in the place of it.
    """
    named = sys.orig_argv[-len(sys.argv)]
    module = named[named.find("inlay") :]  # also of -minlay.data
    file = Path(__file__).parent / f"{'/'.join(module.split('.')[1:])}.py"
    if file.is_file() and _STARTS not in file.read_text(encoding="utf-8"):
        raise SystemExit(f"error: {module} is no program. Those there are: `inlay --help`, or python -m inlay --help")
