"""Checkpoint files that are whole or absent."""

import errno
import hashlib
import re
import shutil
from pathlib import Path
from typing import IO, Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from torch import Tensor

from inlay import files
from inlay.checkpoints.files import sidecar
from inlay.errors import InlayError, disk_refused, unwritable
from inlay.files import replacing_all

_MB = 10**6
_WRITER = re.compile("inline_container|PytorchStreamWriter|iostream error")  # torch's own words


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write beside the target, flush to disk, rename; the SHA-256 is there before the file is.

    Lightning's own writer goes through TMPDIR and copies when that is another file system; a run killed in the
    middle then leaves half a checkpoint under the final name.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Save, or leave what was there before untouched.

        Raises:
            InlayError: the disk refuses, or has not enough space.
        """
        path = Path(path)
        needed = size(checkpoint)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(path.parent).free
            if free < needed:
                raise OSError(errno.ENOSPC, "not enough space")
            with replacing_all(sidecar(path), path) as (note, file):
                hashing = _Hashing(file)
                torch.save(checkpoint, hashing)  # type: ignore[arg-type]  # write and flush are all it asks
                note.write(f"{hashing.sha256.hexdigest()}  {path.name}\n".encode())
        except (OSError, RuntimeError) as error:
            reason = _reason(error)
            if isinstance(reason, OSError) and not isinstance(reason, ConnectionError) and not disk_refused(reason):
                raise unwritable(path, reason) from error
            if not disk_refused(reason) and not (isinstance(reason, RuntimeError) and _WRITER.search(str(reason))):
                raise reason  # noqa: B904 -- another process is gone, a worker, Ctrl-C: not a matter of the disk
            free = shutil.disk_usage(next(p for p in path.parents if p.exists())).free
            raise InlayError(
                f"{path}: the checkpoint could not be written ({getattr(reason, 'strerror', reason)}). It needs "
                f"{needed / _MB:.0f} MB, {free / _MB:.0f} MB are free. The checkpoints before it are intact: "
                "make room, then resume=last."
            ) from error

    def remove_checkpoint(self, path: str | Path) -> None:
        Path(path).unlink(missing_ok=True)
        sidecar(path).unlink(missing_ok=True)


def size(value: Any) -> int:
    """Bytes that the tensors of a checkpoint take."""
    if isinstance(value, Tensor):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(size, value.values()))
    return sum(map(size, value)) if isinstance(value, list | tuple) else 0


def _reason(error: BaseException) -> BaseException:
    """What went wrong within ``torch.save``: where anything is raised meanwhile, torch's writer complains instead."""
    while isinstance(error, RuntimeError) and _WRITER.search(str(error)) and error.__context__ is not None:
        error = error.__context__
    return error


def remove_leftovers(folder: Path) -> None:
    """Delete what killed processes had begun to write or to delete: parts of files, and sums of none."""
    for note in folder.glob("*.ckpt.sha256"):
        if not note.with_suffix("").exists():
            note.unlink(missing_ok=True)
    files.remove_leftovers(folder)


class _Hashing:
    """A file that sums up what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sha256 = file, hashlib.sha256()

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()
