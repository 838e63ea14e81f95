"""Origin of a checkpoint: settings, revision, packages."""

import importlib.metadata
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import inlay

_PACKAGES = ("torch", "torchvision", "pytorch-lightning", "torchmetrics", "transformers", "albumentations", "numpy")


@cache
def software() -> dict[str, Any]:
    """Version, revision and packages that compute here."""
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    packages = {"python": platform.python_version(), **packages}
    return {"version": inlay.__version__, "git": _revision(), "packages": packages}


def provenance(config: dict[str, Any], **state: int) -> dict[str, Any]:
    """A checkpoint's entry ``inlay``."""
    return {**software(), "config": config, **state}


def _revision() -> str | None:
    """The commit that Inlay's source is at, with ``+changes`` if it differs; None where it is no checkout."""
    source = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", source, *arguments], capture_output=True, text=True, check=True).stdout

    try:
        return git("rev-parse", "HEAD").strip() + ("+changes" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
