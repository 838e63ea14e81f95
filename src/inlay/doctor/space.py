"""Whether there is room: for runs, for caches, for what passes between processes."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from inlay.cache import cache_dir
from inlay.doctor.finding import Finding
from inlay.errors import MORE_SHARED_MEMORY

GIB = 2**30
_LITTLE, _NONE = 5 * GIB, GIB // 10
_SHARED = Path("/dev/shm")
_WORKERS, _AHEAD, _LOADERS = 4, 2, 2  # data.num_workers, batches that each has ready, training and validation
_BATCH, _SIDE, _BYTES = 16, 512, 4  # pictures of three bytes a pixel, and their masks


def space() -> Iterator[Finding]:
    """The disk at each place that Inlay writes to, and the memory that loader workers share."""
    yield disk("outputs", Path("outputs"), "run_dir=PATH (training), --output PATH (filling)")
    yield disk("cache", cache_dir(), "INLAY_CACHE=PATH")
    yield disk("temporary files", Path(tempfile.gettempdir()), "TMPDIR=PATH")
    if _SHARED.is_dir():
        yield shared_memory(shutil.disk_usage(_SHARED).total)


def disk(subject: str, folder: Path, elsewhere: str) -> Finding:
    """Whether a folder, or the one that it would be made in, can be written to and has room."""
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    remedy = f"Make room, or choose another place: {elsewhere}"
    if not os.access(place, os.W_OK):
        return Finding(subject, f"{place} cannot be written to", "problem", f"Choose another place: {elsewhere}")
    free = shutil.disk_usage(place).free
    found = f"{_format_bytes(free)} free at {folder}"
    if free >= _LITTLE:
        return Finding(subject, found)
    return Finding(subject, found, "problem" if free < _NONE else "warning", remedy)


def shared_memory(size: int) -> Finding:
    """Whether the batches that workers have ready fit into memory of a size in bytes."""
    needed = _WORKERS * _AHEAD * _LOADERS * _BATCH * _SIDE**2 * _BYTES
    what = f"{_WORKERS} workers with batches of {_BATCH} at {_SIDE} px take {_format_bytes(needed)}"
    if size >= needed:
        return Finding("shared memory", f"{_format_bytes(size)} in {_SHARED}; {what}")
    return Finding(
        "shared memory", f"only {_format_bytes(size)} in {_SHARED}, and {what}", "warning", MORE_SHARED_MEMORY
    )


def _format_bytes(count: float) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / 2**20:.0f} MiB"
